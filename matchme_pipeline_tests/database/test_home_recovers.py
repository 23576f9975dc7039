"""A home that is deleted, moved, copied or damaged, at rest or under its server, serves the next command."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.embedded import EmbeddedServer
from matchme_pipeline.database.postmasters import end, postmasters
from matchme_pipeline.errors import DatabaseUnavailableError


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="matchme-home-"))
    yield path
    for server in postmasters():
        if path in server.cwd.parents or path in server.started_for.parents:
            end(server, 10)
    shutil.rmtree(path, ignore_errors=True)


def works(home: Path, *, durable: bool = False) -> None:
    """A table can be made and read; exactly one server works in the folder."""
    with connect(EmbeddedServer(home, durable=durable).ensure_running(), vectors=False) as connection:
        connection.execute("create table if not exists kept (id integer)")
        connection.execute("insert into kept values (1)")
        assert connection.execute("select count(*) > 0 from kept").fetchone() == (True,)
    assert len([server for server in postmasters() if home / "postgres" in (server.cwd, server.started_for)]) == 1


def delete_all(home: Path) -> None:
    shutil.rmtree(home)


def delete_data(home: Path) -> None:
    shutil.rmtree(home / "postgres")


def delete_socket(home: Path) -> None:
    shutil.rmtree(home / "socket")


def delete_pid_file(home: Path) -> None:
    (home / "postgres" / "postmaster.pid").unlink()


def empty_version(home: Path) -> None:
    (home / "postgres" / "PG_VERSION").write_text("")


def delete_control_file(home: Path) -> None:
    (home / "postgres" / "global" / "pg_control").unlink()


def data_is_a_file(home: Path) -> None:
    shutil.rmtree(home / "postgres")
    (home / "postgres").write_text("not a folder")


def close_folders(home: Path) -> None:
    (home / "socket").chmod(0o000)


def close_everything(home: Path) -> None:
    for path in sorted(home.rglob("*"), reverse=True):
        path.chmod(0o000)
    home.chmod(0o000)


DAMAGE = [
    delete_all, delete_data, delete_socket, delete_pid_file, empty_version, delete_control_file, data_is_a_file,
    close_folders, close_everything,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_while_the_server_runs(folder: Path, damage: Callable[[Path], None]):
    home = folder / "home"
    works(home)
    damage(home)
    works(home)
    # What an orphan removes when it notices that its folder is gone must not be the new server's.
    works(home)


def test_data_without_permissions_is_opened_again(folder: Path):
    home = folder / "home"
    works(home)
    EmbeddedServer(home).stop()
    close_everything(home)
    works(home)


def test_a_damaged_log_is_named_with_its_remedy_and_nothing_is_deleted(folder: Path):
    home = folder / "home"
    works(home)
    EmbeddedServer(home).stop()
    (segment,) = (home / "postgres" / "pg_wal").glob("0*0*")
    segment.write_bytes(segment.read_bytes()[:1000])
    with pytest.raises(DatabaseUnavailableError, match=r"write-ahead log is damaged: restore a backup"):
        EmbeddedServer(home, durable=False).ensure_running()
    assert segment.stat().st_size == 1000


def test_a_link_to_nowhere_is_named(folder: Path):
    home = folder / "home"
    home.mkdir()
    (home / "postgres").symlink_to(folder / "unmounted")
    with pytest.raises(DatabaseUnavailableError, match=r"postgres is a link to .*unmounted, which does not exist"):
        EmbeddedServer(home, durable=False).ensure_running()
    (folder / "unmounted").mkdir()
    works_through_a_link(home)


def works_through_a_link(home: Path) -> None:
    with connect(EmbeddedServer(home, durable=False).ensure_running(), vectors=False) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_a_pid_file_of_another_program_stops_nothing(folder: Path):
    home = folder / "home"
    works(home)
    EmbeddedServer(home).stop()
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (home / "postgres" / "postmaster.pid").write_text(f"{other.pid}\n{home / 'postgres'}\n")
        works(home)
        assert psutil.pid_exists(other.pid)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.parametrize("content", ["", "garbage", "-5\n", "99999999\n"])
def test_a_pid_file_of_nonsense_stops_nothing(folder: Path, content: str):
    home = folder / "home"
    works(home)
    EmbeddedServer(home).stop()
    (home / "postgres" / "postmaster.pid").write_text(content)
    works(home)


def test_a_home_that_moves_under_its_server_goes_on_in_its_new_place(folder: Path):
    old, new = folder / "old", folder / "new"
    # The moved server cannot shut down in order, so that its data is what has reached the disk.
    works(old, durable=True)
    old.rename(new)
    works(new, durable=True)
    with connect(EmbeddedServer(new).ensure_running(), vectors=False) as connection:
        assert connection.execute("select count(*) from kept").fetchone() == (2,)
    # A new home may begin where the old one was.
    works(old)
    works(new)


def test_a_copy_of_a_running_home_is_a_home_of_its_own(folder: Path):
    first, copy = folder / "first", folder / "copy"
    works(first)
    with connect(EmbeddedServer(first).ensure_running(), vectors=False) as connection:
        connection.execute("checkpoint")
    shutil.copytree(first, copy, ignore=lambda _, names: [name for name in names if name.startswith(".s.PGSQL")])
    works(copy)
    works(first)


def test_a_start_that_was_killed_half_way_is_begun_again(folder: Path):
    home = folder / "home"
    (home / "postgres.new" / "base").mkdir(parents=True)
    works(home)


def test_nothing_of_a_home_is_open_to_other_users(folder: Path):
    home = folder / "home"
    works(home)
    assert home.stat().st_mode & 0o066 == 0
    for path in home.iterdir():
        assert path.lstat().st_mode & 0o077 == 0, path
