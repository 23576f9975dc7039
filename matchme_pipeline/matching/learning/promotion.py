"""When a version earns its place, and when it loses it: the rules of promotion and rollback; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matchme_pipeline.matching.learning.judging import Verdict

# A version is judged on so many match weeks after its training at most.
JUDGED_WEEKS = 4
# Of the version in use the newest weeks alone are looked at, so that a fall is seen soon.
WATCHED_WEEKS = 3
# Fewer mutual pairs say nothing.
LEAST_MUTUAL = 30
# A promotion saves this share of the loss at least: whoever looks every week finds smaller differences by chance.
LEAST_GAIN = 0.01
# What exposure's Gini may rise in a group.
MOST_GINI_RISE = 0.02


@dataclass(frozen=True)
class Exposure:
    """How many members are shown to somebody, and how evenly: the Gini of exposure, by group ("all" among them)."""

    covered: int
    gini: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """The figures as a JSON object."""
        return {"covered": self.covered, "gini": dict(self.gini)}


def reasons_against(shown_pairs: int, least_pairs: int, verdict: Verdict | None) -> list[str]:
    """Why a version is not promoted, in sentences; empty where it has beaten the other."""
    reasons = []
    if shown_pairs < least_pairs:
        reasons.append(f"It was trained on {shown_pairs:,} shown pairs; {least_pairs:,} are needed.")
    if verdict is None or verdict.mutual < LEAST_MUTUAL:
        seen = verdict.mutual if verdict else 0
        reasons.append(f"Later weeks have {seen} mutual pairs that it can be judged by; {LEAST_MUTUAL} are needed.")
        return reasons
    if verdict.gain.low <= 0:
        reasons.append(
            f"Its log loss is {verdict.challenger_loss:.4f} against {verdict.champion_loss:.4f}; the gain of "
            f"{verdict.gain.value:.4f} is within its interval ({verdict.gain.low:.4f} to {verdict.gain.high:.4f})."
        )
    elif verdict.gain.value < LEAST_GAIN * verdict.champion_loss:
        reasons.append(
            f"It saves {verdict.gain.value / verdict.champion_loss:.2%} of the loss; {LEAST_GAIN:.0%} count."
        )
    return reasons


def exposure_reasons(before: Exposure, after: Exposure) -> list[str]:
    """Why a version would be unfair to show members by, in sentences; empty where it is not."""
    reasons = []
    if after.covered < before.covered:
        reasons.append(f"It would show {after.covered:,} members to somebody; {before.covered:,} are now.")
    for group, gini in after.gini.items():
        rise = gini - before.gini[group]
        if rise > MOST_GINI_RISE:
            reasons.append(
                f"Exposure would be less even for {group}: Gini {gini:.3f} against {before.gini[group]:.3f}; "
                f"{MOST_GINI_RISE} more is allowed."
            )
    return reasons


def has_fallen(verdict: Verdict | None) -> bool:
    """Has the version in use (the challenger) fallen below the untrained score (the champion) on the newest weeks?"""
    return verdict is not None and verdict.mutual >= LEAST_MUTUAL and verdict.gain.value < 0
