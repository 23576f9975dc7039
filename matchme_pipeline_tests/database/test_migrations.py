"""Migrations: safe twice, safe at once, safe over an earlier attempt, and closed to members."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.migrations import available, create_app_tables, has_app_tables, migrate, status
from matchme_pipeline.errors import ConfigurationError, DatabaseUnavailableError

OURS_WITH_OWNER = [
    "batch_processing_queue",
    "weekly_matches",
    "content_items",
    "insight_sources",
    "user_embeddings",
    "content_originality",
    "dna_score_history",
    "user_roles",
]
OURS_CLOSED = [
    "batch_run_history",
    "llm_calls",
    "content_analyses",
    "content_embeddings",
    "trait_distribution",
    "schema_migrations",
]
EARLIER_ATTEMPT = Path(files.app_tables_dir()).parent / "app_layouts" / "earlier_batch_attempt.sql"


@pytest.fixture
def app_tables(empty_database: Connection) -> Connection:
    empty_database.execute("create extension if not exists vector")
    create_app_tables(empty_database, files.app_tables_dir())
    return empty_database


def test_migrations_run_once_and_then_find_nothing_to_do(app_tables: Connection):
    applied = migrate(app_tables, files.migrations_dir())
    assert [m.version for m in applied] == sorted({m.version for m in applied})
    assert migrate(app_tables, files.migrations_dir()) == []
    assert all(m.applied_at for m in status(app_tables, files.migrations_dir()))


def test_two_files_with_one_number_are_refused(tmp_path: Path):
    for name in ("001_one.sql", "002_other.sql", "002_this.sql"):
        (tmp_path / name).write_text("select 1")
    with pytest.raises(ConfigurationError, match=r"002_other\.sql and 002_this\.sql"):
        available(tmp_path)


def test_every_file_may_run_twice(app_tables: Connection):
    for _ in range(2):
        for path in sorted(files.migrations_dir().glob("*.sql")):
            with app_tables.transaction():
                migrate(app_tables, files.migrations_dir())
                app_tables.execute(path.read_text())


def test_two_migrators_at_once_apply_each_file_once(app_tables: Connection, empty_database_url: str):
    def run() -> int:
        with connect(empty_database_url, vectors=False) as connection:
            return len(migrate(connection, files.migrations_dir()))

    with ThreadPoolExecutor(4) as pool:
        applied = [future.result() for future in [pool.submit(run) for _ in range(4)]]
    assert sum(applied) == len(list(files.migrations_dir().glob("*.sql")))


def test_rows_of_an_earlier_attempt_stay(app_tables: Connection):
    app_tables.execute(EARLIER_ATTEMPT.read_text())
    app_tables.execute("insert into batch_processing_queue (user_id, job_type) values ('user_a', 'content_analysis')")
    app_tables.execute("insert into batch_run_history (run_type, tokens_used) values ('manual', 12)")
    app_tables.execute(
        "insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date) "
        "values ('user_a', 'user_b', 77.5, 1, '2026-01-11')"
    )
    migrate(app_tables, files.migrations_dir())
    queue = app_tables.execute("select user_id, status, week from batch_processing_queue").fetchall()
    assert queue == [("user_a", "pending", None)]
    assert app_tables.execute("select tokens_used, cost_usd from batch_run_history").fetchall() == [(12, 0)]
    assert app_tables.execute("select rank from weekly_matches").fetchall() == [(1,)]


def test_a_failing_migration_leaves_nothing_behind(app_tables: Connection, tmp_path: Path):
    (tmp_path / "001_half.sql").write_text("create table half (id integer); select 1 / 0;")
    with pytest.raises(DatabaseUnavailableError, match=r"001_half\.sql"):
        migrate(app_tables, tmp_path)
    assert app_tables.execute("select to_regclass('half')").fetchone() == (None,)


def test_a_migration_edited_after_it_was_applied_is_refused_by_name(app_tables: Connection, tmp_path: Path):
    (tmp_path / "001_one.sql").write_text("create table one (id integer);\n")
    (tmp_path / "002_two.sql").write_text("create table two (id integer);\n")
    migrate(app_tables, tmp_path)
    (tmp_path / "002_two.sql").write_text("create table two (id bigint);\n")
    (tmp_path / "003_three.sql").write_text("create table three (id integer);\n")
    with pytest.raises(ConfigurationError, match=r"002_two\.sql has been edited .* Restore the file .* new migration"):
        migrate(app_tables, tmp_path)
    assert app_tables.execute("select to_regclass('three')").fetchone() == (None,)
    (tmp_path / "002_two.sql").write_bytes(b"create table two (id integer);\r\n")
    assert [migration.name for migration in migrate(app_tables, tmp_path)] == ["three"]


@pytest.mark.parametrize(
    ("version", "earlier"),
    [
        (125, "06290dd75ca2e7910e118cc5a33a4319ceaf9fca0c859bdbf9f62ebf5459e189"),
        (127, "20e32abdf0c2302bef1a5d0361099b09931a66535f97568186caf5a0dfc34dd4"),
    ],
)
def test_a_database_with_the_earlier_text_of_a_replaced_file_gets_the_present_one(
    app_tables: Connection, version: int, earlier: str
):
    migrate(app_tables, files.migrations_dir())
    app_tables.execute("update schema_migrations set checksum = %s where version = %s", [earlier, version])
    assert [migration.version for migration in migrate(app_tables, files.migrations_dir())] == [version]
    assert migrate(app_tables, files.migrations_dir()) == []


def test_the_stand_in_is_created_only_where_the_app_is_missing(app_tables: Connection):
    assert has_app_tables(app_tables)
    assert not create_app_tables(app_tables, files.app_tables_dir())


class TestRowLevelSecurity:
    """What a signed-in member may see and do, by the database's own roles."""

    @pytest.fixture
    def migrated(self, app_tables: Connection) -> Connection:
        app_tables.execute(EARLIER_ATTEMPT.read_text())
        migrate(app_tables, files.migrations_dir())
        app_tables.execute(
            """
            insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date)
            values ('user_a', 'user_b', 77.5, 1, '2026-01-11'), ('user_b', 'user_a', 77.5, 1, '2026-01-11')
            """
        )
        return app_tables

    @staticmethod
    def as_member(connection: Connection, user_id: str, statement: str) -> list[tuple[object, ...]]:
        with connection.transaction():
            connection.execute("set local role authenticated")
            connection.execute("select set_config('request.jwt.claims', %s, true)", [f'{{"sub": "{user_id}"}}'])
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def test_a_member_reads_only_their_own_rows(self, migrated: Connection):
        assert self.as_member(migrated, "user_a", "select user_id from weekly_matches") == [("user_a",)]
        assert self.as_member(migrated, "user_c", "select user_id from weekly_matches") == []

    @pytest.mark.parametrize("table", OURS_WITH_OWNER)
    def test_a_member_writes_nothing(self, migrated: Connection, table: str):
        for statement in (f"delete from {table}", f"insert into {table} default values"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                self.as_member(migrated, "user_a", statement)

    @pytest.mark.parametrize("table", OURS_CLOSED)
    def test_tables_without_an_owner_are_closed(self, migrated: Connection, table: str):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            self.as_member(migrated, "user_a", f"select * from {table}")

    def test_no_policy_lets_everyone_in(self, migrated: Connection):
        rows = migrated.execute(
            "select tablename, policyname from pg_policies where tablename = any(%s) and qual = 'true'",
            [OURS_WITH_OWNER + OURS_CLOSED],
        ).fetchall()
        assert rows == []

    def test_every_table_of_ours_is_protected(self, migrated: Connection):
        rows = migrated.execute(
            "select relname from pg_class where relkind = 'r' and not relrowsecurity and relname = any(%s)",
            [OURS_WITH_OWNER + OURS_CLOSED],
        ).fetchall()
        assert rows == []
