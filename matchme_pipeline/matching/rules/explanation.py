"""The explanation of a match for the app: each factor with value, weight, contribution and one sentence."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from matchme_pipeline.matching.rules.unknown_values import NAMES
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, SOFT_PREFERENCES, WEIGHTS

_HUNDREDTHS = 100
_TEN_THOUSANDTHS = 10_000
_PRODUCT_ERROR = 1e-6
_LAST_FACTOR = list(WEIGHTS)[-1]
# Values, contributions and numbers of sentences are below two to this power.
_KEY_BITS = 24
_MAX_NAMED = 4
_GOOD_FIT, _FAIR_FIT = 0.75, 0.45
_ALIKE, _CLOSE_SCORES = 0.5, 0.85
# Sentences of a soft preference's factor: from _GOOD_FIT on, from _FAIR_FIT on, and below.
_FITS = {
    "age": (
        "You are close to the age that each of you looks for.",
        "Your ages fit fairly well.",
        "Your ages do not fit well.",
    ),
    "distance": (
        "You live close to each other, for what each of you accepts.",
        "You live at some distance, or one place is not known.",
        "You live far apart, for what each of you accepts.",
    ),
    "practice": (
        "You practise your faith in similar ways.",
        "Your practice differs a little, or one of you has not said.",
        "You practise your faith differently.",
    ),
    "family_values": (
        "You see family in the same way.",
        "You see family somewhat differently, or one of you has not said.",
        "You see family differently.",
    ),
    "children": (
        "You feel the same about having children.",
        "One of you has not said whether they want children.",
        "You feel differently about having children.",
    ),
}


def contributions(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each factor's contribution to the score in hundredths, rounded half to even; `values` as in `explanations`."""
    return np.asarray(np.rint(values * np.array(list(WEIGHTS.values())) * _HUNDREDTHS), dtype=np.int64)


@dataclass(frozen=True)
class Explanations:
    """The scores and explanations of pairs as columns: a row per pair, a column per factor in the order of WEIGHTS.

    `value`: ten-thousandths. `hundredths`: contributions, which add up to the score exactly. `sentence`: the number of
    each factor's sentence, see `sentence_numbers`. `preferences`: the weighted mean of the soft preferences in
    ten-thousandths. `shared`: each pair's number in `titles`, common approved insights by name. `not_stated`: a bit for
    each of NAMES that one side asks for and the other has not stated.
    """

    value: NDArray[np.int16]
    hundredths: NDArray[np.int16]
    sentence: NDArray[np.int16]
    preferences: NDArray[np.int16]
    shared: NDArray[np.int32]
    titles: Sequence[Sequence[str]]
    not_stated: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.value)

    @property
    def score(self) -> NDArray[np.int64]:
        """The scores in hundredths of a point."""
        return np.asarray(self.hundredths.sum(axis=1, dtype=np.int64))

    def json(self, pairs: NDArray[np.intp]) -> list[bytes]:
        """The `compatibility_factors` of the given rows, as JSON.

        `vector_similarity` and `preferences_match` (0 to 1) are keys of an earlier batch that the app may read.
        """
        value, hundredths, sentence = self.value[pairs], self.hundredths[pairs], self.sentence[pairs]
        shared, not_stated = self.shared[pairs], self.not_stated[pairs]
        total = hundredths.sum(axis=1, dtype=np.int64)
        columns = [_pieces(_beginning, total)]
        for place, name in enumerate(WEIGHTS):
            kind = shared if name == "shared" else not_stated if name == "stated" else sentence[:, place]
            titles = self.titles if name == "shared" else ()
            columns.append(_pieces(partial(_factor, name, titles), value[:, place], hundredths[:, place], kind))
        columns.append(_pieces(partial(_shared, self.titles), shared))
        columns.append(_pieces(_end, not_stated, value[:, 0], self.preferences[pairs]))
        return list(map(b"".join, zip(*columns, strict=True)))


def explanations(
    values: NDArray[np.float64],
    shared: NDArray[np.int32],
    titles: Sequence[Sequence[str]],
    compared: NDArray[np.bool_],
    not_stated: NDArray[np.uint8],
) -> Explanations:
    """The explanations of pairs. `values` are their factors, each in [0, 1], (pairs, factors) in the order of WEIGHTS.

    `compared`: both have a vector. The others are as in `Explanations`.
    """
    points = np.zeros(len(values))
    for place, name in enumerate(WEIGHTS):
        if name in SOFT_PREFERENCES:
            points = points + WEIGHTS[name] * values[:, place]
    return Explanations(
        value=_ten_thousandths(values),
        hundredths=contributions(values).astype(np.int16),
        sentence=sentence_numbers(values, compared),
        preferences=_ten_thousandths(points / sum(WEIGHTS[wish] for wish in SOFT_PREFERENCES)),
        shared=shared,
        titles=titles,
        not_stated=not_stated,
    )


