"""Make menu text safe and plain: one line, NFC, no hidden characters, no prices.

What is done with characters that do not show:

- Bidirectional embeddings, overrides and isolates, C0 and C1 controls, tag characters and noncharacters: a
  *name* or an id that carries one is rejected (`control_characters`), since such a name is not what a person
  reads. In other fields they are removed.
- Line breaks, tabs and every kind of space become one space, everywhere.
- Direction marks, soft hyphens, byte order marks and zero-width spaces are removed, everywhere. Joiners
  (U+200C, U+200D) stay where Arabic and Indic spelling or an emoji needs them.
"""

import re
import unicodedata

_FORBIDDEN = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e007f]"
)
_INVISIBLE = re.compile("[\u00ad\u061c\u200b\u200e\u200f\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb]")
_STRAY_JOINER = re.compile(
    "(?<![\u0600-\u06ff\u0750-\u077f\u0900-\u0dff\ufe0f\u2600-\u27bf\U0001f300-\U0001faff])[\u200c\u200d]"
)
_SPACES = re.compile(r"[\s\x1c-\x1f\x85]+")

_CODES = "AED|SGD|USD|EUR|GBP|BRL|THB|TRY|TWD|CNY|RMB|MYR|HKD|INR|JPY"
_SYMBOL = rf"(?:R\$|S\$|HK\$|NT\$|A\$|US\$|RM|Rp\.?|Rs\.?|[$€£¥￥₺฿₹₩₫₱₪₴₽]|(?:{_CODES}))"
_UNIT = (
    r"(?:[€£¥₺฿₹₩₫₱₪₴₽]|元|円|圓|块|원|บาท|درهم|ريال|د\.إ\.?|руб\.?|грн|zł|TL\b|kr\b"
    rf"|(?:{_CODES}|RM)\b)"
)
_AMOUNT = r"\d{1,3}(?:[.,\u00a0']\d{3})*(?:[.,]\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_PRICE = re.compile(
    rf"[(\[（]?\s*(?:(?<![A-Za-z]){_SYMBOL}\s?(?:{_AMOUNT})(?!\w)(?:\s?,-)?|(?<![A-Za-z\d.,])(?:{_AMOUNT})\s?{_UNIT})\s*[)\]）]?",
    re.IGNORECASE,
)
_DANGLING = re.compile(r"^[\s,;:|/–—-]+|[\s,;:|/–—-]+$")


def hidden_characters(text: str) -> list[str]:
    """Return the code points (`U+202E`) in a text that make a name unfit to show, in order of appearance."""
    return [f"U+{ord(c):04X}" for c in _FORBIDDEN.findall(text)]


def one_line(text: str) -> str:
    """Return the text in NFC on one line, without characters that do not show."""
    text = _INVISIBLE.sub("", _SPACES.sub(" ", text))
    text = _STRAY_JOINER.sub("", _FORBIDDEN.sub("", text))
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def without_prices(text: str) -> str:
    """Remove amounts that carry a currency ('RM 4.95', '15元', '(€ 9,50)') from a one-line description."""
    stripped = _PRICE.sub(" ", text)
    if stripped == text:
        return text
    return _DANGLING.sub("", re.sub(r"\s+([,.;:!?])", r"\1", _SPACES.sub(" ", stripped))).strip()


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, ending with an ellipsis when shortened."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def has_letter(text: str) -> bool:
    """Tell whether any character is a letter of some script."""
    return any(unicodedata.category(c).startswith("L") for c in text)
