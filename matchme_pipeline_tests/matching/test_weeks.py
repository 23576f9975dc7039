"""A week stays a week: published whoever the members are, made again around what was seen, whole or not at all."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import psycopg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings.queries import VectorRow, replace_member_vectors
from matchme_pipeline.errors import TouchedMeanwhileError
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.jobs.week_jobs import members_taken
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.member_queries import members_as_of
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.matching.week import (
    close_call_reviews,
    publication_queries,
    random_place_queries,
    ranking,
    weekly_matching,
)
from matchme_pipeline.matching.week.publication_queries import PublishedRow
from matchme_pipeline.week import Week
from matchme_pipeline_tests.matching import plain
from matchme_pipeline_tests.matching.app_rows import populations, save
from matchme_pipeline_tests.matching.made import CUTOFF, row
from matchme_pipeline_tests.materialising import WEEKS, materialise

WEEK = Week(date(2026, 1, 4), is_first=True)
MODEL = "some-model"
# What the app may write when a member does something with a match.
TOUCHES = ("viewed_at = now()", "actioned_at = now()", "action = 'liked'", "action = 'passed', viewed_at = now()")
FIXTURE = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class _RollBackError(Exception):
    pass


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    try:
        with connection.transaction():
            yield
            raise _RollBackError
    except _RollBackError:
        pass


def save_population(connection: Connection, rows: list[MemberRow], seed: int) -> None:
    """Members in the app's tables, three in four of them with a vector."""
    save(connection, rows)
    rng = np.random.default_rng(seed)
    vectors = [
        VectorRow(member.user_id, rng.normal(1, 1, 1536).astype(np.float32), 1, {}, [], "made")
        for member in rows
        if rng.random() < 0.75
    ]
    replace_member_vectors(connection, WEEK.sunday, MODEL, [vectors], [member.user_id for member in rows])


def publish(connection: Connection, limits: Limits = USUAL) -> dict[str, int]:
    """Match the week and write it; what breaks a rule, by rule."""
    engine = weekly_matching.load_engine(connection, WEEK, MODEL, limits)
    result = weekly_matching.allocate_week(connection, engine, WEEK)
    rows = ranking.ranked_rows(result.allocation.matches, result.published, result.touched)
    publication_queries.replace_matches(connection, WEEK.match_week, MODEL, "run", rows, result.touched)
    random_place_queries.replace_random_places(
        connection, WEEK.match_week, result.allocation.random_places, result.touched
    )
    broken = weekly_matching.broken_matches(connection, WEEK, engine.profiles.members, limits)
    return {name: count for name, count in broken.items() if count}


def touch(connection: Connection, change: str, user_id: str, other: str) -> None:
    connection.execute(
        f"update weekly_matches set {change} where user_id = %s and match_user_id = %s",  # type: ignore[arg-type]
        [user_id, other],
    )


def lists(connection: Connection) -> dict[str, dict[str, tuple[Any, ...]]]:
    """Everybody's list as the table has it: by member and partner, the whole row."""
    found: dict[str, dict[str, tuple[Any, ...]]] = defaultdict(dict)
    for user_id, other, *rest in connection.execute(
        """
        select user_id, match_user_id, rank, score, viewed_at, actioned_at, id, created_at, compatibility_factors::text
        from weekly_matches where week_start_date = %s
        """,
        [WEEK.match_week],
    ).fetchall():
        found[user_id][other] = tuple(rest)
    return found


def assert_lists_are_sound(found: dict[str, dict[str, tuple[Any, ...]]]) -> None:
    for user_id, own in found.items():
        assert 1 <= len(own) <= 5
        assert len({rest[0] for rest in own.values()}) == len(own)
        assert all(1 <= rest[0] <= 5 for rest in own.values())
        for other, rest in own.items():
            assert found[other][user_id][1] == rest[1]


@settings(FIXTURE, max_examples=60)
@given(populations(), st.integers(0, 100))
def test_whatever_members_state_the_week_is_published_and_every_rule_holds(
    app_database: Connection, rows: list[MemberRow], seed: int
):
    with rolled_back(app_database):
        save_population(app_database, rows, seed)
        assert publish(app_database) == {}
        found = lists(app_database)
        assert_lists_are_sound(found)
        by_id = {member.user_id: member for member in members_as_of(app_database, CUTOFF)}
        for user_id, own in found.items():
            for other in own:
                assert plain.matchable(by_id[user_id], CUTOFF)
                assert plain.what_parts(by_id[user_id], by_id[other], CUTOFF.date()) is None
            best_first = sorted(own.items(), key=lambda entry: (-entry[1][1], entry[0]))
            assert [rest[0] for _, rest in best_first] == list(range(1, len(own) + 1))


