"""A round: a fresh copy, one or more acts, a plain re-run, and the verdict on what it left."""

import random
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from matchme_pipeline.database.connection import connect
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.week import Week
from matchme_pipeline_tests.chaos import disturbances as acts
from matchme_pipeline_tests.chaos import processes, verdicts
from matchme_pipeline_tests.chaos.disturbances import Act, Extent, Stage
from matchme_pipeline_tests.chaos.model_server import CountingServer
from matchme_pipeline_tests.chaos.rows import Rows, result_rows
from matchme_pipeline_tests.chaos.verdicts import Verdict
from matchme_pipeline_tests.chaos.world import LATENCY_SECONDS, SEEDED, WEEKS, World

REVIEWED = "chaos_first_week_reviewed"


@dataclass(frozen=True)
class Setting:
    """What a round's run works on: which weeks, from which database, with which models."""

    name: str
    weeks: tuple[Week, ...]
    template: str
    paid: bool


FIRST = Setting("first week, model server", WEEKS[:1], SEEDED, paid=True)
SECOND = Setting("second week, model server", WEEKS[1:2], REVIEWED, paid=True)
BOTH = Setting("two weeks in a row, model server", WEEKS[:2], SEEDED, paid=True)
OFFLINE = Setting("first week, offline models", WEEKS[:1], SEEDED, paid=False)

# One after another, again and again; a round's moments and strengths come from the seed and its number.
# A storm lets a week end with jobs that wait, and the week after it be published before they are done; two weeks in a
# row are therefore disturbed by what ends a run.
PLAN: tuple[tuple[Setting, tuple[Act, ...]], ...] = (
    (FIRST, (acts.kill_run,)),
    (SECOND, (acts.stop_postgres, acts.kill_run)),
    (FIRST, (acts.model_storm,)),
    (FIRST, (acts.workers,)),
    (BOTH, (acts.kill_run, acts.kill_run)),
    (SECOND, (acts.break_connections,)),
    (FIRST, (acts.twice_at_once,)),
    (FIRST, (acts.bad_answers,)),
    (OFFLINE, (acts.kill_run, acts.stop_postgres)),
    (FIRST, (acts.kill_step,)),
    (FIRST, (acts.workers_and_one_killed,)),
    (SECOND, (acts.storm_and_kill,)),
    (BOTH, (acts.stop_postgres,)),
    (FIRST, (acts.break_connections, acts.twice_and_one_killed)),
    (FIRST, (acts.refused_key,)),
    (SECOND, (acts.workers_and_connections, acts.kill_run)),
    (SECOND, (acts.kill_step, acts.break_connections)),
    (FIRST, (acts.bad_answers, acts.kill_run, acts.stop_postgres)),
)


@dataclass(frozen=True)
class Reference:
    """What an undisturbed run leaves, pays for, and takes."""

    rows: Rows
    jobs: set[tuple[str, str, str]]
    once: Counter[str]
    extent: Extent


@dataclass
class Outcome:
    """One round: what hit, and what came of it."""

    number: int
    setting: str
    disturbances: list[str]
    verdict: Verdict
    seconds: float
    exit_codes: list[int] = field(default_factory=list)


class Campaign:
    """Rounds over one world; what an undisturbed run leaves is made once for each setting."""

    def __init__(self, world: World, seed: int, executor: str = "in_process") -> None:
        self._start = processes.run_multiprocess if executor == "multiprocess" else processes.run_week
        self._world = world
        self._seed = seed
        self._references: dict[str, Reference] = {}
        self._templates = {SEEDED}

    def play(self, number: int, plan: Sequence[tuple[Setting, tuple[Act, ...]]] = PLAN) -> Outcome:
        """Round `number`."""
        setting, chosen = plan[number % len(plan)]
        reference = self.reference(setting)
        started = time.monotonic()
        rng = random.Random(f"{self._seed}/{number}")
        url = self._world.copy(setting.template)
        with ExitStack() as stack:
            server = self._model_server(stack, rng.randrange(2**31)) if setting.paid else None
            stage = Stage(self._world, url, setting.weeks, server, reference.extent, rng, start=self._start)
            for act in chosen:
                act(stage)
            verdict = self._after(stage, reference)
        if not verdict.faults:
            self._world.drop(url)
        return Outcome(
            number, setting.name, stage.done, verdict, time.monotonic() - started, exit_codes=stage.exit_codes
        )

    def reference(self, setting: Setting) -> Reference:
        """What an undisturbed run of `setting` leaves."""
        if setting.name not in self._references:
            self._prepare(setting.template)
            self._references[setting.name] = self._undisturbed(setting)
        return self._references[setting.name]

    def _after(self, stage: Stage, reference: Reference) -> Verdict:
        verdict = Verdict()
        again = processes.run_week(stage.environment, stage.weeks)
        if again.wait() != 0:
            verdict.equal = False
            verdict.faults.append(f"the plain re-run failed: {again.text()[-600:]}")
        with connect(stage.url) as connection:
            verdicts.judge_rows(verdict, reference.rows, result_rows(connection))
            verdicts.judge_jobs(verdict, connection, reference.jobs)
            verdicts.judge_history(verdict, connection, stage.killed_runs)
            if stage.server is not None:
                verdicts.judge_money(verdict, connection, stage.server, stage.cut_off, reference.once)
        return verdict

    def _undisturbed(self, setting: Setting, url: str | None = None) -> Reference:
        own = url or self._world.copy(setting.template)
        with ExitStack() as stack:
            server = self._model_server(stack, 1) if setting.paid else None
            process = processes.run_week(self._world.environment(own, server.url if server else None), setting.weeks)
            while process.runs and not _history_rows(own, setting.weeks[0]):
                time.sleep(0.05)
            began = time.monotonic()
            if process.wait() != 0:
                raise RuntimeError(f"the undisturbed run of {setting.name} failed: {process.text()[-2000:]}")
            seconds = time.monotonic() - began
            with connect(own) as connection:
                rows = result_rows(connection)
                jobs = set(
                    connection.execute("select job_type, subject, week::text from batch_processing_queue").fetchall()
                )
            deliveries = server.deliveries if server else []
            once = server.clean_payments({d.request_id for d in deliveries}) if server else Counter()
        if url is None:
            self._world.drop(own)
        return Reference(rows, jobs, once, Extent(seconds, len(deliveries)))

    def _prepare(self, template: str) -> None:
        """The database after the first week, whose insights members have reviewed."""
        if template in self._templates:
            return
        url = self._world.copy(SEEDED, template)
        self._references.setdefault(FIRST.name, self._undisturbed(FIRST, url))
        with connect(url) as connection:
            review_insights(connection, week_cutoff=WEEKS[0].cutoff, seed=7)
            connection.execute("truncate chaos.completions")
            # What the first week paid stands in its own ledger; a round's begins empty.
            connection.execute("delete from llm_calls")
            connection.execute("delete from batch_run_history")
        self._templates.add(template)

    def _model_server(self, stack: ExitStack, seed: int) -> CountingServer:
        return stack.enter_context(CountingServer(latency_seconds=LATENCY_SECONDS, seed=seed))


def _history_rows(url: str, week: Week) -> bool:
    with connect(url, vectors=False) as connection:
        rows = connection.execute("select 1 from batch_run_history where week = %s", [week.sunday]).fetchall()
    return bool(rows)
