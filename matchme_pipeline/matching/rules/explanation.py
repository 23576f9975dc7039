"""The explanation of a match for the app: each factor with value, weight, contribution and one sentence."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.unknown_values import NAMES
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, SOFT_PREFERENCES, WEIGHTS

_HUNDREDTHS = 100
_MAX_NAMED = 4
_GOOD_FIT, _FAIR_FIT = 0.75, 0.45
_ALIKE, _CLOSE_SCORES = 0.5, 0.85
# Sentences of a soft preference's factor: from _GOOD_FIT on, from _FAIR_FIT on, and below.
_FITS = {
    "age": (
        "You are close to the age that each of you looks for.",
        "Your ages fit fairly well.",
        "Your ages are apart.",
    ),
    "distance": (
        "You live close to each other, for what each of you accepts.",
        "You live at some distance, or one place is not known.",
        "You live far apart, for what each of you accepts.",
    ),
    "practice": (
        "You practise your faith alike.",
        "Your practice differs a little, or one of you has not said.",
        "You practise your faith differently.",
    ),
    "family_values": (
        "You see family alike.",
        "You see family somewhat differently, or one of you has not said.",
        "You see family differently.",
    ),
    "children": (
        "You wish alike about having children.",
        "One of you has not said whether they wish for children.",
        "You wish differently about having children.",
    ),
}


def contributions(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Each factor's contribution to the score in hundredths, rounded half to even; `values` as in `explain`."""
    return np.asarray(np.rint(values * np.array(list(WEIGHTS.values())) * _HUNDREDTHS), dtype=np.int64)


def explain(
    values: Sequence[float],
    hundredths: Sequence[int],
    shared: Sequence[str],
    compared: bool = True,
    not_stated: Sequence[str] = (),
) -> tuple[Decimal, dict[str, Any]]:
    """The score of a pair (two decimals) and its `compatibility_factors`.

    `values` are the factors in the order of WEIGHTS, each in [0, 1]. `hundredths` are their contributions, which add up
    to the score exactly. `shared` names common approved insights. `compared`: both have a vector. `not_stated`:
    attributes that one side asks for and the other has not stated. The sentences suit both sides. `vector_similarity`
    and `preferences_match` (0 to 1) are keys of an earlier batch that the app may read.
    """
    factors = [
        {
            "name": name,
            "value": round(value, 4),
            "weight": weight,
            "contribution": part / _HUNDREDTHS,
            "sentence": _sentence(name, value, shared, compared, not_stated),
        }
        for (name, weight), value, part in zip(WEIGHTS.items(), values, hundredths, strict=True)
    ]
    total = sum(hundredths)
    explained = {
        "version": ALGORITHM_VERSION,
        "score": total / _HUNDREDTHS,
        "factors": factors,
        "shared": list(shared),
        "not_stated": list(not_stated),
        **_earlier_keys(dict(zip(WEIGHTS, values, strict=True))),
    }
    return Decimal(total).scaleb(-2), explained


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


def _earlier_keys(values: Mapping[str, float]) -> dict[str, float]:
    """Keys of an earlier batch: the similarity, and the weighted mean of the soft preferences."""
    points = sum(WEIGHTS[wish] * values[wish] for wish in SOFT_PREFERENCES)
    return {
        "vector_similarity": round(values["similarity"], 4),
        "preferences_match": round(points / sum(WEIGHTS[wish] for wish in SOFT_PREFERENCES), 4),
    }


def _sentence(name: str, value: float, shared: Sequence[str], compared: bool, not_stated: Sequence[str]) -> str:
    if name == "similarity":
        if not compared:
            return "One of you has not shared enough yet to compare what you write about."
        share = f"{value:.0%} of possible matches are less alike in what they share."
        return (
            f"You write about life in similar ways: {share}"
            if value >= _ALIKE
            else f"You write about different things; {share}"
        )
    if name == "stated":
        if not not_stated:
            return "You have both stated what the other asks for."
        return "; ".join(f"{NAMES[attribute]} not stated" for attribute in not_stated).capitalize() + "."
    if name in _FITS:
        well, fairly, little = _FITS[name]
        return well if value >= _GOOD_FIT else fairly if value >= _FAIR_FIT else little
    if name == "shared":
        if shared:
            return f"Both of you have approved: {', '.join(shared[:_MAX_NAMED])}."
        return "You have no approved insight in common yet."
    return (
        "Your MySoul DNA scores are close."
        if value >= _CLOSE_SCORES
        else "Your MySoul DNA scores differ, or one is still growing."
    )
