"""What a match is made of, for the app to show: each factor with value, weight, contribution and one sentence."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.matching.rules.unknown_values import NAMES
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, WEIGHTS

_HUNDREDTHS = 100
_MOST_NAMED = 4
# What an earlier batch called the first two factors of WEIGHTS.
_EARLIER_KEYS = ("vector_similarity", "preferences_match")


def contributions(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """What each factor adds to the score, in hundredths of a point, half to even; `values` as `explain` takes them."""
    return np.asarray(np.rint(values * np.array(list(WEIGHTS.values())) * _HUNDREDTHS), dtype=np.int64)


def explain(
    values: Sequence[float],
    hundredths: Sequence[int],
    shared: Sequence[str],
    compared: bool = True,
    not_stated: Sequence[str] = (),
) -> tuple[Decimal, dict[str, Any]]:
    """The score of a pair (two decimals) and its `compatibility_factors`.

    `values` are the factors in the order of WEIGHTS, each in [0, 1], `hundredths` their contributions, which add up to
    the score exactly; `shared` names what both have approved; `compared`: both have a vector; `not_stated`: the
    attributes that one asks for and the other has not stated. The sentences suit both sides. `vector_similarity` and
    `preferences_match` (0 to 1) are the keys that an earlier batch wrote and that the app may read.
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
        **{key: round(value, 4) for key, value in zip(_EARLIER_KEYS, values, strict=False)},
    }
    return Decimal(total).scaleb(-2), explained


def _sentence(name: str, value: float, shared: Sequence[str], compared: bool, not_stated: Sequence[str]) -> str:
    if name == "similarity":
        if not compared:
            return "One of you has not shared enough yet to compare what you write about."
        share = f"{value:.0%} of possible matches are less alike in what they share."
        return (
            f"You write about life in similar ways: {share}"
            if value >= 0.5
            else f"You write about different things; {share}"
        )
    if name == "preferences":
        fit = "closely" if value >= 0.8 else "in many points" if value >= 0.5 else "in few points"
        unknown = "".join(f"; {NAMES[attribute]} not stated" for attribute in not_stated)
        return f"You fit each other's wishes {fit}{unknown}."
    if name == "shared":
        if shared:
            return f"Both of you have approved: {', '.join(shared[:_MOST_NAMED])}."
        return "You have no approved insight in common yet."
    return (
        "Your MySoul DNA scores are close."
        if value >= 0.85
        else "Your MySoul DNA scores differ, or one is still growing."
    )
