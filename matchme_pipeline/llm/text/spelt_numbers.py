"""Finds phone numbers in words, digit by digit or in tens, in the languages that members write; pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from matchme_pipeline.llm.text.folding import plain_letters
from matchme_pipeline.llm.text.ordinary_numbers import is_ordinary

_MIN_DIGITS, _MIN_WORDS = 7, 3
# The largest distance between two parts of a number, and the longest word of several numbers.
_MAX_GAP, _MAX_JOINED = 3, 160
_WORDS_BY_DIGIT = (
    "zero oh nought صفر sifar sifr sifir sıfır sifir zéro null nul nol kosong cero shunno",
    "one واحد ایک ek aik bir un une uno eins satu wahid wahad wahed yek یک",
    "two اثنان اثنين اتنين دو do iki deux dos zwei dua ithnan ithnayn itnen itneen tnen tneen dui",
    "three ثلاثة ثلاث تلاتة تین teen üç uc trois tres drei tiga thalatha talata tlata tlateh سه",
    "four أربعة أربع چار char chaar dört dort quatre cuatro vier empat arbaa arba arba3a arbaah chahar چهار",
    "five خمسة خمس پانچ panch paanch beş bes cinq cinco fünf lima khamsa khamse khamsah 5amsa panj پنج",
    "six ستة ست چھ چھے che chay chhe altı alti seis sechs enam sitta sitte setta shesh شش",
    "seven سبعة سبع سات saat sath yedi sept siete sieben tujuh sabaa saba sab3a sabaah haft هفت",
    "eight ثمانية ثمان تمانية تمنية آٹھ aath ath sekiz huit ocho acht delapan lapan thamaniya tamanya hasht هشت",
    "nine تسعة تسع نو nau dokuz neuf nueve neun sembilan tisaa tisa tis3a tesaa",
)
_TWO_DIGITS = {
    10: "ten dix zehn sepuluh", 11: "eleven onze elf sebelas", 12: "twelve douze zwölf", 13: "thirteen treize",
    14: "fourteen quatorze", 15: "fifteen quinze", 16: "sixteen seize", 17: "seventeen", 18: "eighteen",
    19: "nineteen", 20: "twenty vingt yirmi zwanzig", 30: "thirty trente otuz", 40: "forty quarante kırk",
    50: "fifty cinquante elli", 60: "sixty soixante altmış", 70: "seventy yetmiş", 80: "eighty seksen",
    90: "ninety doksan",
}  # fmt: skip
_REPEATS = {"double": "x", "triple": "xx", "treble": "xx", "hundred": "xx", "ڈبل": "x", "dobule": "x"}
_PAUSES = frozenset(("dash", "dot", "hyphen", "minus", "tiret", "then", "space"))


def _digits_by_word() -> dict[str, str]:
    one = {word: str(digit) for digit, words in enumerate(_WORDS_BY_DIGIT) for word in words.split()}
    two = {word: str(number) for number, words in _TWO_DIGITS.items() for word in words.split()}
    return {plain_letters(word).casefold(): digits for word, digits in {**one, **two, **_REPEATS}.items()}


_DIGITS_BY_WORD = _digits_by_word()
_WORD = re.compile(r"[^\W_]+")
# Longest first and without backtracking: one pass over any word.
_ALTERNATIVES = "|".join(sorted(map(re.escape, _DIGITS_BY_WORD), key=len, reverse=True))
_PIECE = re.compile(rf"(?>{_ALTERNATIVES}|\d)")
_GLUED = re.compile(rf"(?>(?>{_ALTERNATIVES}|\d)+)")


@dataclass(frozen=True)
class _Part:
    """One word of a number: its digits (`x` repeats another), and the number of words."""

    start: int
    end: int
    digits: str
    words: int
    pauses: bool = False


def spelt_numbers(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a folded text that are numbers in words, some of them in digits."""
    run: list[_Part] = []
    plain = plain_letters(text).casefold() if text.isascii() else plain_letters(text).lower()
    if len(plain) != len(text):
        # A small letter that consists of two characters would shift positions.
        plain = plain_letters(text)
    if sum(len(found[0]) for found in map(_digits_of, _WORD.findall(plain)) if found) < _MIN_DIGITS:
        return
    for match in _WORD.finditer(plain):
        part = _part(match)
        apart = run and (match.start() - run[-1].end > _MAX_GAP or "\n" in text[run[-1].end : match.start()])
        if run and (part is None or apart):
            yield from _number(run, plain)
            run = []
        if part is not None and (run or not part.pauses):
            run.append(part)
    yield from _number(run, plain)


def _part(match: re.Match[str]) -> _Part | None:
    found = _digits_of(match[0])
    if found is None:
        return None
    digits, words, pauses = found
    return _Part(match.start(), match.end(), digits, words, pauses)


# Texts repeat the same words.
@lru_cache(maxsize=65_536)
def _digits_of(word: str) -> tuple[str, int, bool] | None:
    """The digits that a word stands for, its number of words, and whether it is a pause; None for any other word."""
    if word in _DIGITS_BY_WORD:
        return _DIGITS_BY_WORD[word], 1, False
    if word in _PAUSES:
        return "", 0, True
    if word.isdigit():
        return (word, 0, False) if len(word) <= 6 else None
    if len(word) > _MAX_JOINED or not _GLUED.fullmatch(word):
        return None
    pieces = _PIECE.findall(word)
    words = [piece for piece in pieces if not piece.isdigit()]
    # Two or three short number words may form an ordinary word ("undo").
    if len(pieces) < 4:
        return None
    return "".join(_DIGITS_BY_WORD.get(piece, piece) for piece in pieces), len(words), False


def _number(run: list[_Part], text: str) -> Iterator[tuple[int, int]]:
    while run and run[-1].pauses:
        run = run[:-1]
    digits = "".join(part.digits for part in run)
    if len(digits) < _MIN_DIGITS:
        return
    groups = [part.digits for part in run if part.digits.isdigit()]
    steps = {b - a for a, b in pairwise(map(int, groups))}
    counts = len(groups) == len(run) and len(steps) == 1 and steps != {0}
    words = sum(part.words for part in run)
    # "Then" and "dot" also occur between prayer times.
    pauses = 0 if ":" in text[run[0].start : run[-1].end] else sum(part.pauses for part in run)
    if not counts and (words >= _MIN_WORDS or (pauses >= 2 and not is_ordinary(" ".join(groups)))):
        yield run[0].start, run[-1].end
