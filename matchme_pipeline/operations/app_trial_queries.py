"""SQL that tries what the app does, as the app's roles do it, and looks for what in its objects breaks the pipeline.

Every trial runs in a transaction that is rolled back: it leaves nothing behind.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from matchme_pipeline.database.connection import Connection

# What the pipeline reads and writes of the app's.
READ_TABLES = (
    "profiles", "posts", "voice_introductions", "match_preferences", "islamic_preferences", "dna_answers",
    "user_insights", "conversations", "messages", "user_city_assignments", "weekly_matches", "mysoul_dna_scores",
)  # fmt: skip
# Columns that decide whom somebody meets, and that no screen may fill.
MATCHING_COLUMNS = (
    "onboarding_completed", "last_active_at", "lat", "lng", "education_level", "marital_status", "has_children",
)  # fmt: skip


class _RolledBackError(Exception):
    """Ends a trial's transaction."""


@contextmanager
def rolled_back(connection: Connection) -> Iterator[None]:
    """A transaction of which nothing stays."""
    try:
        with connection.transaction():
            yield
            raise _RolledBackError
    except _RolledBackError:
        pass


def approval_error(connection: Connection) -> str | None:
    """Why approving an insight fails, None where it works or nobody is there to try it with."""
    member = _any_member(connection)
    if member is None:
        return None
    try:
        with rolled_back(connection):
            row = connection.execute(
                "insert into user_insights (clerk_user_id, insight_category, title, description) "
                "values (%s, 'values', 'a trial', 'a trial') returning id",
                [member],
            ).fetchone()
            assert row is not None
            connection.execute(
                "update user_insights set status = 'approved', reviewed_at = now() where id = %s", [row[0]]
            )
    except psycopg.Error as error:
        return _first_line(error)
    return None


def own_rows_error(connection: Connection, table: str) -> str | None:
    """Why a member cannot read their own rows of `table` with a session token; None where they can."""
    try:
        with rolled_back(connection):
            owner = connection.execute(f"select user_id from {table} limit 1".encode()).fetchone()
            if owner is None or not _has_role(connection, "authenticated"):
                return None
            _become(connection, str(owner[0]))
            seen = connection.execute(
                f"select count(*) from {table} where user_id = %s".encode(), [owner[0]]
            ).fetchone()
            return None if seen and seen[0] else "the member sees none of the rows that are there"
    except psycopg.Error as error:
        return _first_line(error)


def job_insert_error(connection: Connection) -> str | None:
    """Why a member cannot ask for a recalculation of their DNA as the app does; None where they can."""
    member = _any_member(connection)
    if member is None or not _has_role(connection, "authenticated"):
        return None
    try:
        with rolled_back(connection):
            connection.execute("delete from batch_processing_queue where user_id = %s", [member])
            _become(connection, member)
            connection.execute(
                "insert into batch_processing_queue (user_id, job_type, payload) "
                "values (%s, 'dna_recalculation', '{}')",
                [member],
            )
    except psycopg.Error as error:
        return _first_line(error)
    return None


def hidden_tables(connection: Connection) -> list[str]:
    """Tables whose rows row-level security hides from the pipeline's own role."""
    rows = connection.execute(
        """
        select c.relname
        from pg_class c
        join pg_roles r on r.rolname = current_user
        where c.oid = any(select to_regclass(name) from unnest(%s::text[]) as name) and c.relrowsecurity
            and not r.rolsuper and not r.rolbypassrls
            and (c.relforcerowsecurity or not pg_has_role(current_user, c.relowner, 'usage'))
        order by 1
        """,
        [list(READ_TABLES)],
    ).fetchall()
    return [name for (name,) in rows]


