"""The campaign's world: a PostgreSQL of its own, seeded databases to copy, the environment of the processes."""

import os
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import date
from pathlib import Path

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect, create_database
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.migrations import create_app_tables, migrate
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.databases import copy_database, drop_database

FIRST_SUNDAY = date(2026, 1, 4)
WEEKS = tuple(Week(FIRST_SUNDAY + n * WEEK, is_first=n == 0) for n in range(6))
SEEDED = "chaos_seeded"
# Calls that one process may have on their way: the bound of what a killed one may have paid for in vain.
CONCURRENCY = 6
# An answer takes a moment, so that a kill finds calls on their way.
LATENCY_SECONDS = 0.03
TIMEOUT_SECONDS = 4

# Written by the database itself, whatever a process believes that it has done.
_AUDIT = """
    create schema chaos;
    create table chaos.completions (
        job_type text not null, subject text, week date, fingerprint text, dagster_run_id text,
        at timestamptz not null default clock_timestamp()
    );
    create function chaos.note_completion() returns trigger language plpgsql as $$
    begin
        insert into chaos.completions (job_type, subject, week, fingerprint, dagster_run_id)
        values (new.job_type, new.subject, new.week, new.payload ->> 'fingerprint', new.dagster_run_id);
        return null;
    end
    $$;
    create trigger note_completion after update on batch_processing_queue
    for each row when (new.status = 'completed' and old.status <> 'completed')
    execute function chaos.note_completion();
"""


class World:
    """One embedded server and what is on it; `close` it."""

    def __init__(self, members: int, weeks: int, seed: int = 7) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="matchme-chaos-"))
        self.server = EmbeddedServer(self.home, durable=False)
        self.server.ensure_running()
        self._maintenance = self.server.url("postgres")
        with connect(self._maintenance, vectors=False) as connection:
            # A commit that was reported must outlive an immediate stop; only the disk's flushes are spared.
            connection.execute("alter system set synchronous_commit = on")
            connection.execute("select pg_reload_conf()")
        url = create_database(self._maintenance, SEEDED)
        with connect(url, vectors=False) as connection:
            create_app_tables(connection, files.app_tables_dir())
            migrate(connection, files.migrations_dir())
            connection.execute(_AUDIT)
        with connect(url) as connection:
            seed_population(connection, users=members, weeks=weeks, first_week=FIRST_SUNDAY, seed=seed)
        self._create_dagster_storage(url)

    def copy(self, template: str = SEEDED, name: str | None = None) -> str:
        """A fresh copy of the database `template`; returns its URL."""
        copied = name or f"round_{uuid.uuid4().hex[:8]}"
        return copy_database(self._maintenance, copied, template)

    def drop(self, url: str) -> None:
        """Remove a copy."""
        drop_database(self._maintenance, database_name(url))

    def environment(self, url: str, model_url: str | None) -> dict[str, str]:
        """The variables of a process that works on `url`, with the server at `model_url` or the offline models."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MATCHME_", "OPENAI_", "DAGSTER_"))}
        models = (
            {"MATCHME_LLM": "openai", "OPENAI_API_KEY": "sk-of-the-campaign", "OPENAI_BASE_URL": model_url}
            if model_url is not None
            else {"MATCHME_LLM": "local"}
        )
        return {
            **kept,
            **models,
            "PYTHONPATH": str(files.dagster_home()),
            "MATCHME_DATABASE_URL": url,
            "MATCHME_HOME": str(self.home / "pipeline"),
            "MATCHME_FIRST_WEEK": FIRST_SUNDAY.isoformat(),
            "MATCHME_LLM_CONCURRENCY": str(CONCURRENCY),
            "MATCHME_LLM_TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            "DO_NOT_TRACK": "1",
        }

    def stop_postgres(self, seconds: float) -> None:
        """Stop the server as a power cut would, and start it again after so long."""
        self.server.kill()
        time.sleep(seconds)
        self.server.ensure_running()

    def break_connections(self, url: str) -> int:
        """End every connection to the database of `url`; returns how many there were."""
        with connect(self._maintenance, vectors=False) as connection:
            row = connection.execute(
                "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = %s",
                [database_name(url)],
            ).fetchone()
        return int(row[0]) if row else 0

    def close(self) -> None:
        """Stop the server and throw everything away."""
        self.server.stop()
        subprocess.run(["rm", "-rf", str(self.home)], check=False)

    def _create_dagster_storage(self, url: str) -> None:
        """Let Dagster make its tables once, so that every copy has them."""
        program = (
            "from matchme_pipeline.cli.environment import prepare_dagster; prepare_dagster();"
            "from dagster import DagsterInstance; DagsterInstance.get().dispose()"
        )
        subprocess.run([sys.executable, "-c", program], env=self.environment(url, None), check=True)


def database_name(url: str) -> str:
    """The name of the database that `url` names."""
    return url.partition("?")[0].rpartition("/")[2]
