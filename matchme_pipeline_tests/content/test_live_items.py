"""What a live item and a present member are is written once, in two views that the app's roles cannot read."""

from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

import matchme_pipeline
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.dna import queries as dna_queries
from matchme_pipeline.embeddings import queries as embedding_queries

CUTOFF = datetime(2026, 1, 11, 2, tzinfo=UTC)


def test_a_post_is_live_unless_it_is_deleted_hidden_or_refused(app_database: Connection):
    app_database.execute("insert into profiles (clerk_user_id, first_name) values ('user_a', 'A')")
    for caption, column, value in (
        ("shown", "is_visible", True),
        ("unset", "is_visible", None),
        ("deleted", "deleted_at", CUTOFF),
        ("hidden", "is_visible", False),
        ("refused", "is_approved", False),
    ):
        app_database.execute(
            f"insert into posts (clerk_user_id, caption, {column}) values ('user_a', %s, %s)",  # type: ignore[arg-type]
            [caption, value],
        )
    live = app_database.execute("select content from matchme_live_items order by content").fetchall()
    assert live == [("shown",), ("unset",)]


@pytest.mark.parametrize("joined", [None, "-infinity", "2026-01-11 01:59:59Z"])
def test_who_joined_before_the_cutoff_or_at_no_known_time_is_a_member_everywhere(
    app_database: Connection, joined: str | None
):
    app_database.execute(
        "insert into profiles (clerk_user_id, first_name, bio, created_at) values ('user_a', 'A', 'tea', %s)", [joined]
    )
    assert dna_queries.members_as_of(app_database, CUTOFF) == ["user_a"]
    assert embedding_queries.biographies_as_of(app_database, CUTOFF) == [("user_a", "tea")]
    matched = app_database.execute("select user_id from matchme_members_as_of(%s)", [CUTOFF]).fetchall()
    assert matched == [("user_a",)]


@pytest.mark.parametrize("joined", ["2026-01-11 02:00Z", "infinity"])
def test_who_joined_later_is_a_member_nowhere(app_database: Connection, joined: str):
    app_database.execute(
        "insert into profiles (clerk_user_id, first_name, bio, created_at) values ('user_a', 'A', 'tea', %s)", [joined]
    )
    assert dna_queries.members_as_of(app_database, CUTOFF) == []
    assert embedding_queries.biographies_as_of(app_database, CUTOFF) == []
    assert app_database.execute("select user_id from matchme_members_as_of(%s)", [CUTOFF]).fetchall() == []


@pytest.mark.parametrize("view", ["matchme_live_items", "matchme_present_members"])
def test_the_views_show_nobody_more_than_the_tables_do(app_database: Connection, view: str):
    role = "reader_of_views"
    with app_database.transaction(force_rollback=True):
        app_database.execute(f"create role {role}")  # type: ignore[arg-type]
        app_database.execute(f"set local role {role}")  # type: ignore[arg-type]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app_database.execute(f"select * from {view}")  # type: ignore[arg-type]


def test_no_stage_writes_the_rule_on_live_posts_anew():
    package = Path(matchme_pipeline.__file__).parent
    rooms = [path for room in ("content", "embeddings", "dna", "matching") for path in (package / room).rglob("*.py")]
    assert [path.name for path in rooms if "is_approved, true" in path.read_text("utf-8")] == []
