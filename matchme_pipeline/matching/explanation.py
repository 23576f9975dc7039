"""What a match is made of, for the app to show: each factor with value, weight, contribution and one sentence."""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from matchme_pipeline.matching.compatibility import ALGORITHM_VERSION, WEIGHTS

_CENT = Decimal("0.01")


def explain(values: dict[str, float], shared: Sequence[str]) -> tuple[Decimal, dict[str, Any]]:
    """The score of a pair (two decimals) and its `compatibility_factors`.

    `values` holds each factor of WEIGHTS in [0, 1]; `shared` names what both have approved. The contributions are
    rounded first and add up to the score exactly. The sentences suit both sides.
    """
    rows = []
    for name, weight in WEIGHTS.items():
        contribution = (Decimal(repr(float(values[name]))) * Decimal(repr(weight))).quantize(_CENT, ROUND_HALF_EVEN)
        rows.append(
            {
                "name": name,
                "value": round(float(values[name]), 4),
                "weight": weight,
                "contribution": float(contribution),
                "sentence": _sentence(name, float(values[name]), shared),
            }
        )
    score = sum((Decimal(str(row["contribution"])) for row in rows), Decimal(0))
    return score, {"version": ALGORITHM_VERSION, "score": float(score), "factors": rows, "shared": list(shared)}


def _sentence(name: str, value: float, shared: Sequence[str]) -> str:
    if name == "similarity":
        share = f"{value:.0%} of possible matches are less alike in what they share."
        return (
            f"You write about life in similar ways: {share}"
            if value >= 0.5
            else f"You write about different things; {share}"
        )
    if name == "preferences":
        return "You fit each other's wishes closely." if value >= 0.8 else "You fit many of each other's wishes."
    if name == "shared":
        if shared:
            return f"Both of you have approved: {', '.join(shared[:4])}."
        return "Neither of you has approved the same insight yet."
    return (
        "Your MySoul DNA scores are close."
        if value >= 0.85
        else "Your MySoul DNA scores differ, or one is still growing."
    )
