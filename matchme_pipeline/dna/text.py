"""Makes free text comparable: normalises it, excludes identifying texts, and corrects typos."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from matchme_pipeline.dna.weights import (
    MAX_TRAIT_CHARACTERS,
    MIN_TYPO_CHARACTERS,
    NOT_STATED,
)

_SEPARATORS = re.compile(r"[\W_]+")
_IDENTIFYING = re.compile(r"@|://|www\.|(?:\d[\s().+-]*){8}")


def normalise(raw: Any) -> str | None:
    """Remove case, width, accents, punctuation and spacing; None for a text without content, or another type."""
    if not isinstance(raw, str):
        return None
    letters = "".join(c for c in unicodedata.normalize("NFKD", raw) if not unicodedata.combining(c))
    text = _SEPARATORS.sub(" ", letters.casefold()).strip()
    return None if text in NOT_STATED else text


def identifies(raw: str) -> bool:
    """Does the text contain an address, a link or a telephone number, or is it prose rather than a value?"""
    return len(raw.strip()) > MAX_TRAIT_CHARACTERS or _IDENTIFYING.search(raw) is not None


def fold_typos(rare: Iterable[str], established: Mapping[str, int]) -> dict[str, str]:
    """For each rare value with one edit to an established one: the established value.

    `established` maps values to their number of members; the most frequent wins, then the alphabet. One edit inserts,
    removes or replaces a character, or swaps two neighbours. Linear: candidates share a deletion (Garbe's symmetric
    deletes).
    """
    by_deletion: dict[str, list[str]] = {}
    for value in established:
        for form in _deletions(value):
            by_deletion.setdefault(form, []).append(value)
    meant = {}
    for value in rare:
        if len(value) < MIN_TYPO_CHARACTERS:
            continue
        candidates = {other for form in _deletions(value) for other in by_deletion.get(form, ())}
        near = [other for other in candidates if is_one_edit(value, other)]
        if near:
            meant[value] = min(near, key=lambda other: (-established[other], other))
    return meant


def is_one_edit(a: str, b: str) -> bool:
    """Whether exactly one insertion, deletion, replacement or swap of neighbours turns `a` into `b`."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    rest_a, rest_b = a[start:], b[start:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    )


def _deletions(value: str) -> set[str]:
    return {value, *(value[:i] + value[i + 1 :] for i in range(len(value)))}