def scheduled_batches(connection: Connection) -> list[str]:
    """Active schedules of an earlier batch in pg_cron, as `name (schedule)`."""
    exists = connection.execute("select to_regclass('cron.job') is not null").fetchone()
    if not exists or not exists[0]:
        return []
    rows = connection.execute(
        """
        select coalesce(to_jsonb(j) ->> 'jobname', to_jsonb(j) ->> 'jobid') || ' (' || j.schedule || ')'
        from cron.job j
        where coalesce(to_jsonb(j) ->> 'active', 'true') = 'true'
            and (j.command ~* 'batch|weekly_matches' or coalesce(to_jsonb(j) ->> 'jobname', '') ~* 'batch')
        order by 1
        """
    ).fetchall()
    return [name for (name,) in rows]


def foreign_matches(connection: Connection) -> list[tuple[str, int]]:
    """Match weeks with rows that the pipeline did not write, the newest first, with how many."""
    return connection.execute(
        "select week_start_date::text, count(*)::integer from weekly_matches "
        "where embedding_model is null group by 1 order by 1 desc limit 10"
    ).fetchall()


def policies_by_uuid(connection: Connection) -> list[str]:
    """Policies that compare with auth.uid(), which no Clerk id is, as `table.policy`."""
    rows = connection.execute(
        "select tablename || '.' || policyname from pg_policies where schemaname = current_schema() "
        "and (qual ~ 'auth\\.uid\\(\\)' or with_check ~ 'auth\\.uid\\(\\)') order by 1"
    ).fetchall()
    return [name for (name,) in rows]


def open_policies(connection: Connection) -> list[str]:
    """Policies that let members or anybody read or write others' rows in tables that the pipeline reads."""
    rows = connection.execute(
        """
        select tablename || '.' || policyname || ' (' || lower(cmd) || ')'
        from pg_policies
        where schemaname = current_schema() and tablename = any(%s)
            and roles && array['public', 'anon', 'authenticated']::name[]
            and (btrim(coalesce(qual, 'true'), '() ') = 'true' and btrim(coalesce(with_check, 'true'), '() ') = 'true')
        order by 1
        """,
        [list(READ_TABLES)],
    ).fetchall()
    return [name for (name,) in rows]


def unfilled_columns(connection: Connection) -> list[str]:
    """Columns of `profiles` that decide whom somebody meets and that nobody has, where there are members."""
    members = connection.execute("select count(*) from profiles where deleted_at is null").fetchone()
    if not members or members[0] == 0:
        return []
    row = connection.execute(
        """
        select bool_or(onboarding_completed), bool_or(last_active_at is not null), bool_or(lat is not null),
            bool_or(lng is not null), bool_or(education_level is not null), bool_or(marital_status is not null),
            bool_or(has_children is not null)
        from profiles where deleted_at is null
        """
    ).fetchone()
    return [name for name, filled in zip(MATCHING_COLUMNS, row or (), strict=True) if not filled]


def missing_keys(connection: Connection) -> list[str]:
    """Unique keys that publishing relies on and that are not there."""
    wanted = {"weekly_matches": "user_id, match_user_id, week_start_date", "mysoul_dna_scores": "user_id"}
    missing = []
    for table, columns in wanted.items():
        row = connection.execute(
            """
            select exists (
                select from pg_index i
                where i.indrelid = to_regclass(%s) and i.indisunique and i.indisvalid and i.indpred is null
                    and (
                        select string_agg(a.attname, ', ' order by k.place)
                        from unnest(i.indkey::smallint[]) with ordinality as k (attribute, place)
                        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.attribute
                    ) = %s
            )
            """,
            [table, columns],
        ).fetchone()
        if not row or not row[0]:
            missing.append(f"{table} ({columns})")
    return missing


def _any_member(connection: Connection) -> str | None:
    row = connection.execute("select clerk_user_id from profiles where deleted_at is null limit 1").fetchone()
    return row[0] if row else None


def _has_role(connection: Connection, name: str) -> bool:
    row = connection.execute(
        "select exists (select from pg_roles where rolname = %s and pg_has_role(current_user, oid, 'member'))", [name]
    ).fetchone()
    return bool(row and row[0])


def _become(connection: Connection, member: str) -> None:
    connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": member})])
    connection.execute("set local role authenticated")


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
