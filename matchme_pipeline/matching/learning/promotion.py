"""The rules for the promotion and the rollback of a version; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matchme_pipeline.matching.learning.judging import Comparison

# The largest number of match weeks after its training on which a version is judged.
COMPARED_WEEKS = 4
# The version in use is judged on its newest weeks only, so that a fall is noticed early.
WATCHED_WEEKS = 3
# Fewer mutual pairs allow no conclusion.
MIN_MUTUAL = 30
# A promotion needs at least this share of the loss as gain: with weekly tests, smaller differences occur by chance.
MIN_GAIN = 0.01
# The allowed increase of a group's exposure Gini.
MAX_GINI_RISE = 0.02


@dataclass(frozen=True)
class Exposure:
    """The number of members who appear in a list, and the Gini of exposure by group (including "all")."""

    covered: int
    gini: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {"covered": self.covered, "gini": dict(self.gini)}


def reasons_against(shown_pairs: int, least_pairs: int, comparison: Comparison | None) -> list[str]:
    """Why a version is not promoted, in sentences; empty if it beats the other."""
    reasons = []
    if shown_pairs < least_pairs:
        reasons.append(f"It was trained on {shown_pairs:,} shown pairs; {least_pairs:,} are needed.")
    if comparison is None or comparison.mutual < MIN_MUTUAL:
        seen = comparison.mutual if comparison else 0
        reasons.append(f"Later weeks have {seen} mutual pairs that it can be judged by; {MIN_MUTUAL} are needed.")
        return reasons
    if comparison.gain.low <= 0:
        reasons.append(
            f"Its log loss is {comparison.challenger_loss:.4f} against {comparison.champion_loss:.4f}; the interval of "
            f"the gain of {comparison.gain.value:.4f} includes 0 ({comparison.gain.low:.4f} to "
            f"{comparison.gain.high:.4f})."
        )
    elif comparison.gain.value < MIN_GAIN * comparison.champion_loss:
        reasons.append(
            f"It saves {comparison.gain.value / comparison.champion_loss:.2%} of the loss; {MIN_GAIN:.0%} count."
        )
    return reasons


def exposure_reasons(before: Exposure, after: Exposure) -> list[str]:
    """Why a version would make exposure unfair, in sentences; empty if it would not."""
    reasons = []
    if after.covered < before.covered:
        reasons.append(f"{after.covered:,} members would appear in a list; {before.covered:,} do now.")
    for group, gini in after.gini.items():
        rise = gini - before.gini[group]
        if rise > MAX_GINI_RISE:
            reasons.append(
                f"Exposure would be less even for {group}: Gini {gini:.3f} against {before.gini[group]:.3f}; "
                f"{MAX_GINI_RISE} more is allowed."
            )
    return reasons


def has_fallen(comparison: Comparison | None) -> bool:
    """Has the version in use (the challenger) fallen below the untrained score (the champion) on the newest weeks?"""
    return comparison is not None and comparison.mutual >= MIN_MUTUAL and comparison.gain.value < 0
