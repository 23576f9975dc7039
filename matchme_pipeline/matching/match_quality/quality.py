"""The figures of a week: how well the score predicted mutual likes, compared with chance, and the exposure; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from matchme_pipeline.matching.learning.evaluation import Interval, Ranking
from matchme_pipeline.matching.match_quality.cells import ExposureCell, FunnelCell, exposure_cells, funnel_cells
from matchme_pipeline.matching.match_quality.measures import (
    Band,
    base_log_loss,
    expected_calibration_error,
    intervals,
    log_loss,
    reliability,
    weighted_share,
)
from matchme_pipeline.matching.outcomes import funnel

# Smaller samples give no figure: pairs seen by both, pairs with and without mutual likes, random pairs.
MIN_PAIRS = 50
MIN_PER_OUTCOME = 10
MIN_RANDOM_PAIRS = 30
_SIDES = 2
_PAIR = ["match_week", "low", "high"]


@dataclass(frozen=True)
class Quality:
    """A match week's figures. `seen_pairs`: both have viewed the other; `mutual_pairs` of these like each other.

    `auc` and `log_loss` compare the score with the mutual likes of seen pairs; `base_log_loss` is that of a constant
    forecast; None for too small samples. `chosen_share` and `drawn_share`: the shares of mutual likes among seen pairs
    of all observed match weeks, of pairs that the score chose, and of all eligible pairs, estimated from random pairs.
    `covered`: of all matchable `members`; `coverage`: the share of members with a possible partner, if known.
    """

    shown_pairs: int
    seen_pairs: int
    mutual_pairs: int
    mutual_share: Interval | None
    auc: Interval | None
    log_loss: Interval | None
    base_log_loss: float | None
    calibration_error: float | None
    drawn_pairs: int
    drawn_seen_pairs: int
    chosen_share: Interval | None
    drawn_share: Interval | None
    members: int
    covered: int
    gini: float
    bands: Sequence[Band]
    funnel: Sequence[FunnelCell]
    exposure: Sequence[ExposureCell]
    coverage: float | None


def quality(
    outcomes: pd.DataFrame,
    match_week: date,
    members: pd.DataFrame,
    weeks_here: "pd.Series[float]",
    factors: Sequence[str],
    version: str,
    coverage: float | None,
) -> Quality:
    """The figures of `match_week` from all outcomes of a week (`outcome_queries.outcomes_of`).

    `members`: the matchable members when the week was matched, by id, with gender, age and city. `weeks_here`: by id,
    the weeks since joining. `factors`: the factors' names of the algorithm's `version`, in order. `coverage` is passed
    on.
    """
    own = outcomes[outcomes["match_week"] == match_week].reset_index(drop=True)
    pairs = pairs_of(outcomes)
    of_week = pairs[pairs["match_week"] == match_week]
    seen = of_week[of_week["seen"]]
    score, mutual = seen["score"].to_numpy(np.float64), seen["mutual"].to_numpy(bool)
    is_enough = len(seen) >= MIN_PAIRS
    are_both = is_enough and min(mutual.sum(), (~mutual).sum()) >= MIN_PER_OUTCOME
    found = _intervals(seen) if is_enough else {}
    bands = reliability(score, mutual)
    exposed = exposure_cells(members, own["user_id"].value_counts())
    drawn = pairs[pairs["chosen_at_random"]]
    against = _against_chance(pairs[pairs["seen"]])
    return Quality(
        shown_pairs=len(of_week),
        seen_pairs=len(seen),
        mutual_pairs=int(mutual.sum()),
        mutual_share=found.get("mutual_share"),
        auc=found.get("auc") if are_both else None,
        log_loss=found.get("log_loss") if are_both else None,
        base_log_loss=base_log_loss(mutual) if are_both else None,
        calibration_error=expected_calibration_error(bands) if is_enough else None,
        drawn_pairs=len(drawn),
        drawn_seen_pairs=int(drawn["seen"].sum()),
        chosen_share=against.get("chosen"),
        drawn_share=against.get("random"),
        members=exposed[0].members if exposed else 0,
        covered=exposed[0].covered if exposed else 0,
        gini=exposed[0].gini if exposed else 0.0,
        bands=bands,
        funnel=funnel_cells(own, factors, version, own["user_id"].map(weeks_here)),
        exposure=exposed,
        coverage=coverage,
    )


def pairs_of(outcomes: pd.DataFrame) -> pd.DataFrame:
    """Both sides of each shown pair in one row: its score, whether it is random, whether both saw and like it."""
    reached = {stage.name: stage.reached for stage in funnel.STAGES}
    sides = pd.DataFrame(
        {
            "match_week": outcomes["match_week"],
            "low": np.minimum(outcomes["user_id"].astype(object), outcomes["match_user_id"].astype(object)),
            "high": np.maximum(outcomes["user_id"].astype(object), outcomes["match_user_id"].astype(object)),
            "score": outcomes["score"].astype(float),
            "seen": reached["viewed"](outcomes).astype(bool),
            "mutual": reached["mutual"](outcomes).astype(bool),
            "chosen_at_random": outcomes["chosen_at_random"].astype(bool),
            "probability": outcomes["chosen_probability"].astype(float),
            "sides": 1,
        }
    )
    pairs = sides.groupby(_PAIR, as_index=False, sort=True).agg(
        {
            "score": "max",
            "seen": "all",
            "mutual": "all",
            "chosen_at_random": "any",
            "probability": "max",
            "sides": "sum",
        }
    )
    return pairs[pairs["sides"] == _SIDES].reset_index(drop=True)


def _intervals(seen: pd.DataFrame) -> dict[str, Interval]:
    score, mutual = seen["score"].to_numpy(np.float64), seen["mutual"].to_numpy(bool)
    ranking = Ranking(score)
    return intervals(
        *_positions(seen),
        {
            "auc": lambda weights: ranking.auc(mutual, weights),
            "log_loss": lambda weights: log_loss(score, mutual, weights),
            "mutual_share": lambda weights: weighted_share(mutual, np.ones(len(mutual)), weights),
        },
    )


def _against_chance(seen: pd.DataFrame) -> dict[str, Interval]:
    """The shares of mutual likes among seen pairs: of pairs that the score chose, and of random pairs."""
    mutual, is_random = seen["mutual"].to_numpy(bool), seen["chosen_at_random"].to_numpy(bool)
    if is_random.sum() < MIN_RANDOM_PAIRS:
        return {}
    probability = np.where(is_random, seen["probability"].to_numpy(np.float64), 1.0)
    return intervals(
        *_positions(seen),
        {
            "chosen": lambda weights: weighted_share(mutual, np.ones(len(mutual)), weights * ~is_random),
            "random": lambda weights: weighted_share(mutual, probability, weights * is_random),
        },
    )


def _positions(pairs: pd.DataFrame) -> tuple["np.typing.NDArray[np.intp]", "np.typing.NDArray[np.intp]"]:
    _, places = np.unique(np.concatenate([pairs["low"], pairs["high"]]).astype(str), return_inverse=True)
    return places[: len(pairs)].astype(np.intp), places[len(pairs) :].astype(np.intp)
