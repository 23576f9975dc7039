"""Row-level security as the app has it: members see their own rows, the service role sees all."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.migrations import create_app_tables, migrate

OWN = ("profiles", "posts", "user_insights", "mysoul_dna_scores")
CLOSED = ("mysoul_score_history", "governance_rules", "cost_alerts", "trait_distribution_stats")


@contextmanager
def _acting(connection: Connection, role: str, claims: str) -> Iterator[None]:
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('request.jwt.claims', %s, true)", [claims])
        connection.execute(f"set local role {role}")  # type: ignore[arg-type]
        yield


@pytest.fixture
def two_members(app_database: Connection) -> Connection:
    for user in ("user_a", "user_b"):
        app_database.execute("insert into profiles (clerk_user_id) values (%s)", [user])
        app_database.execute("insert into posts (clerk_user_id, caption) values (%s, 'x')", [user])
        app_database.execute("insert into mysoul_dna_scores (user_id) values (%s)", [user])
        app_database.execute(
            "insert into user_insights (clerk_user_id, insight_category, title, description) "
            "values (%s, 'values', 'Title', 'Description')",
            [user],
        )
    app_database.execute("insert into conversations (user1_clerk_id, user2_clerk_id) values ('user_a', 'user_b')")
    return app_database


def _count(connection: Connection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("table", OWN)
def test_a_member_reads_their_own_rows_alone(two_members: Connection, table: str):
    with _acting(two_members, "authenticated", json.dumps({"sub": "user_a"})):
        assert _count(two_members, table) == 1


@pytest.mark.parametrize("table", OWN)
def test_no_token_reads_nothing(two_members: Connection, table: str):
    with _acting(two_members, "authenticated", ""):
        assert _count(two_members, table) == 0


@pytest.mark.parametrize(("member", "seen"), [("user_a", 1), ("user_b", 1), ("user_c", 0)])
def test_a_conversation_is_read_by_its_two_members(two_members: Connection, member: str, seen: int):
    with _acting(two_members, "authenticated", json.dumps({"sub": member})):
        assert _count(two_members, "conversations") == seen


@pytest.mark.parametrize("table", CLOSED)
def test_tables_without_an_owner_are_closed_to_members(two_members: Connection, table: str):
    with (
        _acting(two_members, "authenticated", json.dumps({"sub": "user_a"})),
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        _count(two_members, table)


def test_the_service_role_reads_and_writes_all(two_members: Connection):
    with _acting(two_members, "service_role", ""):
        assert _count(two_members, "profiles") == 2
        two_members.execute("update posts set likes_count = 3")


def test_every_table_of_the_app_has_row_level_security(app_database: Connection):
    without = app_database.execute(
        "select relname from pg_class where relkind = 'r' and not relrowsecurity "
        "and relnamespace = 'public'::regnamespace order by 1"
    ).fetchall()
    assert without == []


def test_nothing_unapproved_stands_where_others_may_read(finished: Connection):
    """The app lets every reader select every visible post, all columns: no claim of a model stands there."""
    finished.execute("set row_security = on")
    rows = finished.execute("select to_jsonb(p)::text from posts p where analysis_result is not null").fetchall()
    assert rows == []
    titles = [
        title for (title,) in finished.execute("select distinct title from user_insights where status <> 'approved'")
    ]
    assert titles
    shown = " ".join(
        text
        for (text,) in finished.execute(
            "select (to_jsonb(p) - 'caption' - 'search_vector' - 'embedding')::text from posts p "
            "union all select (to_jsonb(s))::text from mysoul_dna_scores s"
        )
    )
    assert not [title for title in titles if f'"{title}"' in shown]


def test_a_member_reads_no_error_of_their_jobs_and_sets_no_sequence(finished: Connection):
    columns = {
        name
        for (name,) in finished.execute(
            "select column_name from information_schema.column_privileges "
            "where table_name = 'batch_processing_queue' and grantee = 'authenticated' and privilege_type = 'SELECT'"
        )
    }
    assert {"id", "status", "job_type"} <= columns
    assert not {"last_error", "payload", "claimed_by"} & columns
    open_sequences = finished.execute(
        "select c.oid::regclass::text, role from pg_class c cross join (values ('anon'), ('authenticated')) r (role) "
        "where c.relkind = 'S' and c.relnamespace = 'public'::regnamespace "
        "and has_sequence_privilege(role, c.oid, 'UPDATE')"
    ).fetchall()
    assert open_sequences == []


def test_default_privileges_like_supabases_open_nothing_of_the_pipelines(empty_database: Connection):
    """Supabase grants every new table, sequence and function to every role; each migration has to take that back."""
    create_app_tables(empty_database, files.app_tables_dir())
    for kind in ("tables", "sequences", "functions"):
        empty_database.execute(
            f"alter default privileges in schema public grant all on {kind} to anon, authenticated"  # type: ignore[arg-type]
        )
    before = [oid for (oid,) in empty_database.execute("select oid from pg_class")]
    migrate(empty_database, files.migrations_dir())
    opened = empty_database.execute(
        """
        select distinct r.rolname, c.relkind::text, a.privilege_type
        from pg_class c cross join aclexplode(c.relacl) a join pg_roles r on r.oid = a.grantee
        where r.rolname in ('anon', 'authenticated') and c.relnamespace = 'public'::regnamespace
            and not c.oid = any(%s)
        """,
        [before],
    ).fetchall()
    assert opened == [("authenticated", "r", "SELECT")]
    definers = empty_database.execute(
        "select proname from pg_proc where pronamespace = 'public'::regnamespace and prosecdef "
        "and has_function_privilege('anon', oid, 'EXECUTE')"
    ).fetchall()
    assert definers == []
