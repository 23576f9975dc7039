"""A week in which nearly nobody can be matched says so, and names the column."""

from dataclasses import replace

import pytest

from matchme_pipeline.matching.rules.week_findings import COLUMNS, WeekFigures, coverage, week_findings

USUAL_WEEK = WeekFigures(
    members=120,
    matchable=110,
    possible=108,
    eligible_pairs=900,
    not_matchable={"hidden": 10},
    removed={"gender": 6_000, "age": 1_500, "distance": 500},
    unknown_shares={"education": 0.85, "marital_status": 0.5},
)


def test_a_usual_week_and_an_empty_one_have_nothing_to_tell():
    assert week_findings(USUAL_WEEK) == []
    assert week_findings(WeekFigures(0, 0, 0, 0, {}, {}, {})) == []


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        (
            {"matchable": 0, "possible": 0, "eligible_pairs": 0, "not_matchable": {"not_onboarded": 120}},
            "error",
            ("120", "not_onboarded", "profiles.onboarding_completed"),
        ),
        (
            {"possible": 0, "eligible_pairs": 0, "removed": {"distance": 1_338, "education": 497}},
            "error",
            ("110", "distance", "profiles.lat/lng"),
        ),
        ({"possible": 40}, "warning", ("40", "110")),
        ({"removed": {"gender": 10, "education": 40_000}}, "warning", ("education", "profiles.education_level", "98%")),
        ({"unknown_shares": {"children": 1.0}}, "warning", ("profiles.has_children", "100%")),
        ({"members": 2_000, "not_matchable": {"inactive": 1_950}}, "warning", ("inactive", "profiles.last_active_at")),
    ],
)
def test_what_is_unusual_is_named(changes: dict[str, object], severity: str, words: tuple[str, ...]):
    findings = week_findings(replace(USUAL_WEEK, **changes))
    assert {finding.severity for finding in findings} >= {severity}
    told = " ".join(finding.sentence for finding in findings)
    assert all(word in told for word in words)


@pytest.mark.parametrize("reason", ["not_onboarded", "inactive", "hidden", "gender_unknown", "birthdate_unknown"])
def test_whatever_keeps_everybody_out_is_an_error_that_names_its_column(reason: str):
    week = replace(USUAL_WEEK, matchable=0, possible=0, eligible_pairs=0, not_matchable={reason: 120})
    (finding,) = week_findings(week)
    assert finding.severity == "error"
    assert COLUMNS[reason] in finding.sentence


def test_coverage_is_not_whole_where_nobody_has_a_possibility():
    assert coverage(0, 0, 110) == 0.0
    assert coverage(50, 100, 110) == 0.5
    assert coverage(0, 0, 0) == 1.0
