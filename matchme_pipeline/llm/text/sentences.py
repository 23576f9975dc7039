"""Splits texts into sentences in the scripts that members write; pure."""

import re
from collections.abc import Iterator

# Latin, Arabic and Urdu stops with the closing quotes and brackets after them; a line break also ends a sentence.
_END = re.compile(r"[.!?…؟۔]+[\"'”’»)\]]*(?=\s|$)|\n+")
# Longer pieces are cut at a space: a sentence encoder averages over its input and loses details.
MAX_CHARACTERS = 400


def sentences(text: str) -> list[str]:
    """The sentences of `text`, each a substring without outer spaces; none for a blank text."""
    return [piece for start, end in _spans(text) for piece in _pieces(text[start:end].strip())]


def cut_at_boundary(text: str, max_characters: int) -> str:
    """The beginning of `text`, at most `max_characters` long, that ends after a sentence or, failing that, a word."""
    if len(text) <= max_characters:
        return text
    head = text[:max_characters]
    ends = [match.end() for match in _END.finditer(head)]
    if ends and ends[-1] > max_characters // 2:
        return head[: ends[-1]].rstrip()
    blank = max(head.rfind(" "), head.rfind("\n"))
    return (head[:blank] if blank > max_characters // 2 else head).rstrip()


def _spans(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def _pieces(sentence: str) -> Iterator[str]:
    while len(sentence) > MAX_CHARACTERS:
        piece = cut_at_boundary(sentence, MAX_CHARACTERS)
        yield piece
        sentence = sentence[len(piece) :].strip()
    if sentence:
        yield sentence
