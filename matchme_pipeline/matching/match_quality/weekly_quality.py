"""A week's match quality over the tables: load matches and matchable members, measure, store."""

from datetime import datetime

import pandas as pd

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.match_quality import quality_queries
from matchme_pipeline.matching.match_quality.quality import Quality, quality
from matchme_pipeline.matching.member_queries import members_as_of
from matchme_pipeline.matching.outcomes import outcome_queries
from matchme_pipeline.matching.rules.limits import Limits
from matchme_pipeline.matching.rules.members import MemberRow, whole_years, why_not_matchable
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, WEIGHTS
from matchme_pipeline.matching.week import report_queries
from matchme_pipeline.week import Week


def measure_week(connection: Connection, week: Week, limits: Limits) -> Quality:
    """The figures of the matches that members saw during `week`, as of its cutoff.

    Matchable members are those as of the week's start, when those matches were made.
    """
    outcomes = outcome_queries.outcomes_of(connection, week.sunday)
    members = outcomes["user_id"].unique().tolist()
    return quality(
        outcomes,
        week.sunday,
        _matchable(connection, week.start, limits),
        pd.Series(quality_queries.weeks_since_joining(connection, members, week.start), dtype=float),
        list(WEIGHTS),
        ALGORITHM_VERSION,
        _coverage(connection, week.previous),
    )


def _coverage(connection: Connection, week: Week) -> float | None:
    """The share of members with a possible partner who appear in a list of the week."""
    report = report_queries.report_of(connection, week.sunday)
    return report.covered / report.with_possibilities if report and report.with_possibilities else None


def _matchable(connection: Connection, moment: datetime, limits: Limits) -> pd.DataFrame:
    rows = [row for row in members_as_of(connection, moment) if _can_be_matched(row, moment, limits)]
    cities = quality_queries.cities_as_of(connection, moment)
    return pd.DataFrame(
        {
            "gender": [row.gender for row in rows],
            "age": [whole_years(row.birthdate, moment.date()) for row in rows if row.birthdate is not None],
            "city": [cities.get(row.user_id) for row in rows],
        },
        index=[row.user_id for row in rows],
    )


def _can_be_matched(row: MemberRow, moment: datetime, limits: Limits) -> bool:
    return why_not_matchable(row, moment, limits) is None
