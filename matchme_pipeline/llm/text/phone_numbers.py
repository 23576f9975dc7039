"""Phone numbers in a folded text, in digits and in words, and the numbers that are none; pure."""

import re
from collections.abc import Iterator
from itertools import pairwise

_FEWEST_DIGITS, _MOST_DIGITS = 7, 20
_SEPARATOR = r"(?:[^\w\n+]|_){0,3}"
_DIGITS = re.compile(rf"(?<!\d)[+(]{{0,3}}\d(?:{_SEPARATOR}\d){{6,}}")
# Letters in the place of digits: only in a word that is mostly digits.
_WITH_LETTERS = re.compile(rf"(?<![^\W_])[+(]{{0,3}}[\dOoIl](?:{_SEPARATOR}[\dOoIl]){{6,}}(?![^\W_])")
_LETTER_DIGITS = str.maketrans("OoIl", "0011")

_DAY = r"(?:\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?|\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4})"
# Gregorian or Hijri.
_YEAR = r"(?:1[3-9]|2[01])\d\d"
_TIME = r"(?:[01]?\d|2[0-4])[.:][0-5]\d(?:[.:][0-5]\d)?"
_VERSE = r"\d{1,3}[.:]\d{1,3}"
_AMOUNT = r"[1-9]\d{0,2}(?:,\d{3})+(?:\.\d{1,2})?|[1-9]\d?(?:[.' \u00a0]\d{3}){1,2}|[1-9]?\d[.,]\d{1,8}"
_SCORE = r"(?:0|[1-9]\d{0,2})[-/](?:0|[1-9]\d{0,2})"
_RANGE = r"\s?[\u2010-\u2015/-]\s?"
_ONE = rf"(?:{_DAY}|{_TIME}|{_VERSE}|{_YEAR}|{_AMOUNT})"
_ORDINARY = re.compile(rf"{_ONE}(?:{_RANGE}(?:{_ONE}|[1-9]\d{{0,2}}))*|{_SCORE}")
_BETWEEN_NUMBERS = re.compile(r"[\s;|&]+|,\s+|\s?\u2022\s?")
_SHORT = re.compile(r"[1-9]\d{0,2}")

_WORDS_BY_DIGIT = (
    "zero oh nought صفر sifar sıfır sifir zéro null nol kosong",
    "one واحد ایک ek aik bir un eins satu",
    "two اثنان اثنين دو do iki deux zwei dua",
    "three ثلاثة ثلاث تین teen üç uc trois drei tiga",
    "four أربعة اربعة أربع چار char chaar dört dort quatre vier empat",
    "five خمسة خمس پانچ panch paanch beş bes cinq fünf lima",
    "six ستة ست چھ چھے chay chhe altı alti sechs enam",
    "seven سبعة سبع سات saat sath yedi sept sieben tujuh",
    "eight ثمانية ثمان آٹھ aath ath sekiz huit acht delapan",
    "nine تسعة تسع نو nau dokuz neuf neun sembilan",
)
_DIGIT_OF = {word: digit for digit, words in enumerate(_WORDS_BY_DIGIT) for word in words.split()}
_REPEATS = {"double": 1, "triple": 2, "treble": 2, "hundred": 2, "ڈبل": 1}
_TOKEN = re.compile(r"[^\W_]+")


def phone_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are phone numbers: seven digits or more, however they are set apart."""
    for match in _DIGITS.finditer(text):
        if not is_ordinary(match[0]):
            yield match.span()
    for match in _WITH_LETTERS.finditer(text):
        if _is_disguised(match[0]):
            yield match.span()
    yield from _in_words(text)


def _is_disguised(found: str) -> bool:
    """Whether letters stand for digits in it: in words that are digits otherwise, and fewer than the digits."""
    words = _TOKEN.findall(found)
    letters = sum(character in "OoIl" for character in found)
    digits = sum(character.isdigit() for character in found)
    mixed = all(any(character.isdigit() for character in word) for word in words)
    return mixed and 0 < letters <= digits and not is_ordinary(found.translate(_LETTER_DIGITS))


def is_ordinary(number: str) -> bool:
    """Whether digits are days, years, times, prices, scores, places in the Quran, or somebody who counts or lists."""
    number = number.strip(" .,;:!?)(\u2022_*")
    if number.startswith("+"):
        return False
    if _ORDINARY.fullmatch(number):
        return True
    parts = [part for part in _BETWEEN_NUMBERS.split(number) if any(character.isdigit() for character in part)]
    if len(parts) > 1 and all(_ORDINARY.fullmatch(part.strip(".,")) or _is_counted(part) for part in parts):
        short = [int(part) for part in parts if _is_counted(part)]
        listed = re.fullmatch(r"[\d.:/\u2010-\u2015-]+(?:,\s+[\d.:/\u2010-\u2015-]+)+", number) is not None
        # Numbers of one to three digits: a list with commas, or a rising count; else they are a number in groups.
        return len(short) < len(parts) or listed or all(a < b for a, b in pairwise(short))
    return False


def _is_counted(part: str) -> bool:
    return _SHORT.fullmatch(part) is not None


def _in_words(text: str) -> Iterator[tuple[int, int]]:
    """Numbers that are spelt out, digit by digit, some of them in digits."""
    run: list[tuple[int, int, str]] = []
    for match in _TOKEN.finditer(text):
        digits = _digits_of(match[0].casefold())
        if run and (digits is None or match.start() - run[-1][1] > 3 or "\n" in text[run[-1][1] : match.start()]):
            yield from _spelt(run)
            run = []
        if digits is not None:
            run.append((match.start(), match.end(), digits))
    yield from _spelt(run)


def _digits_of(word: str) -> str | None:
    """The digits that a word stands for; `x` for one that repeats another."""
    if word in _DIGIT_OF:
        return str(_DIGIT_OF[word])
    if word in _REPEATS:
        return "x" * _REPEATS[word]
    return word if word.isdigit() and len(word) <= 4 else None


def _spelt(run: list[tuple[int, int, str]]) -> Iterator[tuple[int, int]]:
    digits = "".join(one for _, _, one in run)
    words = [one for start, end, one in run if len(one) != end - start or not one.isdigit()]
    counting = [int(one) for _, _, one in run if one.isdigit()]
    steps = {b - a for a, b in pairwise(counting)}
    counts = len(counting) == len(run) and len(steps) == 1 and steps <= {1, -1}
    if len(digits) >= _FEWEST_DIGITS and len(words) >= 3 and not counts:
        yield run[0][0], run[-1][1]
