"""The embeddings stages on real weeks: each text once, one bad text alone, members as they were at the cutoff."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from matchme_pipeline.content import queries as content_queries
from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.content.hashing import hashed_items
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings import item_jobs, queries, update
from matchme_pipeline.errors import BudgetExceededError, ModelRequestError
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext, Embeddings
from matchme_pipeline_tests.content.test_stages import share_a_text
from matchme_pipeline_tests.databases import copy_database, drop_database
from matchme_pipeline_tests.materialising import WEEKS, changed_tables, materialise, rows_of_every_table

FIRST, SECOND = WEEKS[0], WEEKS[1]
MODEL = "scripted"


class ScriptedModels:
    """Stores a vector per text, but fails on some and stops where it is told to."""

    embedding_model = MODEL
    answers_by_batch = False

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.bad: set[str] = set()
        self.calls_left: int | None = None
        self.error: Exception = BudgetExceededError("the week's budget is reached")
        self.asked: list[str] = []
        self.names: dict[str, set[str]] = {}

    def embed(
        self, texts: dict[str, str], context: CallContext, *, return_vectors: bool = True, names=None
    ) -> Embeddings:
        if self.calls_left is not None:
            if self.calls_left == 0:
                raise self.error
            self.calls_left -= 1
        self.asked += texts
        self.names |= {digest: set((names or {}).get(digest, ())) for digest in texts}
        good = [digest for digest in texts if digest not in self.bad]
        vector = np.eye(1, 1536, dtype=np.float32)[0]
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.executemany(
                "insert into content_embeddings (content_hash, model, embedding) values (%s, %s, %s) "
                "on conflict do nothing",
                [(digest, MODEL, vector) for digest in good],
            )
        failures = {digest: "input refused" for digest in texts if digest in self.bad}
        return Embeddings(MODEL, dict.fromkeys(good, vector), failures, 0, len(good))


@contextmanager
def hashed_first_week(url: str) -> Iterator[tuple[Connection, ScriptedModels]]:
    with connect(url) as connection:
        content_queries.replace_items(connection, FIRST.sunday, hashed_items(connection, FIRST))
        yield connection, ScriptedModels(connection)


def work(connection: Connection, models: ScriptedModels, run: str) -> item_jobs.EmbeddingOutcome:
    """What the asset does: enqueue what waits, and drain."""
    waiting = item_jobs.open_texts(connection, queries.items_as_of(connection, FIRST.cutoff, MODEL), MODEL)
    jobs.enqueue(connection, JobType.EMBEDDING_UPDATE, FIRST.sunday, item_jobs.job_requests(waiting, {}))
    context = CallContext("post_embeddings", FIRST.sunday, run)
    return item_jobs.drain(connection, models, FIRST, waiting, context)  # type: ignore[arg-type]


def statuses(connection: Connection) -> dict[str, int]:
    return dict(connection.execute("select status, count(*) from batch_processing_queue group by 1").fetchall())


def test_every_text_is_asked_for_once(seeded_url: str):
    with hashed_first_week(seeded_url) as (connection, models):
        work(connection, models, "first")
        assert len(models.asked) == len(set(models.asked)) > 100
        before = len(models.asked)
        work(connection, models, "second")
        assert len(models.asked) == before
        assert set(statuses(connection)) == {"completed"}


def test_one_bad_text_fails_alone_and_rests_after_three_attempts(seeded_url: str):
    with hashed_first_week(seeded_url) as (connection, models):
        row = connection.execute(
            "select content_hash, user_id from content_items where status = 'ready' order by 1 limit 1"
        ).fetchone()
        assert row is not None
        models.bad = {row[0]}
        for run, state in (("1", "retry"), ("2", "retry"), ("3", "failed"), ("4", "failed")):
            work(connection, models, run)
            rows = connection.execute(
                "select user_id, status, last_error from batch_processing_queue where status <> 'completed'"
            ).fetchall()
            assert (row[1], state, "input refused") in rows
        assert models.asked.count(row[0]) == 3
        models.bad = set()
        assert work(connection, models, "5").computed == 0, "the shelf is for a person to clear"


@pytest.mark.parametrize("error", [BudgetExceededError("the week's budget is reached"), ModelRequestError("wrong key")])
def test_what_cannot_be_asked_now_waits_untried(seeded_url: str, error: Exception, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(update, "TEXTS_AT_ONCE", 50)
    with hashed_first_week(seeded_url) as (connection, models):
        models.calls_left, models.error = 3, error
        if isinstance(error, ModelRequestError):
            with pytest.raises(ModelRequestError):
                work(connection, models, "1")
        else:
            outcome = work(connection, models, "1")
            assert outcome.stopped_by == str(error)
            assert outcome.left_in_queue == statuses(connection)["pending"] > 0
        (attempts,) = connection.execute(
            "select max(attempts) from batch_processing_queue where status = 'pending'"
        ).fetchone() or (None,)
        assert attempts == 0
        models.calls_left = None
        work(connection, models, "2")
        assert set(statuses(connection)) == {"completed"}
        assert len(models.asked) == len(set(models.asked))


def test_a_part_that_gets_its_vector_later_reaches_its_member(finished: Connection, finished_url: str):
    """A biography whose embedding failed at first is in the vector once it has one, whatever else is the same."""
    week = WEEKS[-1]
    before = rows_of_every_table(finished)["user_embeddings"]
    collected = update.member_parts(finished, week, local_model(finished))
    bio = next(part for parts in collected.of_members().values() for part in parts if part.source == "bio")
    stored = queries.stored_input_hashes(finished, week.sunday, local_model(finished))

    def changed(without: set[str]) -> int:
        groups = update.changed_vectors(finished, collected.of_members(without), stored, local_model(finished))
        return sum(map(len, groups))

    assert changed(set()) == 0
    assert changed({bio.content_hash}) > 0
    assert rows_of_every_table(finished)["user_embeddings"] == before


def test_when_the_budget_ends_members_get_what_there_is_and_the_rest_later(
    seeded_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(update, "TEXTS_AT_ONCE", 50)
    context = CallContext("user_embeddings", FIRST.sunday, "run")

    def update_members(connection: Connection, models: ScriptedModels) -> tuple[int, str]:
        collected = update.member_parts(connection, FIRST, MODEL)
        parts, embedded = update.embed_parts(connection, models, collected, context)  # type: ignore[arg-type]
        stored = queries.stored_input_hashes(connection, FIRST.sunday, MODEL)
        groups = update.changed_vectors(connection, parts, stored, MODEL)
        written, _ = queries.replace_member_vectors(connection, FIRST.sunday, MODEL, groups, set(parts))
        return written, embedded.stopped_by

    with hashed_first_week(seeded_url) as (connection, models):
        work(connection, models, "1")
        models.calls_left = 1
        written, stopped_by = update_members(connection, models)
        assert stopped_by == "the week's budget is reached"
        models.calls_left = None
        again, stopped_by = update_members(connection, models)
        assert (again > 0, stopped_by) == (True, "")
        assert update_members(connection, models) == (0, "")
        assert len(models.asked) == len(set(models.asked))
        (lacking,) = connection.execute(
            """
            select count(*) from user_embeddings u
            where not u.part_hashes <@ (select array_agg(content_hash) from content_embeddings)
            """
        ).fetchone() or (None,)
        assert lacking == 0
        assert written > 100


def local_model(connection: Connection) -> str:
    (model,) = connection.execute("select distinct model from user_embeddings").fetchone() or ("",)
    return str(model)


def test_posts_carry_the_vector_of_their_text_and_its_model(finished: Connection):
    wrong = finished.execute(
        """
        select count(*) from posts p join content_items c on c.item_type = 'post' and c.item_id = p.id
        left join content_embeddings e on e.content_hash = c.content_hash and e.model = p.embedding_model
        where c.status = 'ready' and (e.embedding is distinct from p.embedding or p.embedding is null)
        """
    ).fetchone()
    assert wrong == (0,)


def test_an_edited_caption_gets_a_vector_of_its_own(finished: Connection, finished_url: str):
    row = finished.execute(
        "select id, embedding from posts where embedding is not null and created_at >= %s order by id limit 1",
        [WEEKS[-1].start],
    ).fetchone()
    assert row is not None
    finished.execute("update posts set caption = 'Something else entirely: lighthouses' where id = %s", [row[0]])
    assert materialise(finished_url, WEEKS[-1], "post_hashes", "post_embeddings").success
    after = finished.execute("select embedding, embedding_model is not null from posts where id = %s", [row[0]])
    vector, labelled = after.fetchone() or (None, False)
    assert labelled
    assert (
        np.asarray(vector.to_numpy() if hasattr(vector, "to_numpy") else vector)
        @ np.asarray(row[1].to_numpy() if hasattr(row[1], "to_numpy") else row[1])
        < 0.99
    )


def test_another_models_vectors_are_a_space_of_their_own(finished: Connection, finished_url: str):
    """The same week with another model's rows beside it: what is read and written is one model's alone."""
    finished.execute(
        """
        insert into user_embeddings (user_id, week, model, embedding, input_hash)
        select user_id, week, 'another', embedding, input_hash from user_embeddings where week = %s
        """,
        [WEEKS[-1].sunday],
    )
    before = rows_of_every_table(finished)
    assert materialise(finished_url, WEEKS[-1], "post_embeddings", "user_embeddings").success
    assert changed_tables(before, rows_of_every_table(finished)) == []


def test_who_has_nothing_any_more_has_no_vector(finished: Connection, finished_url: str):
    (user_id,) = finished.execute(
        "select user_id from user_embeddings where week = %s order by 1 limit 1", [WEEKS[-1].sunday]
    ).fetchone() or ("",)
    finished.execute("update posts set is_visible = false where clerk_user_id = %s", [user_id])
    finished.execute("update voice_introductions set is_active = false where user_id = %s", [user_id])
    finished.execute("update profiles set bio = null where clerk_user_id = %s", [user_id])
    finished.execute("delete from dna_answers where clerk_user_id = %s", [user_id])
    finished.execute("delete from user_insights where clerk_user_id = %s", [user_id])
    assert materialise(finished_url, WEEKS[-1], "post_hashes", "post_embeddings", "user_embeddings").success
    rows = finished.execute(
        "select 1 from user_embeddings where user_id = %s and week = %s", [user_id, WEEKS[-1].sunday]
    ).fetchall()
    assert rows == []


def test_a_week_sees_nothing_that_came_after_it(postgres_url: str, small_template: str, small_url: str):
    """The second week over a world that ends at its cutoff, and over one that went on: the same rows."""
    ended = copy_database(postgres_url, "world_that_ended", small_template)
    cutoff = SECOND.cutoff
    with connect(ended) as connection:
        for statement in (
            "delete from posts where created_at >= %s",
            "delete from voice_introductions where created_at >= %s",
            "delete from dna_answers where created_at >= %s",
            "delete from user_insights where created_at >= %s",
            "update user_insights set status = 'pending', reviewed_at = null where reviewed_at >= %s",
            "delete from profiles where created_at >= %s",
        ):
            connection.execute(statement, [cutoff])  # type: ignore[arg-type]
    stages = ("post_hashes", "content_insights", "post_embeddings", "user_embeddings")
    for url in (ended, small_url):
        assert materialise(url, FIRST, *stages).success
        assert materialise(url, SECOND, *stages).success
    for statement in (
        "select item_id, week, content_hash, duplicate_of, status from content_items order by 1",
        "select user_id, week, model, input_hash, embedding::text from user_embeddings order by 1, 2, 3",
        "select insight_id, item_id, week, cache_key from insight_sources order by 1, 2",
        "select content_hash from content_embeddings order by 1",
    ):
        with connect(ended) as one, connect(small_url) as other:
            first, second = (c.execute(statement).fetchall() for c in (one, other))  # type: ignore[arg-type]
            assert first == second, statement
            assert len(first) > 100
    drop_database(postgres_url, "world_that_ended")


def test_a_missed_week_changes_no_later_one(postgres_url: str, small_template: str, small_url: str):
    """Weeks 1 and 3, then 2 by backfill, against all three in order: items, their duplicates, vectors."""
    stages = ("post_hashes", "content_insights", "post_embeddings", "user_embeddings")
    in_order = copy_database(postgres_url, "three_in_order", small_template)
    with connect(in_order) as one, connect(small_url) as other:
        for connection in (one, other):
            # A text of week 2 that somebody repeats in week 3.
            connection.execute(
                """
                update posts set caption = (
                    select caption from posts where created_at >= %s and created_at < %s and caption <> ''
                    order by created_at, id limit 1
                )
                where id = (
                    select id from posts where created_at >= %s and created_at < %s order by created_at, id limit 1
                )
                """,
                [WEEKS[1].start, WEEKS[1].cutoff, WEEKS[2].start, WEEKS[2].cutoff],
            )
        for week in WEEKS[:3]:
            assert materialise(in_order, week, *stages).success
        for week in (WEEKS[0], WEEKS[2]):
            assert materialise(small_url, week, *stages).success
        of_third = "select item_id, content_hash, duplicate_of from content_items where week = %s order by 1"
        vectors = "select user_id, input_hash, embedding::text from user_embeddings where week = %s order by 1"
        for statement in (of_third, vectors):
            first, second = (c.execute(statement, [WEEKS[2].sunday]).fetchall() for c in (one, other))  # type: ignore[arg-type]
            assert first == second
        assert materialise(small_url, WEEKS[1], *stages).success
        for statement in (
            "select * from content_items order by item_id",
            "select user_id, week, input_hash, embedding::text from user_embeddings order by 1, 2",
            "select id, title, description, source_quote, created_at, status from user_insights order by 1",
        ):
            first, second = (c.execute(statement).fetchall() for c in (one, other))  # type: ignore[arg-type]
            assert first == second
    drop_database(postgres_url, "three_in_order")


def test_a_shared_text_is_embedded_without_the_names_of_all_its_authors(
    small_url: str, monkeypatch: pytest.MonkeyPatch
):
    text = "Amina and Bilal said this first."
    share_a_text(small_url, text)
    # Each author's job is claimed alone, in an order that their random ids decide.
    monkeypatch.setattr(item_jobs, "MEMBERS_CLAIMED_AT_ONCE", 1)
    with hashed_first_week(small_url) as (connection, models):
        work(connection, models, "r")
        assert models.names[str(content_hash(text))] == {"Amina", "Bilal"}
