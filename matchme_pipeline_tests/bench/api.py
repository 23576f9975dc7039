"""Does the API stay fast? Requests a second and the 99th percentile of `status` and `queue`, with a million jobs.

The service runs as it does in earnest: `matchme api`, a process of its own over a real PostgreSQL, tokens verified,
limits counted (and set out of reach). The load comes from another process: `wrk` where it is installed, else an asyncio
loop over httpx, which is slower than the service and says so. `/health` asks nobody else: it is what the web server
alone can do. While it is measured, a queue that is worked on changes: jobs are claimed and finished beside it.
"""

import asyncio
import multiprocessing
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import httpx

from matchme_pipeline.api.identity.local_key import mint
from matchme_pipeline.database.connection import connect, create_database
from matchme_pipeline.jobs import queries
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.settings import Settings
from matchme_pipeline_tests.bench.own_server import own_server
from matchme_pipeline_tests.bench.queue import WEEK, fill

JOBS = 1_000_000
SECONDS, CONNECTIONS = 10, 16
MEMBER = "user_1"
PATHS = {
    "/health": "/health",
    "status": "/api/batch/status",
    "queue": f"/api/batch/queue/{MEMBER}",
    "batch-status": "/functions/v1/batch-status",
    "dna-score": "/functions/v1/dna-score",
    "weekly-matches": "/functions/v1/weekly-matches",
    "leaderboard": "/functions/v1/dna-leaderboard?scope=city",
}
MEMBERS, CITIES = 100_000, ("london", "birmingham", "manchester", "dubai")


def main() -> None:
    """Print both figures for each endpoint, and their ratio to the bare one."""
    with own_server() as server, tempfile.TemporaryDirectory(prefix="matchme-bench-api-") as folder:
        home = Path(folder)
        url = create_database(server.url("postgres"), "api")
        fill(url, JOBS, one_week=False)
        _give_one_member_a_history(url)
        _add_members(url)
        with _service(url, home) as address:
            for is_worked_on in (False, True):
                state = "is worked on" if is_worked_on else "rests"
                print(f"{JOBS:,} jobs, the queue {state}; {CONNECTIONS} connections, {SECONDS} s each, {_client()}")
                with _workers(url if is_worked_on else None):
                    _measure(address, mint(_settings(url, home), MEMBER, 1))


def _measure(address: str, token: str) -> None:
    bare = 0.0
    print(f"{'':<16}{'requests/s':>12}{'of bare':>10}{'p50 ms':>10}{'p99 ms':>10}")
    for name, path in PATHS.items():
        load = _with_wrk if shutil.which("wrk") else _with_httpx
        load(address + path, token, 2)
        rate, middle, slow = load(address + path, token, SECONDS)
        bare = bare or rate
        print(f"{name:<16}{rate:>12,.0f}{rate / bare:>10.2f}{middle:>10.1f}{slow:>10.1f}", flush=True)


def _client() -> str:
    return "client: wrk" if shutil.which("wrk") else "client: httpx in asyncio (itself the bottleneck; install wrk)"


