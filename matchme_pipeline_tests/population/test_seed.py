"""The seeded population as a whole: the same arguments, the same rows, and never over somebody else's data."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import ConfigurationError, WeekError
from matchme_pipeline.population import queries, seed
from matchme_pipeline.population.seed import seed_population, seeded_first_week
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.population.conftest import FIRST_WEEK, SEED, USERS, WEEKS, Seeded

# Every table that the seeding writes, and the columns that are left out of a comparison between sizes.
TABLES = (
    "seed_truth.members",
    "profiles",
    "islamic_preferences",
    "match_preferences",
    "user_city_assignments",
    "cultural_profiles",
    "cultural_backgrounds",
    "personality_assessments",
    "dna_questionnaires",
    "dna_answers",
    "city_clusters",
    "posts",
    "voice_introductions",
    "user_insights",
    "gamification_progress",
    "conversations",
    "messages",
)


def _rows(connection: Connection, table: str) -> set[str]:
    return {row[0] for row in connection.execute(f"select t::text from {table} t").fetchall()}  # type: ignore[arg-type]


def _seed(connection: Connection, users: int = 60, number: int = SEED) -> seed.SeedReport:
    return seed_population(connection, users=users, weeks=3, first_week=FIRST_WEEK, seed=number)


@contextmanager
def _second_database(postgres_url: str, template: str, name: str) -> Iterator[Connection]:
    with connect(copy_database(postgres_url, name, template)) as connection:
        yield connection


def test_the_same_arguments_give_the_same_rows(app_database: Connection, postgres_url: str, app_template: str):
    _seed(app_database)
    with _second_database(postgres_url, app_template, "seeded_again") as again:
        _seed(again)
        for table in TABLES:
            rows = _rows(app_database, table)
            assert rows, table
            assert rows == _rows(again, table), table


def test_a_larger_population_keeps_the_smaller_ones_members(
    app_database: Connection, postgres_url: str, app_template: str
):
    _seed(app_database, users=60)
    with _second_database(postgres_url, app_template, "seeded_larger") as larger:
        _seed(larger, users=90)
        for table in TABLES:
            assert _rows(app_database, table) <= _rows(larger, table), table


def test_another_seed_gives_other_members(app_database: Connection, postgres_url: str, app_template: str):
    _seed(app_database)
    with _second_database(postgres_url, app_template, "seeded_otherwise") as other:
        _seed(other, number=SEED + 1)
        for table in ("profiles", "posts", "dna_answers", "seed_truth.members"):
            assert not _rows(app_database, table) & _rows(other, table), table


def test_the_report_counts_what_is_there(seeded: Seeded):
    counts = queries.counts(seeded.connection)
    assert seeded.report.members == counts.members == USERS
    assert (seeded.report.posts, seeded.report.insights) == (counts.posts, counts.insights)
    assert not seeded.report.already_seeded
    assert seeded_first_week(seeded.connection) == FIRST_WEEK
    assert 7 * USERS < counts.posts < 13 * USERS


def test_seeding_again_changes_nothing_and_says_so(app_database: Connection):
    first = _seed(app_database)
    before = {table: _rows(app_database, table) for table in TABLES}
    second = _seed(app_database)
    assert second.already_seeded
    assert (second.members, second.posts) == (first.members, first.posts)
    assert before == {table: _rows(app_database, table) for table in TABLES}


def test_another_population_is_refused_with_a_remedy(app_database: Connection):
    _seed(app_database)
    with pytest.raises(ConfigurationError, match=r"60 members, 3 weeks from 2026-01-04, seed 7.*empty database"):
        _seed(app_database, users=61)


def test_real_members_are_never_mixed_with_seeded_ones(app_database: Connection):
    app_database.execute("insert into profiles (clerk_user_id) values ('user_2real')")
    with pytest.raises(ConfigurationError, match="MATCHME_DATABASE_URL"):
        _seed(app_database)
    assert queries.counts(app_database).members == 1


def test_a_seeding_that_breaks_off_leaves_nothing(app_database: Connection):
    def break_off(stage: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seed_population(app_database, users=20, weeks=2, first_week=FIRST_WEEK, seed=1, progress=break_off)
    assert queries.counts(app_database).members == 0
    assert queries.seeded_population(app_database) is None
    assert not _seed(app_database, users=20).already_seeded


def test_a_population_of_an_older_vocabulary_is_another_population(app_database: Connection):
    _seed(app_database, users=5)
    app_database.execute("alter table seed_truth.population drop column version")
    assert seeded_first_week(app_database) == FIRST_WEEK
    with pytest.raises(ConfigurationError, match="version 1"):
        _seed(app_database, users=5)


@pytest.mark.parametrize("wrong", [{"users": 0}, {"weeks": 0}, {"seed": -1}])
def test_numbers_that_make_no_population_are_refused(app_database: Connection, wrong: dict[str, int]):
    arguments = {"users": 5, "weeks": 2, "seed": 1} | wrong
    with pytest.raises(ConfigurationError):
        seed_population(app_database, first_week=FIRST_WEEK, **arguments)


def test_a_first_week_that_is_no_sunday_is_refused(app_database: Connection):
    with pytest.raises(WeekError):
        seed_population(app_database, users=5, weeks=2, first_week=date(2026, 1, 5), seed=1)


def test_progress_reaches_the_end(app_database: Connection):
    told: list[tuple[str, int, int]] = []
    seed_population(
        app_database,
        users=30,
        weeks=2,
        first_week=FIRST_WEEK,
        seed=1,
        progress=lambda stage, done, total: told.append((stage, done, total)),
    )
    assert told[-1] == ("members", 30, 30)


def test_the_apps_triggers_are_on_again_after_seeding(seeded: Seeded):
    off = seeded.connection.execute(
        "select tgname from pg_trigger where not tgisinternal and tgenabled <> 'O'"
    ).fetchall()
    assert off == []


def test_nothing_is_dated_after_the_last_week(seeded: Seeded):
    end = FIRST_WEEK + timedelta(weeks=WEEKS)
    for statement in (
        "select count(*) from posts where created_at > %s + time '02:00' at time zone 'utc'",
        "select count(*) from user_insights where greatest(created_at, reviewed_at) > %s + time '02:00' at time zone "
        "'utc'",
        "select count(*) from dna_answers where created_at > %s + time '02:00' at time zone 'utc'",
        "select count(*) from profiles where created_at > %s + time '02:00' at time zone 'utc'",
    ):
        assert seeded.connection.execute(statement, [end]).fetchone() == (0,), statement  # type: ignore[arg-type]
