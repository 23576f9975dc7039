"""Does claiming stay flat? Jobs claimed and finished a second with ten thousand and with a million jobs in the table.

The same jobs of one type and week are worked off through the queue's own functions, by one worker and by four, in
processes of their own. What surrounds them grows: jobs of other types and weeks, done, waiting, in backoff and failed,
and in a second table a million that all wait in the very week that is worked on.
"""

import multiprocessing
import re
import time
from datetime import date, timedelta
from statistics import median
from typing import Any

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection, connect, create_database
from matchme_pipeline.database.migrations import create_app_tables, migrate
from matchme_pipeline.jobs import queries
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline_tests.bench.own_server import own_server

WEEK = date(2026, 1, 4)
KIND = JobType.CONTENT_ANALYSIS
# What one measurement works off, and how many of them a worker takes at once.
MEASURED_JOBS, AT_ONCE = 4_000, 50
SMALL, LARGE = 10_000, 1_000_000
TURNS = 3
WORKERS = (1, 4)


def main() -> None:
    """Print the rates, their ratios, and the index that claiming reads."""
    with own_server() as server:
        tables = {
            f"{SMALL:,} jobs": (SMALL, False),
            f"{LARGE:,} jobs": (LARGE, False),
            f"{LARGE:,} waiting in one week": (LARGE, True),
        }
        urls = {}
        for name, (size, one_week) in tables.items():
            urls[name] = create_database(server.url("postgres"), f"queue_{len(urls)}")
            fill(urls[name], size, one_week)
        rates = _rates(urls)
        print(f"{'in the table':<30}{'1 worker':>16}{'4 workers':>16}   index")
        for name, url in urls.items():
            figures = "".join(f"{rates[name, workers]:>12,.0f}/s  " for workers in WORKERS)
            print(f"{name:<30}{figures}   {_index(url)}", flush=True)
        small, *larger = tables
        for name in larger:
            ratios = ", ".join(
                f"{workers} worker{'s' if workers > 1 else ''}: {rates[name, workers] / rates[small, workers]:.2f}"
                for workers in WORKERS
            )
            print(f"{name} against {small}: {ratios}")


def _rates(urls: dict[str, str]) -> dict[tuple[str, int], float]:
    """The median rate of each table and number of workers.

    The tables take turns, so that whatever else the machine does falls on all of them; the first turn, which pays for
    what filling has left to write, does not count.
    """
    found: dict[tuple[str, int], list[float]] = {(name, workers): [] for name in urls for workers in WORKERS}
    for turn in range(1 + TURNS):
        for (name, workers), rates in found.items():
            rate = _rate(urls[name], workers, turn)
            if turn:
                rates.append(rate)
    return {key: median(rates) for key, rates in found.items()}


def fill(url: str, size: int, one_week: bool) -> None:
    """A queue of `size` jobs; `one_week`: all of them wait in the week that is measured."""
    with connect(url, vectors=False) as connection:
        create_app_tables(connection, files.app_tables_dir())
        migrate(connection, files.migrations_dir())
        connection.execute(
            """
            insert into batch_processing_queue (
                user_id, job_type, subject, week, priority, payload, status, created_at, completed_at, scheduled_for
            )
            select 'user_' || n, kind, 'user_' || n, week, 1 + n %% 10, '{"fingerprint": "f"}',
                status, now() - n * interval '1 second', case when status = 'completed' then now() end,
                case when status = 'retry' then now() + interval '1 hour' else now() end
            from generate_series(1, %(size)s) n
            cross join lateral (
                select
                    case
                        when %(one_week)s then 'content_analysis'
                        else (array['content_analysis', 'embedding_update', 'dna_recalculation', 'match_generation'])
                            [1 + n %% 4]
                    end as kind,
                    %(week)s::date - case when %(one_week)s then 0 else 7 * (n / 4 %% 26) end as week,
                    case
                        when %(one_week)s then 'pending'
                        when n %% 100 < 80 then 'completed'
                        when n %% 100 < 96 then 'pending'
                        when n %% 100 < 99 then 'retry'
                        else 'failed'
                    end as status
            ) made
            """,
            {"size": size, "one_week": one_week, "week": WEEK},
        )
        connection.execute("vacuum analyze batch_processing_queue")


def _rate(url: str, workers: int, turn: int) -> float:
    """Jobs claimed and finished a second, over all workers, from the first claim to the last finish."""
    with connect(url, vectors=False) as connection:
        connection.execute(
            """
            insert into batch_processing_queue (user_id, job_type, subject, week, priority, payload)
            select 'user_' || n, %(kind)s, %(turn)s || ' measured ' || n, %(week)s, 1 + n %% 10,
                '{"fingerprint": "f"}'
            from generate_series(1, %(jobs)s) n
            """,
            {"kind": KIND, "week": WEEK, "turn": f"{workers}/{turn}", "jobs": MEASURED_JOBS},
        )
    share = MEASURED_JOBS // workers
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers) as pool:
        spans = pool.starmap(_work, [(url, number, share) for number in range(workers)], chunksize=1)
    return workers * share / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def _work(url: str, number: int, jobs: int) -> tuple[float, float]:
    """Claim and finish so many jobs; when it began and ended, by the machine's clock."""
    done = 0
    with connect(url, vectors=False) as connection:
        begin = time.time()
        while done < jobs:
            claimed = queries.claim(connection, KIND, WEEK, min(AT_ONCE, jobs - done), f"bench-{number}")
            with connection.transaction():
                done += queries.complete(connection, claimed)
        return begin, time.time()


class _Listening:
    """Passes statements on, and remembers the last one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.last: tuple[Any, Any] = ("", None)

    def execute(self, statement: Any, parameters: Any = None) -> Any:
        self.last = (statement, parameters)
        return self._connection.execute(statement, parameters)


def _index(url: str) -> str:
    """The index that PostgreSQL reads for a claim, from the plan of the statement itself."""
    with connect(url, vectors=False) as connection:
        listening = _Listening(connection)
        queries.claim(listening, KIND, WEEK - timedelta(days=7), AT_ONCE, "bench-plan")  # type: ignore[arg-type]
        statement, parameters = listening.last
        with connection.transaction(force_rollback=True):
            plan = connection.execute(f"explain {statement}", parameters).fetchall()
    indexes = re.findall(r"(?:using|Index Scan on) (batch_processing_queue_\w+)", "\n".join(line for (line,) in plan))
    return ", ".join(dict.fromkeys(indexes))


if __name__ == "__main__":
    main()
