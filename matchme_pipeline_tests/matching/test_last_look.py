"""The last look at a week: it finds what is broken, and takes no longer because a week is new to the planner."""

from datetime import UTC, date, datetime, timedelta

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.week import check_queries

WEEK = date(2026, 1, 18)
MEMBERS = 8_000


def fill(connection: Connection, week: date) -> None:
    """Five matches for each of MEMBERS members, every match in both lists."""
    connection.execute(
        """
        insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date)
        select one, other, 50, rank, %(week)s
        from generate_series(0, %(half)s - 1) m
        cross join generate_series(1, 5) rank
        cross join lateral (
            values ('m' || m, 'w' || (m + rank) %% %(half)s), ('w' || m, 'm' || (m - rank + %(half)s) %% %(half)s)
        ) pair (one, other)
        """,
        {"week": week, "half": MEMBERS // 2},
    )


def test_a_week_that_no_statistics_know_is_looked_at_in_no_time(app_database: Connection):
    app_database.execute(
        "insert into profiles (clerk_user_id, gender, birthdate) "
        "select 'm' || m, 'male', '1996-01-01'::date from generate_series(0, %s) m "
        "union all select 'w' || m, 'female', '1996-01-01' from generate_series(0, %s) m",
        [MEMBERS // 2 - 1] * 2,
    )
    app_database.execute("alter table weekly_matches set (autovacuum_enabled = off)")
    fill(app_database, WEEK - timedelta(weeks=30))
    app_database.execute("analyze weekly_matches; analyze profiles")
    # Rows against rows would be 1.6 thousand million comparisons, minutes instead of a quarter of a second.
    app_database.execute("set statement_timeout = '20s'")
    with app_database.transaction():
        fill(app_database, WEEK)
        rules = check_queries.broken_rules(app_database, WEEK, 26)
        preferences = check_queries.broken_preferences(
            app_database, datetime(WEEK.year, WEEK.month, WEEK.day, 2, tzinfo=UTC), WEEK, USUAL
        )
        pairs = check_queries.untouched_pairs(app_database, WEEK, [f"m{n}" for n in range(MEMBERS // 2)])
        assert (pairs.shape, pairs.min(), pairs.max()) == ((MEMBERS // 2 * 5, 2), -1, MEMBERS // 2 - 1)
    assert not any(rules.values())
    assert not any(preferences.values())


def test_every_broken_rule_is_counted(app_database: Connection):
    def insert(user_id: str, other: str, rank: int, score: int = 50, week: date = WEEK, viewed: bool = False) -> None:
        app_database.execute(
            "insert into weekly_matches "
            "(user_id, match_user_id, score, rank, week_start_date, viewed_at, embedding_model) "
            "values (%s, %s, %s, %s, %s, case when %s then now() end, 'made')",
            [user_id, other, score, rank, week, viewed],
        )

    insert("a", "b", 1)
    insert("c", "d", 1, 40)
    insert("d", "c", 1, 41)
    insert("e", "e", 1)
    insert("f", "g", 1)
    insert("g", "f", 1)
    insert("f", "h", 1)
    insert("h", "f", 1)
    insert("f", "g", 1, week=WEEK - timedelta(weeks=1))
    insert("g", "f", 1, week=WEEK - timedelta(weeks=1))
    # Once viewed, a pair stands even where it is repeated.
    insert("i", "j", 1, viewed=True)
    insert("j", "i", 1)
    insert("i", "j", 1, week=WEEK - timedelta(weeks=1))
    app_database.execute("insert into profiles (clerk_user_id, deleted_at) values ('h', now())")
    assert check_queries.broken_rules(app_database, WEEK, 26) == {
        "not_mutual": 3,
        "more_than_five": 0,
        "same_rank_twice": 1,
        "with_themselves": 1,
        "repeated": 2,
        "with_deleted_members": 1,
    }
