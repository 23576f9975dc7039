"""Finds phone numbers in a folded text, in digits and in letters that look like digits; pure."""

import re
from collections.abc import Iterator

from matchme_pipeline.llm.text.ordinary_numbers import is_ordinary
from matchme_pipeline.llm.text.spelt_numbers import spelt_numbers

_SEPARATOR = r"(?:[^\w\n+]|_){0,3}"
_DIGITS = re.compile(rf"(?<!\d)[+(]{{0,3}}\d(?:{_SEPARATOR}\d){{6,}}")
# Over the end of a line, if both halves are too long for anything else.
_OVER_LINES = re.compile(r"(?<!\d)[+(]{0,3}\d{4,8}[^\w\n]{0,2}\n[^\w\n]{0,2}\d{5,8}(?!\d)")
# In parts, with words or ends of lines between them. The first part begins as numbers do.
_WORDS_BETWEEN = (
    r"(?:[^\w\d]{0,3}(?:and|then|part|half|first|second|third|two|one|next|rest|last|is|the|of|number|digits?|ends?"
    r"|with|by|followed|plus|bit|finally|continues?|&)(?![^\W_]))"
)
_PART = r"\d(?:[ .-]?\d){1,9}"
_IN_PARTS = re.compile(
    r"(?<![\d:.,/-])(?P<first>(?:\+|0)\d(?:[ .-]?\d){2,7})(?![\d:])"
    rf"(?:{_WORDS_BETWEEN}{{1,6}}[^\w\d]{{0,3}}|[^\w\n]{{0,3}}\n\s{{0,5}}){_PART}"
    rf"(?:{_WORDS_BETWEEN}{{0,6}}[^\w\d]{{1,3}}{_PART}){{0,3}}"
    r"(?![\d:])",
    re.IGNORECASE,
)
_MIN_IN_PARTS = 10
# Times of day without a sign: "0530 then 1845 and 2100".
_MINUTES = re.compile(r"(?:(?:[01]\d|2[0-4])[0-5]\d\b\D*)+")
# Letters as digits: only in a word that mostly consists of digits.
_DIGIT_LIKE = "OoIlSsBZzG"
_WITH_LETTERS = re.compile(rf"(?<![^\W_])[+(]{{0,3}}[\d{_DIGIT_LIKE}](?:{_SEPARATOR}[\d{_DIGIT_LIKE}]){{6,}}(?![^\W_])")
_LETTER_DIGITS = str.maketrans(_DIGIT_LIKE, "0011558226")
# At most this many such letters, because product and paper sizes contain them too.
_RARE_LETTERS, _RARE_SHARE = frozenset("SsBZzG"), 0.2
_WORD = re.compile(r"[^\W_]+")
_DIGIT = re.compile(r"\d")


def phone_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are phone numbers: seven digits or more, with any separators."""
    if _DIGIT.search(text):
        yield from _in_digits(text)
    yield from spelt_numbers(text)


def _in_digits(text: str) -> Iterator[tuple[int, int]]:
    for match in _DIGITS.finditer(text):
        if not is_ordinary(match[0]):
            yield match.span()
    yield from (match.span() for match in _OVER_LINES.finditer(text))
    for match in _IN_PARTS.finditer(text):
        digits = sum(character.isdigit() for character in match[0])
        if digits >= _MIN_IN_PARTS and not is_ordinary(match["first"]) and not _MINUTES.fullmatch(match[0]):
            yield match.span()
    for match in _WITH_LETTERS.finditer(text):
        if _is_disguised(match[0]):
            yield match.span()


def _is_disguised(found: str) -> bool:
    """Do letters replace digits in it? Only in words of digits, and fewer than the digits."""
    letters = sum(character in _DIGIT_LIKE for character in found)
    digits = sum(character.isdigit() for character in found)
    rare = sum(character in _RARE_LETTERS for character in found)
    mixed = all(any(character.isdigit() for character in word) for word in _WORD.findall(found))
    if not mixed or not 0 < letters <= digits or rare > _RARE_SHARE * digits:
        return False
    return not is_ordinary(found.translate(_LETTER_DIGITS))
