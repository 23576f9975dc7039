"""How fast is a week's matching, exactly, against the least that any exact way costs and against pgvector?

Sizes are numbers of members who can be matched:

- BENCH_MEMBERS (10000,40000,100000): drawn members, two in three without a limit of distance;
- BENCH_CITIES (1000000): the same whole stage over 400 cities, where 98 in a hundred name a reach; needs 40 GB of disk;
- BENCH_MILLION (10000,100000,1000000): candidates and allocation alone, from columns in memory;
- BENCH_COMPARED (40000, 0 for none): the size of BENCH_MEMBERS that is compared with the bare product and pgvector,
  where BENCH_HNSW and BENCH_EXACT (400, 20) members are asked for, scaled to all;
- BENCH_SHOWN_WEEKS (26): earlier weeks of shown pairs in the tables of BENCH_MEMBERS.

Each of the first three may be empty. Every size has a database of its own, and every measured run a process of its own.
"""

import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"

import psutil

from matchme_pipeline.database.connection import Connection, connect, one_row
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.week import Week
from matchme_pipeline_tests.bench import many_cities, million, pgvector_search, weekly_run
from matchme_pipeline_tests.bench.many_members import fill
from matchme_pipeline_tests.bench.own_server import own_server, postmaster_of, processor_seconds, with_tables

# Of the members drawn, so many in a hundred can be matched; the others are inactive, hidden, unfinished and the like.
_MATCHABLE_IN_A_HUNDRED = 81
# Settings that would hold the matrix library to an older processor's code.
_SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
_WARMING_UP = 400


def main() -> None:
    """Print the growth over the sizes, with the comparison, then the members over 400 cities."""
    compared = int(os.environ.get("BENCH_COMPARED", "40000"))
    print(f"{os.cpu_count()} cores, {platform.machine()}, {psutil.virtual_memory().total / 2**30:.0f} GiB")
    began = time.perf_counter()
    _size(_WARMING_UP, _drawn, compare=False)
    print(f"compiled, or loaded from disk, and tried on {_WARMING_UP} members: {time.perf_counter() - began:.0f} s\n")
    print(
        f"{'members':>9}{'eligible pairs':>16}{'seconds':>9}{'peak MB':>9}{'server MB':>11}{'disk MB':>9}{'CPU s':>8}"
        f"{'server':>8}  of the seconds"
    )
    for size in _sizes("BENCH_MEMBERS", "10000,40000,100000"):
        _size(size, _drawn, compare=size == compared)
    for size in _sizes("BENCH_CITIES", "1000000"):
        print("over 400 cities:", flush=True)
        _size(size, many_cities.fill, compare=False)
    if sizes := _sizes("BENCH_MILLION", "10000,100000,1000000"):
        print("\nover 400 cities, candidates and allocation alone", flush=True)
        million.main(sizes)


def _sizes(name: str, usual: str) -> list[int]:
    return [int(size) for size in os.environ.get(name, usual).split(",") if size.strip()]


