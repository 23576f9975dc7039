"""Code versions of assets: of formulas by their source, and of prompts, which have their own versions.

Dagster marks an asset if its code version differs from that of its last materialisation.
"""

from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable


def code_version(*parts: str) -> str:
    """One version of `parts`, which are versions themselves; the same on every machine."""
    return sha256("\n".join(parts).encode()).hexdigest()[:12]


def formula_version(*names: str) -> str:
    """The version of modules and packages of this project by their source, without lines of comment.

    `names` are relative to `matchme_pipeline` ("dna.rarity", "matching.rules"). Nothing is imported. Raises
    FileNotFoundError for a name that is neither.
    """
    return code_version(*(part for name in names for part in _sources(name)))


def _sources(name: str) -> Iterator[str]:
    root = resources.files("matchme_pipeline")
    found = root.joinpath(*name.split("."))
    if found.is_dir():
        yield from (part for file in _files_of(found) for part in _lines(file))
        return
    *folders, module = name.split(".")
    yield from _lines(root.joinpath(*folders, f"{module}.py"))


def _files_of(folder: Traversable) -> list[Traversable]:
    return sorted(
        (file for file in folder.iterdir() if file.name.endswith((".py", ".sql"))), key=lambda file: file.name
    )


def _lines(file: Traversable) -> Iterator[str]:
    yield file.name
    lines = (line.rstrip() for line in file.read_text("utf-8").splitlines())
    yield from (line for line in lines if line and not line.lstrip().startswith("#"))
