"""Numbers of seven digits or more that are not phone numbers: days, times, prices, scores, verses; pure."""

import re
from itertools import pairwise

_DAY = r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
# Gregorian or Hijri.
_YEAR = r"(?:1[3-9]|2[01])\d\d"
_TIME = r"(?:[01]?\d|2[0-4])[.:][0-5]\d(?:[.:][0-5]\d)?"
_VERSE = r"\d{1,3}[.:]\d{1,3}"
_AMOUNT = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d{1,2})?|[1-9]\d?(?:[.' \u00a0]\d{3}){1,2}|[1-9]?\d[.,]\d{1,8}"
_SCORE = r"(?:0|[1-9]\d{0,2})[-/](?:0|[1-9]\d{0,2})"
# Between round numbers.
_ROUND = r"[1-9]\d{2}0[\u2010-\u2015/-][1-9]\d{2}0"
_RANGE = r"\s?[\u2010-\u2015/-]\s?"
_ONE = rf"(?:{_DAY}|{_TIME}|{_VERSE}|{_YEAR}|{_AMOUNT})"
_ORDINARY = re.compile(rf"{_ONE}(?:{_RANGE}(?:{_ONE}|[1-9]\d{{0,2}}))*|{_SCORE}|{_ROUND}|{_YEAR}(?:,{_YEAR})+")
# A French number in pairs looks like two days.
_IN_PAIRS = re.compile(r"0[1-9](?:([-/.])\d\d)(?:\1\d\d){3}")
_BETWEEN_NUMBERS = re.compile(r"[\s;|&]+|[,\u060c]\s+|\s?\u2022\s?")
_LISTED = re.compile(r"[\d.:/\u2010-\u2015-]+(?:[,\u060c]\s+[\d.:/\u2010-\u2015-]+)+")
_SHORT, _COUNTED = re.compile(r"[1-9]\d{0,2}"), re.compile(r"[1-9]\d{0,3}")


def is_ordinary(number: str) -> bool:
    """Are the digits days, years, times, prices, scores, places in the Quran, a count or a list?"""
    number = number.strip(" .,;:!?)(\u2022_*\u060c")
    if number.startswith("+") or _IN_PAIRS.fullmatch(number):
        return False
    if _ORDINARY.fullmatch(number):
        return True
    parts = [part for part in _BETWEEN_NUMBERS.split(number) if any(character.isdigit() for character in part)]
    if len(parts) < 2:
        return False
    listed = _LISTED.fullmatch(number) is not None
    if all(len(part) == 1 for part in parts) and parts[0] != "0" and _is_sorted(parts):
        # Grades and marks, which people list from the best to the worst.
        return True
    if listed and all(_COUNTED.fullmatch(part) for part in parts) and _rises([int(part) for part in parts]):
        return True
    if not all(_ORDINARY.fullmatch(part.strip(".,")) or _SHORT.fullmatch(part) for part in parts):
        return False
    short = [int(part) for part in parts if _SHORT.fullmatch(part)]
    # Numbers of one to three digits: a list with commas, or a rising count; otherwise they are one number in groups.
    return len(short) < len(parts) or listed or _rises(short)


def _is_sorted(digits: list[str]) -> bool:
    return sorted(digits) in (digits, digits[::-1])


def _rises(numbers: list[int]) -> bool:
    return all(a < b for a, b in pairwise(numbers))
