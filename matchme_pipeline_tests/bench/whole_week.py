"""Whole weeks of a seeded population with the offline models, in one process: what does each step of a week take?

For every step: seconds, CPU seconds of this process and of the server, those of the offline encoder (a part of this
process's), the process's peak memory, and the items that the step's asset reports. BENCH_MEMBERS (10000) and
BENCH_WEEKS (2) set the size; BENCH_PROFILE names a folder for one cProfile file a step. Seeding, and what members do
between weeks, are not counted.
"""

import cProfile
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"
os.environ["MATCHME_LLM"] = "local"
os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")

import psutil
from dagster import ExecuteInProcessResult

from matchme_pipeline.database.connection import connect
from matchme_pipeline.llm.local import encoder as encoders
from matchme_pipeline.operations import progress
from matchme_pipeline.population.match_answers import answer_matches
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline_tests.bench.own_server import own_server, processor_seconds, with_tables
from matchme_pipeline_tests.materialising import materialise

FIRST_WEEK = date.fromisoformat(os.environ["MATCHME_FIRST_WEEK"])
SEED = 7
MODULE = "matchme_pipeline_tests.bench.whole_week"
_ENDS = ("STEP_SUCCESS", "STEP_FAILURE", "STEP_SKIPPED")


@dataclass(frozen=True)
class Reading:
    """The clocks at one moment, in seconds: wall, and processor time; `encoder` is a part of `client`."""

    wall: float
    client: float
    encoder: float
    server: float

    def since(self, earlier: "Reading") -> "Reading":
        """The seconds between two readings."""
        return Reading(*(now - then for now, then in zip(vars(self).values(), vars(earlier).values(), strict=True)))


@dataclass(frozen=True)
class StepCost:
    """What one step took, and its process's peak memory in MB."""

    step: str
    taken: Reading
    peak_mb: float


def main() -> None:
    """Seed, run the weeks in a process of their own, and print a table a week."""
    members, weeks = int(os.environ.get("BENCH_MEMBERS", "10000")), int(os.environ.get("BENCH_WEEKS", "2"))
    with own_server() as server:
        url = with_tables(server)
        with connect(url) as connection:
            seed_population(connection, users=members, weeks=weeks, first_week=FIRST_WEEK, seed=SEED)
        postmaster = (server.data / "postmaster.pid").read_text().splitlines()[0]
        subprocess.run([sys.executable, "-m", MODULE, url, postmaster, str(weeks)], check=True)


def run(url: str, postmaster: int, count: int) -> None:
    """Materialise the weeks in order, in this process."""
    weeks = [Week(FIRST_WEEK + n * WEEK, is_first=n == 0) for n in range(count)]
    clocks = Clocks(postmaster)
    for week in weeks:
        if not week.is_first:
            with connect(url) as connection:
                review_insights(connection, week_cutoff=week.previous.cutoff, seed=SEED)
                answer_matches(connection, week.previous, SEED, weeks[-1].cutoff)
        steps = Steps(clocks)
        stop = progress.listen(steps.hear)
        began = clocks.read()
        try:
            result = materialise(url, week)
        finally:
            stop()
        show(week, steps.costs, clocks.read().since(began), _items(result))


def show(week: Week, costs: list[StepCost], whole: Reading, items: Mapping[str, str]) -> None:
    """Print the steps of a week, the dearest first, and what lies between the steps."""
    print(f"\nweek {week.key}: {whole.wall:.1f} s; machine's load {os.getloadavg()[0]:.1f}")
    print(f"{'step':44}{'seconds':>9}{'client':>9}{'encoder':>9}{'server':>9}{'peak MB':>9}  items")
    for cost in sorted(costs, key=lambda cost: -cost.taken.wall):
        if cost.taken.wall >= 0.1:
            _line(cost.step, cost.taken, f"{cost.peak_mb:,.0f}", items.get(cost.step, ""))
    _line("all assets", _total(cost.taken for cost in costs if cost.step in items), "", "")
    _line("all checks", _total(cost.taken for cost in costs if cost.step not in items), "", "")
    _line("between steps", whole.since(_total(cost.taken for cost in costs)), "", "")
    _line("whole week", whole, f"{max(cost.peak_mb for cost in costs):,.0f}", "")


def _total(readings: Iterable[Reading]) -> Reading:
    total = Reading(0.0, 0.0, 0.0, 0.0)
    for one in readings:
        total = Reading(*(mine + other for mine, other in zip(vars(total).values(), vars(one).values(), strict=True)))
    return total


def _line(name: str, taken: Reading, peak: str, items: str) -> None:
    print(
        f"{name[:43]:44}{taken.wall:9.1f}{taken.client:9.1f}{taken.encoder:9.1f}{taken.server:9.1f}{peak:>9}  {items}",
        flush=True,
    )


class Steps:
    """Reads the clocks where a step starts and ends."""

    def __init__(self, clocks: "Clocks") -> None:
        self.costs: list[StepCost] = []
        self._clocks = clocks
        self._began = clocks.read()
        self._profile: cProfile.Profile | None = None
        self._folder = os.environ.get("BENCH_PROFILE")

    def hear(self, heard: progress.StepProgress) -> None:
        """Take note of one event of the run."""
        if heard.kind == "STEP_START":
            self._clocks.forget_peak()
            self._began = self._clocks.read()
            if self._folder:
                self._profile = cProfile.Profile()
                self._profile.enable()
        elif heard.kind in _ENDS:
            if self._profile is not None and self._folder:
                self._profile.disable()
                self._profile.dump_stats(Path(self._folder) / f"{len(self.costs):02}-{heard.step}.prof")
                self._profile = None
            taken = self._clocks.read().since(self._began)
            self.costs.append(StepCost(heard.step, taken, self._clocks.peak_mb()))


class Clocks:
    """Wall time, and processor time of this process, of the encoder in it, and of the server."""

    def __init__(self, postmaster: int) -> None:
        self._server = psutil.Process(postmaster)
        self._timed = TimedModel(encoders.process_encoder()._encoder)
        encoders.process_encoder()._encoder = self._timed

    def read(self) -> Reading:
        """The clocks now."""
        return Reading(time.perf_counter(), time.process_time(), self._timed.seconds, processor_seconds(self._server))

    def forget_peak(self) -> None:
        """Begin the process's peak memory anew (Linux)."""
        Path("/proc/self/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """The process's peak memory since `forget_peak`."""
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM:")).split()[1]) / 1024


class TimedModel:
    """The encoder's model, with the processor time that was spent in it."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.seconds = 0.0

    def encode(self, text: str) -> Any:
        """As the model itself."""
        began = time.thread_time()
        try:
            return self._model.encode(text)
        finally:
            self.seconds += time.thread_time() - began


def _items(result: ExecuteInProcessResult) -> dict[str, str]:
    """By step, the number of items that its asset reports; empty text where it reports none."""
    found = {}
    for event in result.get_asset_materialization_events():
        metadata = event.materialization.metadata
        found[str(event.step_key)] = f"{metadata['items'].value:,}" if "items" in metadata else ""
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
