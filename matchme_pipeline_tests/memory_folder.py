"""A folder in memory for the tests' files: faster than a disk, and the tests need nothing to last."""

import os
import shutil
from pathlib import Path

import psutil

MEMORY = Path("/dev/shm")
# Two workers' servers and what a test leaves take about a gigabyte at most.
NEEDED_BYTES = 4 * 2**30


def memory_folder(folder: Path = MEMORY) -> Path | None:
    """`folder` if it has room, may be written to, and lets programs run; else None (a container may have 64 MB)."""
    try:
        flags = os.statvfs(folder).f_flag
        free = min(shutil.disk_usage(folder).free, psutil.virtual_memory().available)
    except OSError:
        return None
    usable = os.access(folder, os.W_OK | os.X_OK) and not flags & os.ST_NOEXEC and free >= NEEDED_BYTES
    return folder if usable else None
