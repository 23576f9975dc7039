"""Repairs of the app's own objects: files that an operator reads and applies, never part of `migrate`."""

from pathlib import Path

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError


def repairs(folder: Path) -> dict[str, str]:
    """The SQL of every repair by its name, in order."""
    return {path.stem: path.read_text("utf-8") for path in sorted(folder.glob("*.sql"))}


def purpose(statement: str) -> str:
    """The purpose of a repair: the comment at its beginning."""
    lines = (line for line in statement.splitlines())
    comment = []
    for line in lines:
        if not line.startswith("--"):
            break
        comment.append(line.removeprefix("--").strip())
    return " ".join(comment)


def repair_named(folder: Path, name: str) -> str:
    """The SQL of one repair. Raises ConfigurationError for an unknown name."""
    known = repairs(folder)
    if name not in known:
        raise ConfigurationError(f"There is no repair '{name}'. There are: {', '.join(known)}.")
    return known[name]


def apply(connection: Connection, statement: str) -> None:
    """Run a repair in one transaction."""
    with connection.transaction():
        connection.execute(statement.encode())
