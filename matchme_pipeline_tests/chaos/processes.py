"""Processes of the campaign: the command, workers, Dagster's multiprocess executor; started, watched, killed."""

import os
import random
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

import psutil

from matchme_pipeline.database import files
from matchme_pipeline.week import Week

# Longer than any run of the campaign takes, whatever it goes through.
MAX_RUN_SECONDS = 240


@dataclass
class Process:
    """One process in a group of its own, with what it wrote."""

    popen: "subprocess.Popen[bytes]"
    output: IO[bytes]

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.popen.poll() is None

    def wait(self) -> int:
        """Its exit code; one that never ends is killed, and is an error of the campaign."""
        try:
            return self.popen.wait(timeout=MAX_RUN_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill_group()
            raise RuntimeError(f"a run did not end within {MAX_RUN_SECONDS} s: {self.text()[-2000:]}") from None

    def kill_group(self) -> bool:
        """SIGKILL to the process and all of its children; whether it was alive."""
        alive = self.runs
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        return alive

    def kill_step(self, rng: random.Random) -> bool:
        """SIGKILL to one of the step processes that the run has at this moment; whether there was one."""
        steps = [child for child in self._children() if "step" in _role(child)]
        if not steps or not self.runs:
            return False
        victim = rng.choice(sorted(steps, key=lambda child: child.pid))
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(signal.SIGKILL)
            return True
        return False

    def text(self) -> str:
        """What it wrote so far."""
        self.output.seek(0)
        return self.output.read().decode(errors="replace")

    def _children(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.popen.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []


def run_week(environment: dict[str, str], weeks: Sequence[Week]) -> Process:
    """`matchme run` over `weeks`."""
    span = ["--from", weeks[0].key, "--to", weeks[-1].key]
    return start([sys.executable, "-m", "matchme_pipeline.cli.main", "run", *span], environment)


def run_multiprocess(environment: dict[str, str], weeks: Sequence[Week]) -> Process:
    """The weekly job of each of `weeks` through Dagster's multiprocess executor: every step a process of its own."""
    command = [sys.executable, "-m", "matchme_pipeline_tests.chaos.forked", *(week.key for week in weeks)]
    return start(command, {**environment, "DAGSTER_HOME": str(files.dagster_home())})


def run_worker(environment: dict[str, str], week: Week, name: str) -> Process:
    """One worker that drains the week's model jobs and ends."""
    return start([sys.executable, "-m", "matchme_pipeline_tests.chaos.worker", week.key, name], environment)


def start(command: Sequence[str], environment: dict[str, str]) -> Process:
    """Start `command` in a process group of its own."""
    # Open for as long as the process writes.
    output = tempfile.TemporaryFile()  # noqa: SIM115
    popen = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd=files.dagster_home(),
        start_new_session=True,
    )
    return Process(popen, output)


def _role(child: psutil.Process) -> str:
    """`step` for a process that executes one, by its command line and its parent's."""
    try:
        line = " ".join(child.cmdline())
        parent = child.parent()
        parent_line = " ".join(parent.cmdline()) if parent else ""
    except psutil.NoSuchProcess:
        return ""
    # The fork server's children carry its command line; what a step starts itself carries its own.
    forked = "forkserver" in line and "forkserver" in parent_line
    return "step" if "spawn_main" in line or forked else ""
