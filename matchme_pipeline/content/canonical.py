"""The canonical form of a text and its hash: what makes two content items the same."""

import hashlib
import re
import unicodedata

_HORIZONTAL_SPACE = re.compile(r"[^\S\n]+")
_BLANK_LINES = re.compile(r"\n{3,}")


def canonical_text(raw: str | None) -> str:
    """`raw` in Unicode's composed form (NFC), without control characters, with single spaces and no blank edges.

    Words, case, punctuation and emoji stay as the member wrote them. Canonical text is a fixed point: its canonical
    form is itself. An item without any character of content has the empty text.
    """
    text = unicodedata.normalize("NFC", (raw or "").replace("\r\n", "\n").replace("\r", "\n"))
    text = "".join(" " if _is_noise(character) else character for character in text)
    text = _HORIZONTAL_SPACE.sub(" ", text)
    text = "\n".join(line.strip() for line in text.split("\n"))
    return unicodedata.normalize("NFC", _BLANK_LINES.sub("\n\n", text).strip())


def content_hash(raw: str | None) -> str | None:
    """SHA-256 (64 hex digits) of the canonical text in UTF-8; None for an empty one."""
    text = canonical_text(raw)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else None


def _is_noise(character: str) -> bool:
    # Zero-width joiners hold emoji and Urdu letters together; every other control character only breaks comparison.
    return character not in "\n\u200c\u200d" and unicodedata.category(character) in ("Cc", "Cf", "Co", "Cn")