@settings(FIXTURE, max_examples=40)
@given(populations(), populations(), st.integers(0, 100), st.randoms(use_true_random=False))
def test_what_members_have_seen_stands_as_it_is_whatever_changes_and_the_rest_is_made_anew(
    app_database: Connection, rows: list[MemberRow], later: list[MemberRow], seed: int, random: Any
):
    with rolled_back(app_database):
        save_population(app_database, rows, seed)
        publish(app_database)
        before = lists(app_database)
        seen = {(user_id, other) for user_id, own in before.items() for other in own if random.random() < 0.2}
        for user_id, other in sorted(seen):
            touch(app_database, random.choice(TOUCHES), user_id, other)
        as_touched = lists(app_database)
        app_database.execute("delete from match_preferences")
        app_database.execute("delete from islamic_preferences")
        app_database.execute("delete from profiles")
        save(app_database, later)
        assert publish(app_database) == {}
        after = lists(app_database)
        assert_lists_are_sound(after)
        touched = seen | {(other, user_id) for user_id, other in seen}
        for user_id, other in touched:
            assert after[user_id][other] == as_touched[user_id][other]
        by_id = {member.user_id: member for member in later}
        for user_id, own in after.items():
            for other in set(own) - {partner for owner, partner in touched if owner == user_id}:
                assert plain.what_parts(by_id[user_id], by_id[other], CUTOFF.date()) is None
        assert publish(app_database) == {}
        assert lists(app_database) == after


@settings(FIXTURE, max_examples=25)
@given(populations(), st.integers(0, 100), st.randoms(use_true_random=False))
def test_nobody_meets_again_within_the_window_or_whom_they_talk_to(
    app_database: Connection, rows: list[MemberRow], seed: int, random: Any
):
    with rolled_back(app_database):
        save_population(app_database, rows, seed)
        possible = list(itertools.combinations([member.user_id for member in rows], 2))
        shown = {pair: random.choice([-27, -26, -25, -1, 1, 25, 26, 27]) for pair in possible if random.random() < 0.5}
        talking = {pair: random.choice([-1, 1]) for pair in possible if random.random() < 0.3}
        for (a, b), weeks in shown.items():
            show(app_database, a, b, WEEK.match_week + timedelta(weeks=weeks))
        for (a, b), minutes in talking.items():
            app_database.execute(
                "insert into conversations (user1_clerk_id, user2_clerk_id, created_at) values (%s, %s, %s)",
                [a, b, CUTOFF + timedelta(minutes=minutes)],
            )
        assert publish(app_database) == {}
        paired = {(a, b) for a, own in lists(app_database).items() for b in own if a < b}
        kept = {pair for pair, weeks in shown.items() if abs(weeks) < 26}
        kept |= {pair for pair, minutes in talking.items() if minutes < 0}
        assert not paired & kept
        # As the database has them: who states no activity has at least joined.
        by_id = {member.user_id: member for member in members_as_of(app_database, CUTOFF)}
        able = [pair for pair in possible if all(plain.matchable(by_id[user_id], CUTOFF) for user_id in pair)]
        may = {pair for pair in able if plain.what_parts(by_id[pair[0]], by_id[pair[1]], CUTOFF.date()) is None}
        degrees = Counter(itertools.chain.from_iterable(paired))
        assert not [pair for pair in may - kept - paired if degrees[pair[0]] < 5 and degrees[pair[1]] < 5]


def show(connection: Connection, a: str, b: str, match_week: date) -> None:
    for one, other in ((a, b), (b, a)):
        connection.execute(
            """
            insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, created_at)
            values (%s, %s, 50, 1, %s, now() - interval '1 day')
            """,
            [one, other, match_week],
        )


@pytest.mark.parametrize(
    ("limits", "changes", "matched"),
    [
        (USUAL, {"report_count": 4}, True),
        (replace(USUAL, report_threshold=3), {"report_count": 3}, False),
        (replace(USUAL, active_within_days=10), {"last_active_at": CUTOFF - timedelta(days=10)}, True),
        (replace(USUAL, active_within_days=10), {"last_active_at": CUTOFF - timedelta(days=11)}, False),
        (replace(USUAL, active_within_days=100), {"last_active_at": CUTOFF - timedelta(days=99)}, True),
    ],
)
def test_the_limits_are_the_operators(app_database: Connection, limits: Limits, changes: dict[str, Any], matched: bool):
    save(app_database, [row("a", gender="male", **changes), row("b")])
    assert publish(app_database, limits) == {}
    assert bool(lists(app_database)) == matched


