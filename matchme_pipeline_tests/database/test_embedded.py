"""The embedded server: starts where the path is long or has a space, survives a kill, keeps strangers out."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from matchme_pipeline.database import embedded
from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.errors import DatabaseUnavailableError


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not pytest's tmp_path: its parents are closed to the user that the server runs as when the tests run as root.
    path = Path(tempfile.mkdtemp(prefix="matchme-embedded-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.mark.parametrize("name", ["plain", "with a space and 'quotes'", "long-" + "x" * 120])
def test_it_starts_under_any_path(folder: Path, name: str):
    server = EmbeddedServer(folder / name, durable=False)
    url = server.ensure_running()
    try:
        with connect(url, vectors=False) as connection:
            connection.execute("create extension vector")
            assert connection.execute("select '[1,2]'::vector <=> '[1,2]'::vector").fetchone() == (0.0,)
    finally:
        assert server.stop()
    assert not server.is_running()


def test_it_comes_back_with_its_data_after_a_crash(folder: Path):
    server = EmbeddedServer(folder)
    url = server.ensure_running()
    with connect(url, vectors=False) as connection:
        connection.execute("create table kept (id integer)")
        connection.execute("insert into kept values (7)")
    server.kill()
    assert server.ensure_running() == url
    try:
        with connect(url, vectors=False) as connection:
            assert connection.execute("select id from kept").fetchall() == [(7,)]
    finally:
        server.stop()


def test_starting_twice_is_starting_once(folder: Path):
    first, second = EmbeddedServer(folder, durable=False), EmbeddedServer(folder, durable=False)
    try:
        assert first.ensure_running() == second.ensure_running()
    finally:
        first.stop()


def test_its_socket_is_closed_to_other_users(folder: Path):
    server = EmbeddedServer(folder, durable=False)
    server.ensure_running()
    try:
        sockets = [path for path in server.socket_dir.iterdir() if path.is_socket()]
        assert len(sockets) == 1
        assert sockets[0].stat().st_mode & 0o077 == 0
        assert server.data.stat().st_mode & 0o077 == 0
    finally:
        server.stop()


def test_starting_it_runs_no_librarys_fork_handlers(folder: Path):
    """That of a matrix library waits for ever where another thread is computing, with the start's lock in its hand."""
    program = (
        "import ctypes, sys; from pathlib import Path\n"
        "from matchme_pipeline.database.embedded import EmbeddedServer\n"
        "before = ctypes.CFUNCTYPE(None)(lambda: print('a fork', flush=True))\n"
        "assert ctypes.CDLL(None).__register_atfork(before, None, None, None) == 0\n"
        "server = EmbeddedServer(Path(sys.argv[1]), durable=False); server.ensure_running(); server.stop()\n"
        "print('stopped')\n"
    )
    if not sys.platform.startswith("linux"):
        pytest.skip("fork handlers are registered by a name of the GNU library")
    result = subprocess.run([sys.executable, "-c", program, folder], capture_output=True, text=True, check=True)
    assert result.stdout == "stopped\n"


def test_a_start_that_another_process_never_ends_is_not_waited_for_for_ever(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(embedded, "_LOCK_TIMEOUT_SECONDS", 0.2)
    with (folder / "postgres.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(DatabaseUnavailableError, match=r"postgres\.lock"):
            EmbeddedServer(folder).ensure_running()
