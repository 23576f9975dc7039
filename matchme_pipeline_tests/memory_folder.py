"""Folders of a test session: in memory if possible, and removed by a later session if this one is killed."""

import os
import shutil
import tempfile
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
# Two workers' servers and what a test leaves take about a gigabyte at most.
NEEDED_BYTES = 4 * 2**30
_PREFIX = "matchme-tests-"


def memory_folder(folder: Path = MEMORY) -> Path | None:
    """`folder` if it has room, may be written to, and lets programs run; else None (a container may have 64 MB)."""
    try:
        flags = os.statvfs(folder).f_flag
        free = min(shutil.disk_usage(folder).free, psutil.virtual_memory().available)
    except OSError:
        return None
    usable = os.access(folder, os.W_OK | os.X_OK) and not flags & os.ST_NOEXEC and free >= NEEDED_BYTES
    return folder if usable else None


def session_folder() -> Path:
    """A new folder that names this process as its owner."""
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def abandoned_folders() -> list[Path]:
    """The folders of test sessions whose process has ended."""
    folders = Path(tempfile.gettempdir()).glob(f"{_PREFIX}[0-9]*-*")
    return [folder for folder in folders if not psutil.pid_exists(int(folder.name[len(_PREFIX) :].split("-")[0]))]
