"""One member's candidates between Sundays: SQL says what the rules say, the index finds what the exact way finds."""

from collections.abc import Sequence
from datetime import date

import numpy as np
from hypothesis import HealthCheck, given, settings

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import search, search_queries
from matchme_pipeline.matching.eligibility import eligible_block
from matchme_pipeline.matching.limits import USUAL
from matchme_pipeline.matching.members import MemberRow, why_not_matchable
from matchme_pipeline.matching.search import Moment
from matchme_pipeline_tests.matching.app_rows import populations, save
from matchme_pipeline_tests.matching.made import CUTOFF, columns

WEEK, MATCH_WEEK, MODEL = date(2026, 1, 4), date(2026, 1, 11), "some-model"
MOMENT = Moment(CUTOFF, WEEK, MATCH_WEEK, MODEL, USUAL)


class _RollBackError(Exception):
    pass


def eligible_by_sql(connection: Connection, rows: Sequence[MemberRow]) -> set[tuple[str, str]]:
    found = set()
    for seeker in rows:
        if why_not_matchable(seeker, CUTOFF) is None:
            asked = search.parameters(seeker, np.zeros(1536), MOMENT, None)
            partners = search_queries.eligible_partners(connection, asked, through_index=False)
            found |= {(seeker.user_id, partner) for partner in partners}
    return found


def eligible_by_rules(rows: Sequence[MemberRow]) -> set[tuple[str, str]]:
    members = columns(*(row for row in rows if why_not_matchable(row, CUTOFF) is None))
    may, _ = eligible_block(members, members)
    np.fill_diagonal(may, False)
    return {(members.user_ids[a], members.user_ids[b]) for a, b in np.argwhere(may)}


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(populations())
def test_sql_lets_the_same_pairs_meet_as_the_rules_do(app_database: Connection, rows: list[MemberRow]):
    try:
        with app_database.transaction():
            save(app_database, rows)
            assert eligible_by_sql(app_database, rows) == eligible_by_rules(rows)
            raise _RollBackError
    except _RollBackError:
        pass