@pytest.mark.parametrize(("weeks", "matched"), [(3, False), (4, True)])
def test_the_window_is_the_operators(app_database: Connection, weeks: int, matched: bool):
    save(app_database, [row("a", gender="male"), row("b")])
    show(app_database, "a", "b", WEEK.match_week - timedelta(weeks=weeks))
    assert publish(app_database, replace(USUAL, no_repeat_weeks=4)) == {}
    assert bool(lists(app_database)) == matched


@pytest.mark.parametrize("column", ["viewed_at", "actioned_at"])
def test_who_has_deleted_themselves_is_in_no_list_that_is_made_after_that(
    finished_url: str, finished: Connection, column: str
):
    week = WEEKS[-1]
    finished.execute(f"update weekly_matches set {column} = now() where week_start_date = %s", [week.match_week])  # type: ignore[arg-type]
    [gone] = finished.execute("select min(user_id) from weekly_matches").fetchone() or ("",)
    finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [gone])
    others = """
        select w::text from weekly_matches w
        where week_start_date = %s and %s not in (user_id, match_user_id) order by 1
    """
    before = finished.execute(others, [week.match_week, gone]).fetchall()
    assert materialise(finished_url, week, "weekly_matches").success
    left = "select count(*) from weekly_matches where week_start_date = %s and %s in (user_id, match_user_id)"
    assert finished.execute(left, [week.match_week, gone]).fetchone() == (0,)
    assert set(before) <= set(finished.execute(others, [week.match_week, gone]).fetchall())


def test_a_database_that_fails_half_way_publishes_nothing(finished_url: str, finished: Connection):
    """The table refuses a row in the middle of the write, as a full disk would."""
    week = WEEKS[-1]
    [last] = finished.execute("select max(user_id) from weekly_matches").fetchone() or ("",)
    finished.execute("delete from weekly_matches where %s in (user_id, match_user_id)", [last])
    rows = "select w::text from weekly_matches w order by 1"
    before = finished.execute(rows).fetchall()
    finished.execute(
        "create function refuse() returns trigger language plpgsql as "
        "$$ begin raise exception 'no space left' using errcode = '53100'; end $$"
    )
    finished.execute(
        "create trigger refuse before insert on weekly_matches for each row "
        f"when (new.user_id = '{last}') execute function refuse()"  # type: ignore[arg-type]
    )
    result = materialise(finished_url, week, "weekly_matches", "chaichat_previews", raise_on_error=False)
    assert not result.success
    assert finished.execute(rows).fetchall() == before
    finished.execute("drop trigger refuse on weekly_matches")
    assert materialise(finished_url, week, "weekly_matches", "chaichat_previews").success
    assert len(finished.execute(rows).fetchall()) > len(before)


@pytest.mark.parametrize("change", TOUCHES)
@pytest.mark.parametrize("rows", ["removed", "changed"])
def test_a_match_that_is_touched_while_the_week_is_computed_stays_as_it_is(
    app_database: Connection, change: str, rows: str
):
    save(app_database, [row("a", gender="male"), row("b")])
    publish(app_database)
    touch(app_database, change, "a", "b")
    before = lists(app_database)
    wanted = [] if rows == "removed" else [publication_queries.MatchRow("a", "b", Decimal(1), 2, {})]
    with pytest.raises(TouchedMeanwhileError):
        publication_queries.replace_matches(app_database, WEEK.match_week, MODEL, "run", wanted, set())
    assert lists(app_database) == before


class LooksBeforeEachTry:
    """The models of a week without reviews; whenever the week is about to be written, a member looks at a match."""

    review_model = None

    def __init__(self, member: Connection) -> None:
        self._member = member
        self.seen: list[tuple[str, str]] = []

    @property
    def embedding_model(self) -> str:
        looked = self._member.execute(
            """
            update weekly_matches set viewed_at = now()
            where id = (select id from weekly_matches where viewed_at is null order by rank desc, user_id limit 1)
            returning user_id, match_user_id
            """
        ).fetchone()
        if looked is not None:
            self.seen.append(looked)
        return MODEL


