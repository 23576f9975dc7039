"""SQL of a week's matching report, stored for later readers."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date

from psycopg.rows import class_row

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.rules.week_findings import Finding, WeekFigures


@dataclass(frozen=True)
class MatchingReport:
    """A stored report; `findings` are objects with `severity` and `sentence`."""

    week: date
    matchable: int
    with_possibilities: int
    covered: int
    not_matchable: Mapping[str, int]
    findings: list[dict[str, str]]


def save_report(
    connection: Connection, week: date, figures: WeekFigures, covered: int, findings: list[Finding]
) -> None:
    """Store the report of a week and replace an earlier one."""
    connection.execute(
        """
        insert into matching_reports as r (
            week, matchable, with_possibilities, covered, eligible_pairs, not_matchable, removed_by_filter,
            unknown_shares, findings
        )
        values (
            %(week)s, %(matchable)s, %(possible)s, %(covered)s, %(pairs)s, %(not_matchable)s, %(removed)s, %(unknown)s,
            %(findings)s
        )
        on conflict (week) do update
        set matchable = excluded.matchable, with_possibilities = excluded.with_possibilities,
            covered = excluded.covered, eligible_pairs = excluded.eligible_pairs,
            not_matchable = excluded.not_matchable, removed_by_filter = excluded.removed_by_filter,
            unknown_shares = excluded.unknown_shares, findings = excluded.findings, written_at = now()
        where (
            r.matchable, r.with_possibilities, r.covered, r.eligible_pairs, r.not_matchable, r.removed_by_filter,
            r.unknown_shares, r.findings
        ) is distinct from (
            excluded.matchable, excluded.with_possibilities, excluded.covered, excluded.eligible_pairs,
            excluded.not_matchable, excluded.removed_by_filter, excluded.unknown_shares, excluded.findings
        )
        """,
        {
            "week": week,
            "matchable": figures.matchable,
            "possible": figures.possible,
            "covered": covered,
            "pairs": figures.eligible_pairs,
            "not_matchable": json.dumps(dict(figures.not_matchable)),
            "removed": json.dumps(dict(figures.removed)),
            "unknown": json.dumps(dict(figures.unknown_shares)),
            "findings": json.dumps([asdict(finding) for finding in findings]),
        },
    )


def report_of(connection: Connection, week: date) -> MatchingReport | None:
    """The report of a week; None if the week has not been matched."""
    with connection.cursor(row_factory=class_row(MatchingReport)) as cursor:
        return cursor.execute(
            """
            select week, matchable, with_possibilities, covered, not_matchable, findings
            from matching_reports where week = %s
            """,
            [week],
        ).fetchone()


def newest_reported_week(connection: Connection) -> date | None:
    """The newest week that has been matched."""
    row = connection.execute("select max(week) from matching_reports").fetchone()
    return row[0] if row else None
