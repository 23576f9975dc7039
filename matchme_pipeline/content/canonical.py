"""The canonical form of a text and its hash: what makes two content items the same."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

# Two spaces or more, or one that is not a plain space: ordinary single spaces stay untouched.
_UNEVEN_SPACE = re.compile(r"(?: [^\S\n]|[^\S\n ])[^\S\n]*")
_BLANK_LINES = re.compile(r"\n{3,}")
# Zero-width joiners hold emoji and Persian or Urdu letters together; tags spell out regional flags.
_JOINERS = frozenset("\u200c\u200d")
_FIRST_TAG, _LAST_TAG = "\U000e0020", "\U000e007f"


def canonical_text(raw: str | None) -> str:
    """`raw` in Unicode's composed form (NFC), without control characters, with single spaces and without outer spaces.

    Words, case, punctuation and emoji stay unchanged. Invisible format characters (soft hyphens, direction marks) are
    removed without splitting the word, and control characters become spaces. The function is idempotent. An item
    without a visible character gives the empty text.
    """
    text = unicodedata.normalize("NFC", (raw or "").replace("\r\n", "\n").replace("\r", "\n"))
    # Fast path: most texts need no cleaning, and one test of the whole text is fifty times faster than one per
    # character.
    if not text.replace("\n", "").isprintable():
        text = "".join(map(_cleaned, text))
    text = _UNEVEN_SPACE.sub(" ", text)
    text = "\n".join(line.strip() for line in text.split("\n"))
    text = unicodedata.normalize("NFC", _BLANK_LINES.sub("\n\n", text).strip())
    return text if any(map(_is_visible, text)) else ""


def content_hash(raw: str | None) -> str | None:
    """SHA-256 (64 hex digits) of the canonical text in UTF-8; None for an empty one."""
    return hash_of_canonical(canonical_text(raw))


def hash_of_canonical(text: str) -> str | None:
    """Like `content_hash`, of a text that is canonical already."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else None


def locate_quote(raw: str, quote: str) -> tuple[int, int] | None:
    """The position of a quote from `canonical_text(raw)` in `raw`: `raw[start:end]` is the member's own spelling.

    Compares letters in decomposed form and ignores only what the canonical form normalises (spacing, composition,
    invisible characters). None if the quote is not in `raw` or ends within a letter.
    """
    text, origins = _letters(raw)
    wanted = _letters(quote)[0].strip()
    start = text.find(wanted) if wanted else -1
    while start >= 0:
        end = start + len(wanted)
        span = min(origins[start:end]), max(origins[start:end]) + 1
        whole = end == len(text) or not unicodedata.combining(text[end])
        # Decomposed, one Korean syllable may be the beginning of another.
        if whole and _letters(raw[slice(*span)])[0].strip() == wanted:
            return span
        start = text.find(wanted, start + 1)
    return None


def _letters(text: str) -> tuple[str, Sequence[int]]:
    """`text` decomposed, with single spaces, and the index in `text` of each resulting character."""
    # Fast path: nearly all texts in English are their own letters, once a line's end is a space.
    even = text.replace("\n", " ")
    if even.isascii() and even.isprintable() and "  " not in even and not even.startswith(" "):
        return even, range(len(even))
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(text):
        for letter in _decomposed(character):
            if not letter.isspace():
                letters.append(letter)
                places.append(place)
            elif letters and letters[-1] != " ":
                letters.append(" ")
                places.append(place)
    # Unicode's canonical order of marks on one letter; one mark alone is in order.
    start = 0
    while start < len(letters):
        end = start + 1
        while end < len(letters) and unicodedata.combining(letters[end]):
            end += 1
        if end - start > 2:
            marks = sorted(range(start + 1, end), key=lambda mark: unicodedata.combining(letters[mark]))
            letters[start + 1 : end] = [letters[mark] for mark in marks]
            places[start + 1 : end] = [places[mark] for mark in marks]
        start = end
    return "".join(letters), places


# Texts repeat the same few hundred characters.
@lru_cache(maxsize=8_192)
def _decomposed(character: str) -> str:
    return unicodedata.normalize("NFD", _cleaned(character))


def _cleaned(character: str) -> str:
    if character == "\n":
        return character
    kind = unicodedata.category(character)
    if kind == "Cc":
        return " "
    # Format characters are invisible and would only break the comparison.
    return "" if kind == "Cf" and character not in _JOINERS and not _is_tag(character) else character


def _is_tag(character: str) -> bool:
    return _FIRST_TAG <= character <= _LAST_TAG


def _is_visible(character: str) -> bool:
    return not character.isspace() and unicodedata.category(character) not in ("Cf", "Mn", "Me")