def test_a_week_is_written_around_members_who_look_at_it_at_every_try(app_database: Connection, app_database_url: str):
    members = [row(f"m{n}", gender="male") for n in range(9)] + [row(f"w{n}") for n in range(9)]
    save_population(app_database, members, seed=1)
    assert publish(app_database) == {}
    assert len(lists(app_database)) == 18
    app_database.execute("delete from user_embeddings")
    rows_before = lists(app_database)

    def load() -> close_call_reviews.Loaded:
        return weekly_matching.load_engine_and_broken_rows(app_database, WEEK, MODEL, USUAL)

    jobs_taken = members_taken(app_database, JobType.MATCH_GENERATION, WEEK.sunday, "run", [], MODEL)
    calls = CallContext("weekly_matches", WEEK.sunday, "run")
    with connect(app_database_url) as member, jobs_taken as taken:
        models: Any = LooksBeforeEachTry(member)
        done = close_call_reviews.publish_reviewed(app_database, WEEK, models, calls, taken, load(), load)
    found = lists(app_database)
    assert 0 < len(models.seen) < 6
    assert_lists_are_sound(found)
    assert done.written
    for user_id, other in models.seen:
        assert found[user_id][other][:2] == rows_before[user_id][other][:2]
        assert (min(user_id, other), max(user_id, other)) in done.week.touched


scored = st.dictionaries(
    st.tuples(st.sampled_from("abcdefg"), st.sampled_from("hijklmn")), st.integers(0, 10_000), max_size=40
)


@given(scored, st.sets(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("hijklmn")), max_size=12))
def test_new_matches_give_way_to_fixed_pairs_and_only_where_a_list_is_full(
    scores: dict[tuple[str, str], int], touched: set[tuple[str, str]]
):
    assume(max(Counter(itertools.chain.from_iterable(touched)).values(), default=0) <= 5)
    matches = [Match(a, b, Decimal(score).scaleb(-2), {}) for (a, b), score in scores.items()]
    kept = ranking.matches_around(matches, touched)
    pairs = {(match.a, match.b) for match in kept}
    sizes = Counter(itertools.chain.from_iterable([*pairs, *touched]))
    assert max(sizes.values(), default=0) <= 5
    assert not pairs & touched
    for match in matches:
        if (match.a, match.b) not in pairs | touched:
            assert 5 in (sizes[match.a], sizes[match.b])


def test_readers_see_the_old_week_until_the_new_one_is_whole(app_database: Connection, app_database_url: str):
    save(app_database, [row("a", gender="male"), row("b"), row("c")])
    with connect(app_database_url) as reader:
        with app_database.transaction():
            publish(app_database)
            assert lists(reader) == {}
        assert set(lists(reader)) == {"a", "b", "c"}


ids = st.sampled_from("abcdefg")


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.tuples(ids, ids).filter(lambda pair: pair[0] < pair[1]), st.integers(0, 10_000), max_size=8),
    st.lists(st.tuples(ids, ids, st.integers(1, 5), st.booleans()), max_size=4),
)
def test_new_matches_take_the_ranks_that_standing_ones_leave_the_best_first(
    scores: dict[tuple[str, str], int], placed: list[tuple[str, str, int, bool]]
):
    # As the table has them: a pair once a side, a rank once a member.
    rows_of_pairs = {(a, b): PublishedRow(a, b, rank, stands) for a, b, rank, stands in placed if a != b}
    published = list({(r.user_id, r.rank): r for r in rows_of_pairs.values()}.values())
    touched = ranking.touched_pairs(published)
    scores = {pair: score for pair, score in scores.items() if pair not in touched}
    taken = Counter(member for pair in (*touched, *scores) for member in pair)
    assume(max(taken.values(), default=0) <= 5)
    matches = [Match(a, b, Decimal(score).scaleb(-2), {}) for (a, b), score in scores.items()]
    rows = ranking.ranked_rows(matches, published, touched)
    assert sorted((r.user_id, r.match_user_id) for r in rows) == sorted([*scores, *((b, a) for a, b in scores)])
    for member in "abcdefg":
        held = {
            r.rank for r in published if r.user_id == member and tuple(sorted((r.user_id, r.match_user_id))) in touched
        }
        own = sorted((r for r in rows if r.user_id == member), key=lambda r: r.rank)
        assert not held & {r.rank for r in own}
        assert [r.rank for r in own] == [rank for rank in range(1, 6) if rank not in held][: len(own)]
        assert [(-r.score, r.match_user_id) for r in own] == sorted((-r.score, r.match_user_id) for r in own)


def test_a_write_that_is_refused_raises_the_databases_error(app_database: Connection):
    save(app_database, [row("a", gender="male"), row("b")])
    app_database.execute("alter table weekly_matches add constraint never check (score < 0)")
    with pytest.raises(psycopg.errors.CheckViolation):
        publish(app_database)
    assert lists(app_database) == {}
