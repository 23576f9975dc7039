"""The content stages on a real week: duplicates are paid once, one bad item fails alone, the deleted leave."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import psycopg
import pytest
from psycopg.abc import Query
from psycopg.rows import TupleRow

from matchme_pipeline.content import analysis, deletion, queries
from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.content.items import hash_items
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.errors import BudgetExceededError, ModelRequestError
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import (
    CallContext,
    Insight,
    ItemAnalysis,
    ItemFailure,
    ItemToAnalyse,
    MemberAnalysis,
    Usage,
)
from matchme_pipeline.llm.text.quote_grounding import QuotableText
from matchme_pipeline_tests.materialising import WEEKS, materialise

FIRST = WEEKS[0]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


class ScriptedModels:
    """Answers every item with its first words as the quote, but fails or stops where it is told to."""

    insight_model = "scripted"
    answers_by_batch = False

    def __init__(self, bad: str | None = None, stop_after: int | None = None, error: Exception | None = None) -> None:
        self.bad, self.stop_after, self.error = bad, stop_after, error
        self.asked: list[str] = []

    def analyse(self, items: Sequence[ItemToAnalyse], context: CallContext) -> Iterator[MemberAnalysis]:
        members: dict[str, list[ItemToAnalyse]] = {}
        for item in items:
            members.setdefault(item.member_id, []).append(item)
        for number, (member, own) in enumerate(members.items()):
            if self.stop_after is not None and number >= self.stop_after and self.error:
                raise self.error
            self.asked += [item.content_hash for item in own]
            if member == self.bad:
                failures = tuple(ItemFailure(item.content_hash, "the model answered in rhyme") for item in own)
                yield MemberAnalysis(member, (), failures)
            else:
                yield MemberAnalysis(member, tuple(self._answer(item) for item in own))

    def usage(self, context: CallContext) -> Usage:
        return Usage()

    @staticmethod
    def _answer(item: ItemToAnalyse) -> ItemAnalysis:
        insight = Insight("values", "A title", "A description", item.text[:40].strip(), 70)
        return ItemAnalysis(item.content_hash, f"key-{item.content_hash}", (insight,), reused=False)


@contextmanager
def first_week(url: str) -> Iterator[tuple[Connection, dict[str, list[analysis.HashedItem]]]]:
    with connect(url) as connection:
        raw = queries.live_items(connection, FIRST.items_from, FIRST.cutoff)
        hashed = hash_items(raw, {})
        queries.replace_items(connection, FIRST.sunday, hashed)
        items = analysis.by_member(hashed)
        requests = analysis.job_requests(items, jobs.member_priorities(connection, items))
        jobs.enqueue(connection, JobType.CONTENT_ANALYSIS, FIRST.sunday, requests)
        yield connection, items


class CountingCursor(psycopg.Cursor[TupleRow]):
    """Counts the statements of its connection, but for those that only begin or end a transaction."""

    executed: ClassVar[list[object]] = []

    def execute(self, query: Query, *given: Any, **named: Any) -> Self:
        self.executed.append(query)
        return super().execute(query, *given, **named)


def statuses(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("select status, count(*) from batch_processing_queue group by 1").fetchall())


def test_one_members_failure_is_that_members_alone(seeded_url: str):
    with first_week(seeded_url) as (connection, items):
        bad = sorted(items)[3]
        models = ScriptedModels(bad=bad)
        outcome = analysis.drain(connection, models, FIRST, items, CallContext("s", FIRST.sunday, "r"), NOW)  # type: ignore[arg-type]
        rows = connection.execute(
            "select user_id, attempts, last_error from batch_processing_queue where status <> 'completed'"
        ).fetchall()
        made = connection.execute("select count(distinct user_id) from insight_sources").fetchone()
    assert rows == [(bad, 1, "the model answered in rhyme")]
    assert made == (len(items) - 1,)
    assert outcome.failed == len(items[bad])


@pytest.mark.parametrize("error", [BudgetExceededError("the week's budget is reached"), ModelRequestError("wrong key")])
def test_what_cannot_be_asked_now_stays_queued_untried(seeded_url: str, error: Exception):
    with first_week(seeded_url) as (connection, items):
        models = ScriptedModels(stop_after=60, error=error)
        context = CallContext("s", FIRST.sunday, "r")
        if isinstance(error, ModelRequestError):
            with pytest.raises(ModelRequestError):
                analysis.drain(connection, models, FIRST, items, context, NOW)  # type: ignore[arg-type]
        else:
            outcome = analysis.drain(connection, models, FIRST, items, context, NOW)  # type: ignore[arg-type]
            assert outcome.stopped_by == str(error)
            assert outcome.left_in_queue == len(items) - 60
        waiting = connection.execute(
            "select status, max(attempts) from batch_processing_queue where status <> 'completed' group by 1"
        ).fetchall()
        assert waiting == [("pending", 0)]
        assert statuses(connection)["completed"] == 60


def test_a_week_stopped_half_way_goes_on_where_it_was(seeded_url: str):
    with first_week(seeded_url) as (connection, items):
        context = CallContext("s", FIRST.sunday, "r")
        first = ScriptedModels(stop_after=60, error=BudgetExceededError("enough"))
        analysis.drain(connection, first, FIRST, items, context, NOW)  # type: ignore[arg-type]
        done = connection.execute("select user_id from batch_processing_queue where status = 'completed'").fetchall()
        finished_before = {user_id for (user_id,) in done}
        second = ScriptedModels()
        analysis.drain(connection, second, FIRST, items, context, NOW)  # type: ignore[arg-type]
        assert statuses(connection) == {"completed": len(items)}
    assert finished_before
    assert len(second.asked) == sum(len(own) for own in items.values()) - sum(len(items[m]) for m in finished_before)


def test_many_workers_drain_one_week_together(seeded_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(analysis, "MEMBERS_CLAIMED_AT_ONCE", 9)
    with first_week(seeded_url) as (connection, items):
        workers = [ScriptedModels() for _ in range(4)]

        def work(number: int) -> None:
            context = CallContext("s", FIRST.sunday, f"run {number}")
            with connect(seeded_url) as own:
                analysis.drain(own, workers[number], FIRST, items, context, NOW)  # type: ignore[arg-type]

        with ThreadPoolExecutor(len(workers)) as pool:
            for ended in [pool.submit(work, number) for number in range(len(workers))]:
                ended.result()
        assert statuses(connection) == {"completed": len(items)}
        made = connection.execute("select count(distinct user_id) from insight_sources").fetchone()
    asked = [digest for worker in workers for digest in worker.asked]
    assert len(asked) == sum(len(own) for own in items.values())
    assert made == (len(items),)


def test_a_late_insight_still_leaves_two_weeks_to_review_it(finished: Connection):
    row = finished.execute(
        """
        select bool_and(i.created_at <= w.cutoff), bool_and(i.expires_at > now() + interval '13 days')
        from insight_sources s
        join user_insights i on i.id = s.insight_id
        cross join lateral (select s.week + time '02:00' + interval '7 days' as cutoff) w
        where i.status = 'pending' and i.created_at = w.cutoff at time zone 'utc'
        """
    ).fetchone()
    assert row == (True, True)


def test_the_same_text_is_asked_once(finished: Connection):
    duplicates = finished.execute(
        "select count(*) from (select content_hash from content_items group by 1 having count(*) > 1) t"
    ).fetchone()
    answers = finished.execute(
        "select count(*), count(distinct content_hash) from content_analyses where stage = 'content_insights'"
    ).fetchone()
    assert duplicates
    assert duplicates[0] > 0
    assert answers
    assert answers[0] == answers[1]


def test_empty_posts_are_skipped_with_their_reason(finished: Connection):
    rows = finished.execute(
        """
        select distinct c.status, c.skip_reason, p.processing_status
        from content_items c join posts p on p.id = c.item_id where coalesce(trim(p.caption), '') = ''
        """
    ).fetchall()
    assert rows == [("skipped", "empty", "skipped")]


def test_instructions_in_a_post_make_no_insight(finished: Connection):
    rows = finished.execute("select source_quote from user_insights").fetchall()
    assert not [quote for (quote,) in rows if quote and "instructions" in quote.casefold()]


def test_quotes_are_in_the_members_own_spelling(seeded_url: str):
    """`psql` finds every quote inside the caption as the member typed it, double spaces and all."""
    with connect(seeded_url) as connection:
        connection.execute("update posts set caption = replace(caption, ' ', '  ')")
        # What the app offered before is in the app's spelling.
        connection.execute("delete from user_insights")
        assert materialise(seeded_url, FIRST, "post_hashes", "content_insights").success
        rows = connection.execute(
            """
            select i.source_quote, bool_or(position(i.source_quote in coalesce(p.caption, v.transcription)) > 0)
            from user_insights i
            join insight_sources s on s.insight_id = i.id
            left join posts p on p.id = s.item_id
            left join voice_introductions v on v.id = s.item_id
            group by i.id
            """
        ).fetchall()
    assert len(rows) > 50
    assert any("  " in quote for quote, _ in rows)
    assert all(found for _, found in rows)


def test_a_claim_that_the_app_has_made_already_is_not_made_again(seeded_url: str):
    with first_week(seeded_url) as (connection, items):
        member, own = next(iter(items.items()))
        quote = (
            ScriptedModels._answer(ItemToAnalyse(member, str(own[0].content_hash), canonical_text(own[0].raw.text)))
            .insights[0]
            .source_quote
        )
        connection.execute(
            """
            insert into user_insights (clerk_user_id, insight_category, title, description, source_quote, created_at)
            values (%s, 'values', 'The app was first', 'It really was', upper(%s), '2025-12-01')
            """,
            [member, quote],
        )
        analysis.drain(connection, ScriptedModels(), FIRST, items, CallContext("s", FIRST.sunday, "r"), NOW)  # type: ignore[arg-type]
        rows = connection.execute(
            """
            select i.title, s.item_id from user_insights i left join insight_sources s on s.insight_id = i.id
            where i.clerk_user_id = %s and upper(i.source_quote) = upper(%s)
            """,
            [member, quote],
        ).fetchall()
    assert rows == [("The app was first", own[0].raw.item_id)]


def test_a_post_is_given_up_only_with_its_job(seeded_url: str):
    with first_week(seeded_url) as (connection, items):
        bad = next(user_id for user_id, own in items.items() if any(item.raw.item_type == "post" for item in own))
        posts = [item.raw.item_id for item in items[bad] if item.raw.item_type == "post"]
        for run, status in (("1", "pending"), ("2", "pending"), ("3", "failed")):
            context = CallContext("s", FIRST.sunday, run)
            analysis.drain(connection, ScriptedModels(bad=bad), FIRST, items, context, NOW)  # type: ignore[arg-type]
            states = connection.execute(
                "select distinct processing_status from posts where id = any(%s)", [posts]
            ).fetchall()
            assert states == [(status,)]


def test_each_post_is_written_at_most_once_a_stage(seeded_url: str):
    """An update of `posts` rebuilds a text index: rows that are right are left alone."""
    with connect(seeded_url) as connection:
        connection.execute(
            """
            create table post_writes (id uuid);
            create function note_post() returns trigger language plpgsql as
                $$ begin insert into post_writes values (new.id); return new; end $$;
            create trigger note_post after update on posts for each row execute function note_post();
            """
        )
        most = "select coalesce(max(n), 0) from (select count(*) as n from post_writes group by id) t"
        for stage in ("post_hashes", "content_insights", "post_embeddings"):
            for writes in (1, 0):
                connection.execute("delete from post_writes")
                assert materialise(seeded_url, FIRST, stage).success
                assert connection.execute(most).fetchone() == (writes,), stage  # type: ignore[call-overload]


def member_with_everything(connection: Connection) -> str:
    row = connection.execute(
        """
        select user_id from weekly_matches
        where user_id in (select user_id from insight_sources) order by user_id limit 1
        """
    ).fetchone()
    assert row is not None
    return str(row[0])


def rows_about(connection: Connection, user_id: str) -> dict[str, int]:
    statement = """
        select 'insights', count(*) from user_insights where clerk_user_id = %(u)s
        union all select 'items', count(*) from content_items where user_id = %(u)s
        union all select 'sources', count(*) from insight_sources where user_id = %(u)s
        union all select 'vectors', count(*) from user_embeddings where user_id = %(u)s
        union all select 'scores', count(*) from dna_score_history where user_id = %(u)s
        union all select 'current', count(*) from mysoul_dna_scores where user_id = %(u)s
        union all select 'originality', count(*) from content_originality where user_id = %(u)s
        union all select 'matches', count(*) from weekly_matches where %(u)s in (user_id, match_user_id)
        union all select 'jobs', count(*) from batch_processing_queue where user_id = %(u)s
        union all select 'ledger', count(*) from llm_calls where user_id = %(u)s
    """
    return {name: count for name, count in connection.execute(statement, {"u": user_id}).fetchall() if count}


def test_a_member_who_is_forgotten_leaves_every_table(finished: Connection):
    user_id = member_with_everything(finished)
    assert len(rows_about(finished, user_id)) >= 6
    deletion.forget(finished, [user_id])
    assert rows_about(finished, user_id) == {}


def test_a_member_who_deleted_themselves_is_gone_after_the_next_run(finished: Connection, finished_url: str):
    user_id = member_with_everything(finished)
    finished.execute("update profiles set deleted_at = now() where clerk_user_id = %s", [user_id])
    assert materialise(finished_url, WEEKS[-1]).success
    assert rows_about(finished, user_id) == {}


def test_a_deleted_post_takes_its_insights_along(finished: Connection, finished_url: str):
    row = finished.execute(
        """
        select s.item_id, s.insight_id from insight_sources s
        where s.item_type = 'post' and s.week = %s
            and (select count(*) from insight_sources o where o.insight_id = s.insight_id) = 1
        order by 1, 2 limit 1
        """,
        [WEEKS[-1].sunday],
    ).fetchone()
    assert row is not None
    finished.execute("update posts set deleted_at = now() where id = %s", [row[0]])
    assert materialise(finished_url, WEEKS[-1], "post_hashes").success
    assert finished.execute("select 1 from user_insights where id = %s", [row[1]]).fetchone() is None
    assert finished.execute("select 1 from content_items where item_id = %s", [row[0]]).fetchone() is None


@pytest.mark.parametrize(
    ("text", "quote", "found"),
    [
        ("I love  hiking\nin the hills.", "love hiking in the hills", "love  hiking\nin the hills"),
        ("I love hiking.", "I LOVE hiking", None),
        ("I love hiking.", "I love swimming", None),
    ],
)
def test_a_quote_is_the_members_own_wording_or_nothing(text: str, quote: str, found: str | None):
    assert QuotableText(text).find(quote) == found


@pytest.mark.parametrize("share", [8, 1])
def test_the_statements_of_the_analysis_do_not_grow_with_its_members(small_url: str, share: int):
    with first_week(small_url) as (connection, items):
        left_out = [job for number, job in enumerate(sorted(items)) if number % share]
        connection.execute("delete from batch_processing_queue where subject = any(%s)", [left_out])
        assert 0 < len(items) - len(left_out) <= analysis.MEMBERS_SAVED_AT_ONCE
        connection.cursor_factory = CountingCursor
        CountingCursor.executed.clear()
        context = CallContext("s", FIRST.sunday, "r")
        done = analysis.drain(connection, ScriptedModels(), FIRST, items, context, NOW)  # type: ignore[arg-type]
        assert done.left_in_queue == 0
    # Claim, names; quotes, insights, sources, jobs, posts; release, claim again, count.
    assert len(CountingCursor.executed) <= 12, CountingCursor.executed


def test_a_shared_text_is_asked_about_without_the_names_of_all_its_authors(
    small_url: str, monkeypatch: pytest.MonkeyPatch
):
    class Recording(ScriptedModels):
        def analyse(self, items: Sequence[ItemToAnalyse], context: CallContext) -> Iterator[MemberAnalysis]:
            asked.extend(items)
            return super().analyse(items, context)

    asked: list[ItemToAnalyse] = []
    authors = share_a_text(small_url, "Amina and Bilal said this first.")
    # Each author's job is claimed alone, in an order that their random ids decide.
    monkeypatch.setattr(analysis, "MEMBERS_CLAIMED_AT_ONCE", 1)
    with first_week(small_url) as (connection, items):
        context = CallContext("s", FIRST.sunday, "r")
        analysis.drain(connection, Recording(), FIRST, items, context, NOW)  # type: ignore[arg-type]
    names = [set(item.names) for item in asked if item.member_id in authors and item.text.startswith("Amina and")]
    assert names == [{"Amina", "Bilal"}, {"Amina", "Bilal"}]


def share_a_text(url: str, text: str) -> list[str]:
    """Two members, Amina and Bilal, who share `text` in the first week."""
    with connect(url) as connection:
        posts = {
            i.user_id: i.item_id
            for i in queries.live_items(connection, FIRST.items_from, FIRST.cutoff)
            if i.item_type == "post"
        }
        authors = sorted(posts)[:2]
        for user_id, name in zip(authors, ("Amina", "Bilal"), strict=True):
            connection.execute("update posts set caption = %s where id = %s", [text, posts[user_id]])
            connection.execute(
                "update profiles set first_name = %s, last_name = null where clerk_user_id = %s", [name, user_id]
            )
    return authors
