"""Normalises a text to what a reader sees, with the position of each character in the original; pure."""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# Full stops of other scripts, and Cyrillic and Greek letters that look like Latin ones.
_LOOKALIKES = str.maketrans(
    "。․‚аеорсухіјѕкмтвнԁһԛԝАЕОРСУХІЈЅКМТВНαορɡıᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ",
    "..,aeopcyxijskmtbhdhqwAEOPCYXIJSKMTBHaopgiabcdefghijklmnoprstuvwyz",
)
# Letters in black circles and squares, and regional indicators: a to z each.
_PICTURED = tuple("".join(map(chr, range(first, first + 26))) for first in (0x1F150, 0x1F170, 0x1F1E6))
_ENCLOSING_KEYCAP = "\u20e3"
_APOSTROPHES = "'\u2018\u2019\u201b\u02bc\u02bb\u02bd\u02be\u02bf\u02b9\u00b4\u2032`\uff07"
# Letters that people interchange, and those that Unicode does not decompose.
_SAME = str.maketrans(
    "أإآٱىئیېےكہۃةۂھؤڤıİøØłŁđĐħĦŧŦ" + _APOSTROPHES,
    "اااايييييکهههههوفiIoOlLdDhHtT" + "'" * len(_APOSTROPHES),
)


@dataclass(frozen=True)
class Folded:
    """`text` folded; character n comes from `original[starts[n]:ends[n]]`."""

    text: str
    starts: list[int]
    ends: list[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original behind the folded characters [start, end); not empty."""
        return self.starts[start], self.ends[end - 1]


def fold(original: str) -> Folded:
    """NFKC, every script's digits as 0-9, lookalikes as Latin, without format characters, marks and keycaps."""
    if original.isascii():
        places = list(range(len(original) + 1))
        return Folded(original, places[:-1], places[1:])
    folded: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for place, character in enumerate(original):
        shown = _shown(character)
        if not shown and ends:
            # An invisible character belongs to the character before it, so that both are masked together.
            ends[-1] = place + 1
        for one in shown:
            folded.append(one)
            starts.append(place)
            ends.append(place + 1)
    return Folded("".join(folded), starts, ends)


def _shown(character: str) -> str:
    if character.isascii():
        return character
    for letters in _PICTURED:
        if character in letters:
            return chr(ord("a") + letters.index(character))
    if is_invisible(character) or unicodedata.category(character) in ("Mn", "Me") or character == _ENCLOSING_KEYCAP:
        return ""
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return str(digit)
    return "".join(
        str(unicodedata.digit(one)) if unicodedata.digit(one, None) is not None else one
        for one in unicodedata.normalize("NFKC", character)
        if unicodedata.category(one) not in ("Mn", "Me", "Cf")
    ).translate(_LOOKALIKES)


def is_invisible(character: str) -> bool:
    """Does a character have no glyph? Format and tag characters, variation selectors, private use."""
    return unicodedata.category(character) in ("Cf", "Co", "Cn") or "\ufe00" <= character <= "\ufe0f"


def plain_letters(text: str) -> str:
    """`text` without accents, with one spelling of interchangeable letters, letter by letter."""
    if text.isascii():
        return text.replace("`", "'")
    return "".join(map(_plain_letter, text)).translate(_SAME)


@lru_cache(maxsize=65_536)
def _plain_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    parts = unicodedata.normalize("NFD", letter)
    return parts[0] if all(unicodedata.category(mark) == "Mn" for mark in parts[1:]) else letter
