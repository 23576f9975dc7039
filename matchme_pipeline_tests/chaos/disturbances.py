"""What the campaign does to a week: each act starts a run, disturbs it at its moment, and sees it end."""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from matchme_pipeline.content import queries as content_queries
from matchme_pipeline.content.hashing import hashed_items
from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import DatabaseUnavailableError
from matchme_pipeline.week import Week
from matchme_pipeline_tests.chaos import processes
from matchme_pipeline_tests.chaos.model_server import ANSWER_FAULTS, TRANSPORT_FAULTS, CountingServer
from matchme_pipeline_tests.chaos.processes import Process
from matchme_pipeline_tests.chaos.world import World

WORKERS = 3
# A disturbance that waits longer has missed its run.
MAX_WAIT_SECONDS = 120


@dataclass(frozen=True)
class Extent:
    """How long the undisturbed run takes from its row in the history to its end, and how many requests it makes."""

    seconds: float
    requests: int


@dataclass
class Stage:
    """What an act plays on. `cut_off` counts processes whose calls on their way were lost with them."""

    world: World
    url: str
    weeks: Sequence[Week]
    server: CountingServer | None
    extent: Extent
    rng: random.Random
    done: list[str] = field(default_factory=list)
    cut_off: int = 0
    killed_runs: set[str] = field(default_factory=set)
    exit_codes: list[int] = field(default_factory=list)
    # How the disturbed runs are started: the command's one process, or a process a step.
    start: Callable[[dict[str, str], Sequence[Week]], Process] = processes.run_week

    def run(self) -> Process:
        """Start a run of the round's weeks."""
        return self.start(self.environment, self.weeks)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of this round's processes."""
        return self.world.environment(self.url, self.server.url if self.server else None)

    def happened(self, kind: str, cut_off: int = 0) -> None:
        """Count a disturbance that hit."""
        self.done.append(kind)
        self.cut_off += cut_off

    def running(self) -> set[str]:
        """The runs that the history calls `running` at this moment."""
        with connect(self.url, vectors=False) as connection:
            rows = connection.execute("select dagster_run_id from batch_run_history where status = 'running'")
            return {run_id for (run_id,) in rows}

    def ended(self, process: Process) -> int:
        """Wait for the end of a run that is let be."""
        self.exit_codes.append(process.wait())
        return self.exit_codes[-1]


Act = Callable[[Stage], None]


def kill_run(stage: Stage) -> None:
    """SIGKILL to the whole run."""
    process = stage.run()
    if moment(stage, process):
        _kill(stage, process, "whole run killed")
    stage.ended(process)


def kill_step(stage: Stage) -> None:
    """SIGKILL to one step's process of a run whose steps have processes of their own."""
    process = processes.run_multiprocess(stage.environment, stage.weeks[-1:])
    if _until(lambda: bool(stage.running()), process):
        wanted = time.monotonic() + stage.rng.uniform(0.0, 3.0 * stage.extent.seconds)
        _until(lambda: time.monotonic() > wanted, process)
        if _until(lambda: process.kill_step(stage.rng), process):
            stage.happened("step's process killed", cut_off=1)
    stage.ended(process)


def stop_postgres(stage: Stage) -> None:
    """The database stops without ceremony, and comes back."""
    process = stage.run()
    if moment(stage, process):
        stage.world.stop_postgres(stage.rng.uniform(0.0, 2.0))
        stage.happened("PostgreSQL stopped", cut_off=1)
    stage.ended(process)


def break_connections(stage: Stage) -> None:
    """Every connection to the database breaks, up to three times."""
    process = stage.run()
    for _ in range(stage.rng.randint(1, 3)):
        if moment(stage, process) and stage.world.break_connections(stage.url):
            stage.happened("connections broken", cut_off=1)
    stage.ended(process)


def model_storm(stage: Stage) -> None:
    """The model server fails for a while: throttling, errors, time-outs, broken bodies."""
    process = stage.run()
    _storm(stage, process, TRANSPORT_FAULTS, "model server's faults")
    stage.ended(process)


def bad_answers(stage: Stage) -> None:
    """The model's answers are useless for a while: refusals, cut-offs, no JSON, wrong fields."""
    process = stage.run()
    _storm(stage, process, ANSWER_FAULTS, "model's bad answers")
    stage.ended(process)


def refused_key(stage: Stage) -> None:
    """The model server refuses everything: no call can succeed until an operator has helped."""
    assert stage.server is not None
    process = stage.run()
    if moment(stage, process):
        fault = stage.rng.choice(["unauthorized", "forbidden", "quota_exhausted"])
        stage.server.storm({fault: 1.0})
        stage.happened("model server's faults")
    stage.ended(process)
    stage.server.storm({})


