"""Detects weeks in which few members can be matched: such a week has a fault; pure."""

from collections.abc import Mapping
from dataclasses import dataclass

# A week is unusual if a smaller share of the matchable members has a possible partner.
MIN_WITH_POSSIBILITIES = 0.5
# A filter that removes this share of the pairs of suiting gender, or a column unknown for this share of the members.
NEARLY_ALL = 0.95
# Fewer members are too few for a conclusion.
MIN_MEMBERS = 10
# The filter on gender removes half of all pairs by its nature.
_EXPECTED_TO_REMOVE = ("gender",)
# The columns of each attribute in the app's tables.
COLUMNS = {
    "distance": "profiles.lat/lng, user_city_assignments.detected_location",
    "education": "profiles.education_level",
    "marital_status": "profiles.marital_status",
    "children": "profiles.has_children",
    "religiosity": "islamic_preferences.prayer_frequency, profiles.religion.practiceLevel",
    "sect": "islamic_preferences.sect, profiles.religion.sect",
    "age": "profiles.birthdate, match_preferences.age_range_min/max",
    "not_onboarded": "profiles.onboarding_completed",
    "inactive": "profiles.last_active_at",
    "gender_unknown": "profiles.gender",
    "birthdate_unknown": "profiles.birthdate",
    "hidden": "profiles.profile_visibility",
    "switched_off": "profiles.is_matchable",
    "reported": "profiles.report_count",
    "under_age": "profiles.birthdate",
    "hijab": "profiles.tags",
}


@dataclass(frozen=True)
class Finding:
    """One unusual observation: `severity` is "error" if nobody can be matched, otherwise "warning"."""

    severity: str
    sentence: str


@dataclass(frozen=True)
class WeekFigures:
    """Figures of a week's matching; `members` counts all who have joined, `removed` pairs by filter.

    `possible` counts members with a possible partner. `unknown_shares` are shares of the matchable members, by
    attribute, 0 to 1.
    """

    members: int
    matchable: int
    possible: int
    eligible_pairs: int
    not_matchable: Mapping[str, int]
    removed: Mapping[str, int]
    unknown_shares: Mapping[str, float]


def week_findings(figures: WeekFigures) -> list[Finding]:
    """What an operator must know about the week, most severe first; empty for an empty week."""
    if figures.members == 0:
        return []
    findings = _nobody(figures) or _too_few(figures)
    if figures.matchable < MIN_MEMBERS:
        return findings
    return findings + _one_filter(figures) + _unknown_columns(figures)


def coverage(covered: int, possible: int, matchable: int) -> float:
    """The share of members with a possible partner who have a match; 0 if no member of many has a possible partner."""
    if possible:
        return covered / possible
    return 0.0 if matchable else 1.0


def _nobody(figures: WeekFigures) -> list[Finding]:
    if figures.matchable == 0:
        reason, count = _largest(figures.not_matchable)
        return [
            Finding(
                "error",
                f"None of {figures.members:,} members can be matched; most often: {reason} ({count:,}). "
                f"Look at {COLUMNS.get(reason, reason)}.",
            )
        ]
    if figures.eligible_pairs == 0:
        if figures.matchable < 2:
            return []
        name, count = _largest(figures.removed)
        return [
            Finding(
                "error",
                f"No two of {figures.matchable:,} members may meet; the filter {name} removes most pairs ({count:,}). "
                f"Look at {COLUMNS.get(name, name)}.",
            )
        ]
    return []


def _too_few(figures: WeekFigures) -> list[Finding]:
    findings = []
    reason, count = _largest(figures.not_matchable)
    if figures.members >= MIN_MEMBERS and count > NEARLY_ALL * figures.members:
        findings.append(
            Finding(
                "warning",
                f"{count:,} of {figures.members:,} members are not matched for one reason: {reason}. "
                f"Look at {COLUMNS.get(reason, reason)}.",
            )
        )
    if figures.matchable >= MIN_MEMBERS and figures.possible < MIN_WITH_POSSIBILITIES * figures.matchable:
        findings.append(
            Finding("warning", f"Only {figures.possible:,} of {figures.matchable:,} members have an eligible partner.")
        )
    return findings


def _one_filter(figures: WeekFigures) -> list[Finding]:
    removed = {name: count for name, count in figures.removed.items() if name not in _EXPECTED_TO_REMOVE}
    tested_pairs = sum(removed.values()) + figures.eligible_pairs
    return [
        Finding(
            "warning",
            f"The filter {name} removes {count / tested_pairs:.0%} of the pairs. Look at {COLUMNS.get(name, name)}.",
        )
        for name, count in removed.items()
        if tested_pairs and count > NEARLY_ALL * tested_pairs
    ]


def _unknown_columns(figures: WeekFigures) -> list[Finding]:
    return [
        Finding(
            "warning", f"{COLUMNS[name]} is unknown for {share:.0%} of the members, so {name} has almost no effect."
        )
        for name, share in figures.unknown_shares.items()
        if share > NEARLY_ALL
    ]


def _largest(counts: Mapping[str, int]) -> tuple[str, int]:
    return max(counts.items(), key=lambda entry: (entry[1], entry[0]), default=("nothing", 0))