def sentence_numbers(values: NDArray[np.float64], compared: NDArray[np.bool_]) -> NDArray[np.int16]:
    """Which sentence each factor has; 0 for `shared` and `stated`, whose sentences name something.

    A fit has 0 (good) to 2 (poor), the DNA scores 0 (close) or 1. The similarity has 0 if the two are not compared;
    otherwise 1 + 2 x percent, plus 1 if they are alike.
    """
    numbers = np.zeros(values.shape, dtype=np.int16)
    for place, name in enumerate(WEIGHTS):
        own = values[:, place]
        if name == "similarity":
            alike = 1 + 2 * np.rint(own * 100) + (own >= _ALIKE)
            numbers[:, place] = np.where(compared, alike, 0)
        elif name in _FITS:
            numbers[:, place] = np.where(own >= _GOOD_FIT, 0, np.where(own >= _FAIR_FIT, 1, 2))
        elif name == "dna":
            numbers[:, place] = own < _CLOSE_SCORES
    return numbers


def _ten_thousandths(values: NDArray[np.float64]) -> NDArray[np.int16]:
    """Values of 0 to 1 rounded to four decimals, as Python rounds them: by their exact binary value."""
    steps = values * _TEN_THOUSANDTHS
    rounded = np.rint(steps)
    # The product itself is rounded, so Python decides values near the middle of a step.
    close = np.abs(np.abs(steps - rounded) - 0.5) < _PRODUCT_ERROR
    rounded[close] = [round(round(value, 4) * _TEN_THOUSANDTHS) for value in values[close].tolist()]
    return rounded.astype(np.int16)


def _pieces(write: Callable[..., bytes], *columns: NDArray[Any]) -> list[bytes]:
    """`write` applied to each row of the columns; equal rows are written once."""
    key = columns[0].astype(np.int64)
    for column in columns[1:]:
        key = key << _KEY_BITS | column.astype(np.int64)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    written = np.empty(len(first), dtype=object)
    written[:] = [write(*row) for row in zip(*(column[first].tolist() for column in columns), strict=True)]
    result: list[bytes] = written[place].tolist()
    return result


def _beginning(hundredths: int) -> bytes:
    start = to_json({"version": ALGORITHM_VERSION, "score": hundredths / _HUNDREDTHS})
    return start[:-1] + b',"factors":['


def _factor(name: str, titles: Sequence[Sequence[str]], value: int, hundredths: int, number: int) -> bytes:
    factor = {
        "name": name,
        "value": value / _TEN_THOUSANDTHS,
        "weight": WEIGHTS[name],
        "contribution": hundredths / _HUNDREDTHS,
        "sentence": _sentence(name, number, titles),
    }
    return to_json(factor) + (b"," if name != _LAST_FACTOR else b"")


def _shared(titles: Sequence[Sequence[str]], number: int) -> bytes:
    return b'],"shared":' + to_json(list(titles[number]))


def _end(not_stated: int, similarity: int, preferences: int) -> bytes:
    rest = {
        "not_stated": stated_names(not_stated),
        "vector_similarity": similarity / _TEN_THOUSANDTHS,
        "preferences_match": preferences / _TEN_THOUSANDTHS,
    }
    return b"," + to_json(rest)[1:]


def stated_names(bits: int) -> list[str]:
    """The attributes of a bit mask over NAMES."""
    return [name for place, name in enumerate(NAMES) if bits >> place & 1]


def is_in_favour(name: str, value: float) -> bool:
    """Does a factor's sentence speak in favour of the pair? A neutral value only means that little is known.

    `stated` never does: stated attributes alone are no reason for a match.
    """
    if name == "similarity":
        return value > _ALIKE
    if name == "shared":
        return value > 0
    if name == "dna":
        return value >= _CLOSE_SCORES
    return name != "stated" and value >= _GOOD_FIT


def _sentence(name: str, number: int, titles: Sequence[Sequence[str]]) -> str:
    """A factor's sentence, suitable for both sides.

    `number` is that of `sentence_numbers`; of `shared` the number in `titles`, of `stated` the attributes' bits.
    """
    if name == "similarity":
        if not number:
            return "One of you has not shared enough yet to compare what you write about."
        percent, alike = divmod(number - 1, 2)
        share = f"{percent}% of possible matches are less alike in what they share."
        return (
            f"You write about life in similar ways: {share}" if alike else f"You write about different things; {share}"
        )
    if name == "stated":
        if not number:
            return "You have both stated what the other asks for."
        return "; ".join(f"{NAMES[attribute]} not stated" for attribute in stated_names(number)).capitalize() + "."
    if name in _FITS:
        return _FITS[name][number]
    if name == "shared":
        if titles[number]:
            return f"Both of you have approved: {', '.join(titles[number][:_MAX_NAMED])}."
        return "You have no approved insight in common yet."
    return "Your MySoul DNA scores differ, or one is still growing." if number else "Your MySoul DNA scores are close."
