"""A server of a measurement's own, gone with all its data when that is over."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.migrations import create_app_tables, migrate


@contextmanager
def own_server() -> Iterator[EmbeddedServer]:
    """An embedded server with an empty database."""
    home = Path(tempfile.mkdtemp(prefix="matchme-bench-"))
    server = EmbeddedServer(home, durable=False)
    try:
        server.ensure_running()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


def with_tables(server: EmbeddedServer) -> str:
    """The URL of the server's database, which has the app's tables and the pipeline's now."""
    url = server.ensure_running()
    with connect(url, vectors=False) as connection:
        create_app_tables(connection, files.app_tables_dir())
        migrate(connection, files.migrations_dir())
    return url


def postmaster_of(server: EmbeddedServer) -> psutil.Process:
    """The server's first process, whose children serve the connections."""
    return psutil.Process(int((server.data / "postmaster.pid").read_text().splitlines()[0]))


def processor_seconds(postmaster: psutil.Process) -> float:
    """The CPU seconds of all the server's processes, those that have ended included."""
    own = postmaster.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for process in postmaster.children():
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return float(total)
