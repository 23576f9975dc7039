"""What a text says besides what is seen: tag characters, encodings, letters in disguise; pure."""

import base64
import binascii
import codecs
import re
from collections.abc import Iterator

from matchme_pipeline.llm.text.folding import fold

_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_HEX = re.compile(r"(?:(?:0x|\\x|%)?[0-9a-fA-F]{2}[\s,]?){12,}")
_BINARY = re.compile(r"(?:[01]{8}\s?){12,}")
_TAGS = range(0xE0000, 0xE0080)
# Of a long text so many encoded stretches are looked at.
_MOST_STRETCHES = 50


def readings(text: str) -> Iterator[str]:
    """`text` as it stands and every way of reading it that a model may see and a person may not."""
    yield text
    tags = "".join(chr(ord(character) - 0xE0000) for character in text if ord(character) in _TAGS)
    if tags:
        # Nobody writes them by hand: whatever they say is meant for a machine.
        yield f"system: {tags}"
    folded = fold(text).text
    if folded != text:
        yield folded
    yield codecs.encode(folded, "rot13")
    yield folded[::-1]
    # Letters set apart: "i g n o r e".
    if re.search(r"(?:\b\w[\s.\-_*]){6,}", folded):
        yield re.sub(r"(?<=\b\w)[\s.\-_*](?=\w\b)", "", folded)
    yield from _decoded(folded)


def _decoded(text: str) -> Iterator[str]:
    stretches = [match[0] for pattern in (_BASE64, _HEX, _BINARY) for match in pattern.finditer(text)]
    # A line break inside an encoded message divides nothing.
    joined = re.sub(r"\s+", "", text)
    stretches += [match[0] for match in _BASE64.finditer(joined)][:1] if joined != text else []
    for stretch in stretches[:_MOST_STRETCHES]:
        for raw in (_from_base64(stretch), _from_hex(stretch), _from_binary(stretch)):
            if raw and _is_text(raw):
                yield raw.decode("utf-8", "ignore")


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
    printable = sum(32 <= byte < 127 or byte in (9, 10, 13) for byte in raw)
    return printable >= 0.9 * len(raw)
