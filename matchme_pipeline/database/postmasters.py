"""PostgreSQL servers on this machine: their folders, and a way to end one reliably."""

import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True)
class Postmaster:
    """A running server: `cwd` is its current folder, `started_for` the folder that it was started with.

    They differ if the folder was moved.
    """

    pid: int
    cwd: Path
    started_for: Path


def postmasters() -> list[Postmaster]:
    """The servers of this machine whose folders this process may read."""
    found = []
    for process in psutil.process_iter(["name"]):
        # The name alone for most processes: reading a command line costs a system call each.
        if process.info["name"] not in ("postgres", "postmaster"):
            continue
        try:
            command = process.cmdline()
            place = command.index("-D") if "-D" in command[1:] else -1
            if place < 0 or place + 1 >= len(command):
                continue
            found.append(Postmaster(process.pid, Path(process.cwd()), Path(command[place + 1])))
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def end(server: Postmaster, seconds: float) -> None:
    """End a server and its children: by a regular shutdown first, by force after `seconds`."""
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        try:
            process = psutil.Process(server.pid)
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
        if _has_ended(process, seconds):
            return


def _has_ended(process: psutil.Process, seconds: float) -> bool:
    """Does a process end within `seconds`? A zombie process has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False