def _with_wrk(url: str, token: str, seconds: int) -> tuple[float, float, float]:
    """Requests a second, and the median and the 99th percentile of their milliseconds."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-H", f"Authorization: Bearer {token}"]
    text = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{url} did not always answer:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    found = {
        share: _milliseconds(amount, unit) for share, amount, unit in re.findall(r"(50|99)%\s+([\d.]+)(\w+)", text)
    }
    assert rate is not None
    return float(rate[1]), found["50"], found["99"]


def _milliseconds(amount: str, unit: str) -> float:
    return float(amount) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def _with_httpx(url: str, token: str, seconds: int) -> tuple[float, float, float]:
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_ask_for_a_while, (url, token, seconds))


def _ask_for_a_while(url: str, token: str, seconds: int) -> tuple[float, float, float]:
    async def ask(client: httpx.AsyncClient, until: float) -> list[float]:
        taken = []
        while (started := time.perf_counter()) < until:
            (await client.get(url)).raise_for_status()
            taken.append(time.perf_counter() - started)
        return taken

    async def everybody() -> list[float]:
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as client:
            until = time.perf_counter() + seconds
            return list(chain(*await asyncio.gather(*(ask(client, until) for _ in range(CONNECTIONS)))))

    taken = sorted(asyncio.run(everybody()))
    return len(taken) / seconds, taken[len(taken) // 2] * 1e3, taken[int(len(taken) * 0.99)] * 1e3


def _give_one_member_a_history(url: str) -> None:
    """Four jobs a week for two years, and as many runs as that makes."""
    with connect(url, vectors=False) as connection:
        connection.execute(
            """
            insert into batch_processing_queue (user_id, job_type, subject, week, status, created_at, completed_at)
            select %s, kind, 'measured', '2024-01-07'::date + 7 * n, 'completed',
                '2024-01-14 02:00+00'::timestamptz + n * interval '7 days', now()
            from generate_series(0, 103) n, unnest(array['content_analysis', 'embedding_update', 'dna_recalculation',
                'match_generation']) kind
            """,
            [MEMBER],
        )
        connection.execute(
            """
            insert into batch_run_history (run_type, dagster_run_id, week, status, started_at, completed_at)
            select 'weekly_full', 'run-' || n, '2024-01-07'::date + 7 * n, 'completed',
                '2024-01-14 02:00+00'::timestamptz + n * interval '7 days', now()
            from generate_series(0, 103) n
            """
        )
        connection.execute("vacuum analyze batch_processing_queue")


def _add_members(url: str) -> None:
    """Members with a score and a city each; the one who asks is on Gold Plus and has five matches."""
    with connect(url, vectors=False) as connection:
        connection.execute(
            """
            insert into city_clusters (city_key, city_name, region, timezone)
            select key::city_key_type, initcap(key), 'UK', 'Europe/London' from unnest(%s::text[]) as key
            on conflict do nothing
            """,
            [list(CITIES)],
        )
        for statement in (
            """
            insert into profiles (clerk_user_id, first_name, birthdate, gender, subscription_tier)
            select 'user_' || n, 'Member', '1996-01-01', 'female', case when n = 1 then 'gold_plus' else 'free' end
            from generate_series(1, %(members)s) n
            """,
            """
            insert into user_city_assignments (clerk_user_id, city_key, assignment_method)
            select 'user_' || n, (%(cities)s::text[])[1 + n %% 4]::city_key_type, 'manual'
            from generate_series(1, %(members)s) n
            """,
            """
            insert into mysoul_dna_scores (user_id, score, rarity_tier)
            select 'user_' || n, n %% 100, 'Common' from generate_series(1, %(members)s) n
            """,
            """
            insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, compatibility_factors,
                chaichat_preview)
            select 'user_1', 'user_' || (n + 1), 90 - n, n, '2026-11-22', '{"factors": []}',
                '{"level_1": ["What do you cook?"], "level_2": ["What do you hope for?"]}'
            from generate_series(1, 5) n
            """,
        ):
            connection.execute(statement, {"members": MEMBERS, "cities": list(CITIES)})
        connection.execute("analyze")


def _settings(url: str, home: Path) -> Settings:
    return Settings(MATCHME_HOME=home, MATCHME_DATABASE_URL=url, MATCHME_DEVELOPMENT_TOKENS="true")


@contextmanager
def _service(url: str, home: Path) -> Iterator[str]:
    """`matchme api` in a process of its own, its limits out of reach."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))},
        "MATCHME_HOME": str(home),
        "MATCHME_DATABASE_URL": url,
        "MATCHME_API_REQUESTS_PER_MINUTE": "1000000000",
        "MATCHME_DEVELOPMENT_TOKENS": "true",
    }
    command = [sys.executable, "-m", "matchme_pipeline.cli.main", "api", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            for _ in range(300):
                if process.poll() is not None:
                    raise SystemExit("the service did not start")
                try:
                    if httpx.get(f"{address}/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.2)
            yield address
        finally:
            process.terminate()
            process.wait()


@contextmanager
def _workers(url: str | None) -> Iterator[None]:
    """Somebody who works on the queue at `url` meanwhile."""
    if url is None:
        yield
        return
    worker = multiprocessing.get_context("spawn").Process(target=_work, args=(url,), daemon=True)
    worker.start()
    try:
        yield
    finally:
        worker.terminate()
        worker.join()


def _work(url: str) -> None:
    """Claim and finish fifty jobs, ten times a second, of the week that has most of them."""
    with connect(url, vectors=False) as connection:
        while True:
            for kind in JobType:
                claimed = queries.claim(connection, kind, WEEK, 50, "bench-api")
                with connection.transaction():
                    queries.complete(connection, claimed)
                time.sleep(0.1)


if __name__ == "__main__":
    main()
