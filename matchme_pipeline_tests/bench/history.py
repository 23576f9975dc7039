"""Half a year on one machine: what the last week takes against the first, and the disk before and after retention.

`python -m matchme_pipeline_tests.bench.history FOLDER MEMBERS WEEKS MINUTES`: goes on in FOLDER where the last call
ended, begins no week after MINUTES, and prints the weeks so far. After the last week it applies retention.
"""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.operations import retention
from matchme_pipeline.operations.retention_queries import bytes_by_table
from matchme_pipeline.population.match_answers import answer_matches
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.settings import load_settings
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.bench.own_server import postmaster_of, processor_seconds, with_tables

FIRST = date(2026, 1, 4)
SEED = 7
_COMMAND = [sys.executable, "-m", "matchme_pipeline.cli.main", "run", "--week"]
_SECONDS_BY_STEP = """
    select step_key, extract(epoch from max(timestamp) - min(timestamp))::float8
    from dagster.event_logs
    where run_id = (select run_id from dagster.runs order by id desc limit 1)
        and dagster_event_type in ('STEP_START', 'STEP_SUCCESS')
    group by step_key
"""
_MB = 2**20


def main() -> None:
    """Run weeks until the time is up, then print what is known."""
    folder, members, weeks, minutes = Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:5])
    folder.mkdir(parents=True, exist_ok=True)
    server = EmbeddedServer(folder, durable=False)
    until = time.monotonic() + minutes * 60
    try:
        url = with_tables(server)
        log = folder / "weeks.jsonl"
        done = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
        with connect(url) as connection:
            seed_population(connection, users=members, weeks=weeks, first_week=FIRST, seed=SEED)
            while len(done) < weeks and time.monotonic() < until:
                used = processor_seconds(postmaster_of(server))
                week = _run(connection, url, folder, len(done), weeks)
                done.append({**week, "postgres": processor_seconds(postmaster_of(server)) - used})
                with log.open("a") as file:
                    file.write(json.dumps(done[-1]) + "\n")
                _print_week(done[-1])
            print()
            _print_growth(done)
            if len(done) == weeks:
                _print_retention(connection, url, folder, weeks)
    finally:
        server.stop()


def _run(connection: Connection, url: str, folder: Path, number: int, weeks: int) -> dict[str, Any]:
    """The week of this number, by the command; members have reviewed and answered what the week before showed."""
    week = Week(FIRST + number * WEEK, is_first=number == 0)
    if number:
        last = Week(FIRST + (weeks - 1) * WEEK)
        review_insights(connection, week_cutoff=week.previous.cutoff, seed=SEED)
        answer_matches(connection, week.previous, SEED, last.cutoff)
    environment = os.environ | {
        "MATCHME_DATABASE_URL": url,
        "MATCHME_FIRST_WEEK": FIRST.isoformat(),
        "MATCHME_HOME": str(folder),
        "MATCHME_LLM": "local",
    }
    began = time.monotonic()
    process = subprocess.Popen([*_COMMAND, week.key], env=environment, stdout=2, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"week {week.key} failed: run `matchme run --week {week.key}` on {url}")
    return {
        "week": number + 1,
        "seconds": seconds,
        "processor": used.ru_utime + used.ru_stime,
        "peak_mb": used.ru_maxrss / 1024,
        "tables_mb": sum(bytes_by_table(connection).values()) / _MB,
        "dagster_mb": _dagster_bytes(connection) / _MB,
        "steps": dict(connection.execute(_SECONDS_BY_STEP).fetchall()),
    }


def _dagster_bytes(connection: Connection) -> int:
    row = connection.execute(
        "select sum(pg_total_relation_size(c.oid))::bigint from pg_class c where c.relkind = 'r' "
        "and c.relnamespace = 'dagster'::regnamespace"
    ).fetchone()
    return int(row[0]) if row else 0


def _print_week(week: dict[str, Any]) -> None:
    print(
        f"week {week['week']:>2}: {week['seconds']:6.1f} s, processor {week['processor']:6.1f} s, PostgreSQL's "
        f"{week['postgres']:6.1f} s, "
        f"{week['peak_mb']:5.0f} MB, tables {week['tables_mb']:6.0f} MB, Dagster's {week['dagster_mb']:4.0f} MB",
        flush=True,
    )


def _print_growth(done: list[dict[str, Any]]) -> None:
    """Steps by what the last three weeks took more than the weeks two to four; the first week has no history at all."""
    early, late = done[1:4], done[-3:]
    if len(done) < 7:
        return
    print("step | weeks 2 to 4, s | last three weeks, s")
    for step in sorted(late[0]["steps"], key=lambda name: _mean(early, name) - _mean(late, name)):
        print(f"{step} | {_mean(early, step):.1f} | {_mean(late, step):.1f}")


def _mean(weeks: list[dict[str, Any]], step: str) -> float:
    return float(sum(week["steps"].get(step, 0.0) for week in weeks) / len(weeks))


def _print_retention(connection: Connection, url: str, folder: Path, weeks: int) -> None:
    """The size of every table that grows, before and after retention; events are young here and stay."""
    settings = load_settings(None, {"MATCHME_DATABASE_URL": url, "MATCHME_HOME": str(folder)})
    connection.execute("vacuum full analyze")
    before = {**bytes_by_table(connection), "Dagster's": _dagster_bytes(connection)}
    now = max(datetime.now(UTC), datetime.combine(FIRST + weeks * WEEK, datetime.min.time(), UTC) + timedelta(days=1))
    removed = retention.apply_rules(connection, settings, now)
    connection.execute("vacuum full analyze")
    after = {**bytes_by_table(connection), "Dagster's": _dagster_bytes(connection)}
    print(f"\nretention removed {removed}")
    print("table | MB before | MB after")
    for name, size in sorted(before.items(), key=lambda item: -item[1]):
        if size > _MB:
            print(f"{name} | {size / _MB:.1f} | {after.get(name, 0) / _MB:.1f}")
    print(f"all | {sum(before.values()) / _MB:.0f} | {sum(after.values()) / _MB:.0f}")


if __name__ == "__main__":
    main()