def twice_at_once(stage: Stage) -> None:
    """The same week is started a second time while the first is at work."""
    first, second = _two_runs(stage)
    stage.ended(first)
    stage.ended(second)


def twice_and_one_killed(stage: Stage) -> None:
    """The same week twice at once, and one of the two is killed."""
    pair = _two_runs(stage)
    victim = stage.rng.choice(pair)
    if moment(stage, victim):
        _kill(stage, victim, "whole run killed", of=1)
    for process in pair:
        stage.ended(process)


def storm_and_kill(stage: Stage) -> None:
    """The run is killed while the model server is failing."""
    assert stage.server is not None
    process = stage.run()
    if moment(stage, process):
        stage.server.storm({fault: 0.5 / len(TRANSPORT_FAULTS) for fault in TRANSPORT_FAULTS})
        stage.happened("model server's faults")
        end = time.monotonic() + stage.rng.uniform(0.2, 3.0)
        _until(lambda: time.monotonic() > end, process)
        _kill(stage, process, "whole run killed")
    stage.server.storm({})
    stage.ended(process)


def workers(stage: Stage) -> None:
    """Three workers drain one week together."""
    for process in _three_workers(stage):
        stage.ended(process)


def workers_and_one_killed(stage: Stage) -> None:
    """Three workers on one week, and one of them is killed."""
    team = _three_workers(stage)
    if _requests_reach(stage, team[0], stage.rng.randint(3, max(4, stage.extent.requests // 2))):
        victim = stage.rng.choice(team)
        if victim.kill_group():
            stage.happened("worker killed", cut_off=1)
    for process in team:
        stage.ended(process)


def workers_and_connections(stage: Stage) -> None:
    """Three workers on one week lose their connections."""
    team = _three_workers(stage)
    reached = _requests_reach(stage, team[0], stage.rng.randint(3, max(4, stage.extent.requests // 2)))
    if reached and stage.world.break_connections(stage.url):
        stage.happened("connections broken", cut_off=WORKERS)
    for process in team:
        stage.ended(process)


def moment(stage: Stage, process: Process) -> bool:
    """Wait for a random moment of the run's work; False where the run was over before."""
    if stage.server is not None and stage.rng.random() < 0.5:
        return _requests_reach(stage, process, stage.rng.randint(1, max(2, stage.extent.requests - 5)))
    if not _until(lambda: bool(stage.running()), process):
        return False
    end = time.monotonic() + stage.rng.uniform(0.0, 0.9 * stage.extent.seconds)
    return _until(lambda: time.monotonic() > end, process)


def _kill(stage: Stage, process: Process, kind: str, of: int = 0) -> None:
    """Kill, and remember which runs stood as running that have no process any more."""
    if process.kill_group():
        stage.happened(kind, cut_off=1)
        if not of:
            stage.killed_runs |= stage.running()


def _two_runs(stage: Stage) -> tuple[Process, Process]:
    first = stage.run()
    if stage.rng.random() < 0.5:
        # Not in the same second: the second one finds the first in the middle of its work.
        moment(stage, first)
    second = stage.run()
    stage.happened("same week twice")
    return first, second


def _three_workers(stage: Stage) -> list[Process]:
    week = stage.weeks[-1]
    with connect(stage.url) as connection:
        content_queries.replace_items(connection, week.sunday, hashed_items(connection, week))
    stage.happened("three workers")
    run = f"{datetime.now(UTC):%H%M%S%f}"
    return [processes.run_worker(stage.environment, week, f"{run}-{number}") for number in range(WORKERS)]


def _storm(stage: Stage, process: Process, faults: Sequence[str], kind: str) -> None:
    assert stage.server is not None
    if moment(stage, process):
        share = stage.rng.choice([0.3, 0.6, 1.0])
        stage.server.storm({fault: share / len(faults) for fault in faults})
        stage.happened(kind)
        end = time.monotonic() + stage.rng.uniform(1.0, 6.0)
        _until(lambda: time.monotonic() > end, process)
    stage.server.storm({})


def _requests_reach(stage: Stage, process: Process, count: int) -> bool:
    server = stage.server
    if server is None:
        return _until(lambda: bool(stage.running()), process)
    already = len(server.requests)
    return _until(lambda: len(server.requests) - already >= count, process)


def _until(condition: Callable[[], bool], process: Process) -> bool:
    """Wait until `condition` holds; False where `process` ended first."""
    end = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < end:
        try:
            if condition():
                return process.runs
        except DatabaseUnavailableError:
            pass
        if not process.runs:
            return False
        time.sleep(0.02)
    return False
