"""Close calls: matches whose place in a list depends on few points, and the factor that a review adds; pure."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.weights import REVIEW_WEIGHT

# The largest share of a week's new pairs that is reviewed.
MAX_SHARE = 0.10
# Two reviews cannot change the order of matches that are further apart.
CLOSE_POINTS = 2 * REVIEW_WEIGHT
# A fit that speaks neither for a match nor against it.
EVEN = 50
# From this value on the sentence is favourable or unfavourable.
_MIN_DIFFERENCE = 0.2
_HUNDREDTHS = 100
_ALONE = Decimal("Infinity")


def close_calls(matches: Sequence[Match], reviewable: Collection[str]) -> list[Match]:
    """The closest calls among `matches`: at most a tenth of them, closest first, ties by the members' ids.

    The distance of a match is that of its score to the nearest other score in either member's list. A match with a
    distance above CLOSE_POINTS, or with a member who is not `reviewable`, is not a close call. The order of the matches
    does not matter.
    """
    # Decimals: as floats, equal distances would differ by rounding, and that would decide ties.
    lists: dict[str, list[Decimal]] = defaultdict(list)
    for match in matches:
        lists[match.a].append(match.score)
        lists[match.b].append(match.score)
    ordered = {user_id: sorted(scores) for user_id, scores in lists.items()}
    known = set(reviewable)
    calls = []
    for match in matches:
        margin = min(_margin(match.score, ordered[match.a]), _margin(match.score, ordered[match.b]))
        if margin <= CLOSE_POINTS and match.a in known and match.b in known:
            calls.append((margin, match.a, match.b, match))
    calls.sort(key=lambda call: call[:3])
    return [match for *_, match in calls[: int(MAX_SHARE * len(matches))]]


def reviewed(match: Match, fit: int, model: str) -> Match:
    """`match` with a review's `fit`, 0 to 100, as an additional factor of at most REVIEW_WEIGHT points.

    value = (fit - 50) / 50, -1 to 1; contribution = weight x value. The score stays within 0 and 100, and the
    contributions of all factors still add up to it exactly.
    """
    before = int(match.score * _HUNDREDTHS)
    wanted = round((fit - EVEN) / EVEN * REVIEW_WEIGHT * _HUNDREDTHS)
    hundredths = min(max(wanted, -before), 100 * _HUNDREDTHS - before)
    value = hundredths / (REVIEW_WEIGHT * _HUNDREDTHS)
    factor = {
        "name": "review",
        "value": round(value, 4),
        "weight": REVIEW_WEIGHT,
        "contribution": hundredths / _HUNDREDTHS,
        "sentence": _sentence(value),
    }
    factors = {
        **match.factors,
        "score": (before + hundredths) / _HUNDREDTHS,
        "factors": [*match.factors["factors"], factor],
        "reviewed_by": model,
    }
    return replace(match, score=Decimal(before + hundredths).scaleb(-2), factors=factors)


def _margin(score: Decimal, ordered: Sequence[Decimal]) -> Decimal:
    """The distance to the nearest other score of a list; infinite in a list of one."""
    others = list(ordered)
    others.remove(score)
    return min((abs(score - other) for other in others), default=_ALONE)


def _sentence(value: float) -> str:
    """A sentence for both sides; it reveals no insight of either member."""
    if value >= _MIN_DIFFERENCE:
        return "A closer look at what you have both confirmed about yourselves speaks for this match."
    if value <= -_MIN_DIFFERENCE:
        return "A closer look at what you have both confirmed about yourselves raised questions worth talking about."
    return "A closer look at what you have both confirmed about yourselves neither adds nor takes away."
