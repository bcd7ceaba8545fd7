"""Translation of menu text to English: a glossary of menu words, then transliteration."""

from plateful.translation.products import translate
from plateful.translation.text import Translation, translate_text

__all__ = ["Translation", "translate", "translate_text"]
