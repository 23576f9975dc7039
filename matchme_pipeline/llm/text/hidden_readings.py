"""Hidden readings of a text: tag characters, encodings, disguised letters; pure."""

import base64
import binascii
import codecs
import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

from matchme_pipeline.llm.text.folding import fold

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[\s,]?){12,}")
_BINARY = re.compile(r"(?:[01]{8}\s?){12,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}|[a-z2-7]{16,}")
_NUMBERS = re.compile(r"(?:(?:3[2-9]|[4-9]\d|1[01]\d|12[0-6])[\s,;]{1,2}){12,}")
_ESCAPES = re.compile(r"(?:&#x?\w{2,5};.{0,3}){4}|(?:\\u[0-9a-fA-F]{4}){4}|(?:%[0-9a-fA-F]{2}\w{0,12}){4}", re.DOTALL)
_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_TAGS = range(0xE0000, 0xE0080)
# Runs without glyphs: a message in bits, or in variation selectors after an emoji.
_UNSEEN = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u180e]{8,}|[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")
# Digits and signs that replace letters within words.
_DISGUISED = re.compile(r"[a-z][013457@$!|][a-z]|\b[1034][a-z]{2}", re.IGNORECASE)
_LETTERS = str.maketrans("013457@$!|", "oieastasil")
_DIGIT = re.compile(r"[0-9]")
_ESCAPE_SIGNS = frozenset("&\\%")
_UNPRINTABLE = bytes(byte for byte in range(256) if not (32 <= byte < 127 or byte in (9, 10, 13)))
_NO_SMALL_LETTERS = {place: None for place in range(128) if not "a" <= chr(place) <= "z"}
# How many encoded parts of a long text are decoded.
_MAX_STRETCHES = 50


def readings(text: str) -> Iterator[str]:
    """`text`, and every decoded form of it that a model may read and a person may not."""
    yield text
    folded = text
    if not text.isascii():
        tags = "".join(chr(ord(character) - 0xE0000) for character in text if ord(character) in _TAGS)
        if tags or _UNSEEN.search(text):
            # People do not type them by hand, so their content addresses a model.
            yield f"system: {tags}"
        folded = fold(text).text
        if folded != text:
            yield folded
    yield codecs.encode(folded, "rot13")
    yield folded[::-1]
    if _DISGUISED.search(folded):
        yield folded.translate(_LETTERS)
    yield from _decoded(folded, depth=2)


def compact(text: str) -> str:
    """The Latin letters of `text` in small letters, without anything between them."""
    # An ASCII text is translated at once.
    return text.lower().translate(_NO_SMALL_LETTERS) if text.isascii() else re.sub("[^a-z]+", "", text.lower())


def _decoded(text: str, depth: int) -> Iterator[str]:
    has_digits = _DIGIT.search(text) is not None
    patterns = (_BASE64, _HEX, _BINARY) if has_digits else (_BASE64, _HEX)
    stretches = [match[0] for pattern in patterns for match in pattern.finditer(text)]
    # A line break inside an encoded message is ignored.
    joined = "".join(text.split())
    first = _BASE64.search(joined) if joined != text else None
    stretches += [first[0]] if first is not None else []
    found = [
        raw.decode("utf-8", "ignore")
        for stretch in stretches[:_MAX_STRETCHES]
        for raw in (_from_base64(stretch), _from_base32(stretch), _from_hex(stretch), _from_binary(stretch))
        if raw and _is_text(raw)
    ]
    if has_digits:
        found += [_from_numbers(match[0]) for match in _NUMBERS.finditer(text)]
    if not _ESCAPE_SIGNS.isdisjoint(text) and _ESCAPES.search(text):
        found.append(_ESCAPE.sub(_unescaped, html.unescape(unquote(text))))
    for reading in found:
        yield reading
        if depth > 1 and reading != text:
            yield from _decoded(reading, depth - 1)


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _from_numbers(stretch: str) -> str:
    return "".join(chr(int(number)) for number in re.findall(r"\d+", stretch))


def _from_base32(stretch: str) -> bytes | None:
    bare = stretch.rstrip("=")
    if not _BASE32.fullmatch(bare):
        return None
    try:
        return base64.b32decode(bare.upper()[: len(bare) // 8 * 8])
    except (binascii.Error, ValueError):
        return None


def _from_base64(stretch: str) -> bytes | None:
    bare = stretch.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(bare[: len(bare) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return None


def _from_hex(stretch: str) -> bytes | None:
    digits = re.sub(r"0x|\\x|%|[\s,]", "", stretch)
    try:
        return bytes.fromhex(digits[: len(digits) // 2 * 2])
    except ValueError:
        return None


def _from_binary(stretch: str) -> bytes | None:
    bits = re.sub(r"\s", "", stretch)
    if set(bits) - {"0", "1"}:
        return None
    return bytes(int(bits[place : place + 8], 2) for place in range(0, len(bits) // 8 * 8, 8))


def _is_text(raw: bytes) -> bool:
    return len(raw.translate(None, _UNPRINTABLE)) >= 0.9 * len(raw)