def _drawn(connection: Connection, members: int, week: Week, model: str) -> None:
    fill(connection, -(-100 * members // _MATCHABLE_IN_A_HUNDRED), week, model)
    many_cities.show_pairs(connection, week, int(os.environ.get("BENCH_SHOWN_WEEKS", "26")))


def _size(size: int, write: Callable[[Connection, int, Week, str], None], *, compare: bool) -> None:
    with own_server() as server:
        url = with_tables(server)
        with connect(url) as connection:
            write(connection, size, weekly_run.WEEK, weekly_run.MODEL)
            connection.execute("vacuum analyze weekly_matches")
            connection.execute("checkpoint")
        with _Watched(server) as watched:
            week = _run(url, "week")
        with connect(url) as connection:
            [disk] = one_row(connection.execute("select pg_database_size(current_database()) / 2^20"))
        if size != _WARMING_UP:
            _print_week(week, watched, disk)
        if compare:
            _compare(url, week, watched)


def _print_week(week: Mapping[str, Any], watched: "_Watched", disk_mb: float) -> None:
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in week["steps"].items())
    print(
        f"{week['items']:9,}{week['eligible_pairs']:16,}{week['seconds']:9.1f}{week['peak_mb']:9,.0f}"
        f"{watched.peak_mb:11,.0f}{disk_mb:9,.0f}{week['processor']:8.1f}{watched.processor:8.1f}  {steps}",
        flush=True,
    )
    print(
        f"{'':8}  {week['matches'] // 2:,} pairs, coverage {week['coverage']:.4f}, exposure Gini "
        f"{week['exposure_gini']:.4f}, {week['share_of_upper_bound']:.4f} of the unconstrained upper bound",
        flush=True,
    )


def _compare(url: str, week: Mapping[str, Any], watched: "_Watched") -> None:
    seconds, used = week["seconds"], week["processor"] + watched.processor
    print(f"\ncompared, {week['items']:,} members; machine's load now {os.getloadavg()[0]:.1f}", flush=True)
    for name, environment in (
        ("its best code", {k: v for k, v in os.environ.items() if k not in _SLOWING}),
        ("the code that this environment sets", dict(os.environ)),
    ):
        product = _run(url, "product", environment)
        print(
            f"  (a) float32 product of the {product['pairs']:,} pairs, {name} ({product['kernel']}): "
            f"{product['seconds']:.2f} s, {product['processor']:.2f} CPU s; the whole week takes "
            f"{seconds / product['seconds']:.1f} times that in seconds, {used / product['processor']:.1f} in CPU time",
            flush=True,
        )
        if environment == dict(os.environ) or not any(name in os.environ for name in _SLOWING):
            break
    recall = _run(url, "recall")
    print(
        f"  recall of the engine's candidates: {recall['recall']:.3f} of {recall['candidates']:,} best candidates of "
        f"{recall['members']} members, found by looking at all of each one's partners",
        flush=True,
    )
    with connect(url) as connection:
        engine = weekly_matching.load_engine(connection, weekly_run.WEEK, weekly_run.MODEL)
    asked = int(os.environ.get("BENCH_HNSW", "400")), int(os.environ.get("BENCH_EXACT", "20"))
    found = pgvector_search.measure(url, engine, *asked)
    everyone = found["members"]
    hnsw = found["build"] + found["hnsw_seconds"] * everyone
    exact = found["exact_seconds"] * everyone
    print(
        f"  (b) pgvector HNSW, the same filters: build {found['build']:.0f} s (measured whole), "
        f"{1e3 * found['hnsw_seconds']:.1f} ms a member ({found['hnsw_asked']} asked), for everyone {hnsw:,.0f} s: "
        f"{hnsw / seconds:.0f} times the whole week; recall {found['recall']:.3f}\n"
        f"  (c) pgvector exact scan: {1e3 * found['exact_seconds']:.0f} ms a member ({found['exact_asked']} asked), "
        f"for everyone {exact:,.0f} s: {exact / seconds:.0f} times the whole week\n",
        flush=True,
    )


def _run(url: str, task: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    answer = subprocess.run(
        [sys.executable, "-m", weekly_run.__name__, url, task],
        check=False,
        capture_output=True,
        text=True,
        env=None if environment is None else dict(environment),
    )
    if answer.returncode != 0:
        raise SystemExit(answer.stderr[-2_000:])
    result: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return result


class _Watched:
    """The server's processes while a run lasts: the most memory that they held together, and their processor time."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = postmaster_of(server)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.peak_mb = 0.0
        self.processor = 0.0

    def __enter__(self) -> "_Watched":
        self._began = processor_seconds(self._server)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.processor = processor_seconds(self._server) - self._began

    def _watch(self) -> None:
        while not self._over.wait(0.5):
            held = 0
            for process in [self._server, *self._server.children()]:
                try:
                    # Shared pages are shared out among those who hold them, so that they count once.
                    held += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.peak_mb = max(self.peak_mb, held / 2**20)


if __name__ == "__main__":
    main()
