"""Translation of menu text to English: a glossary of menu words, a translator, then transliteration."""

from plateful.translation.machine import Machine
from plateful.translation.products import translate
from plateful.translation.text import Translation, translate_text

__all__ = ["Machine", "Translation", "translate", "translate_text"]
