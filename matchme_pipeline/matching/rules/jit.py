"""Compiles the rules of matching: once, cached on disk, with strict IEEE arithmetic."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba import config, njit

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_UNWRAPPED: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_Function = TypeVar("_Function", bound=Callable[..., Any])


def entry(function: _Function) -> _Function:
    """Compile a function that Python calls."""
    compiled: _Function = njit(**_OPTIONS)(function)
    return compiled


def rule(function: _Function) -> _Function:
    """Compile a function that only compiled code calls; without a Python wrapper this takes half the time.

    `plain` returns a function that Python can call.
    """
    compiled: _Function = njit(**_UNWRAPPED)(function)
    return compiled


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule's plain Python function, which also takes arrays; the rule itself if nothing is compiled."""
    found: Callable[..., Any] = getattr(function, "py_func", function)
    return found


def cache_folder(sources: Path) -> Path:
    """The cache folder for code compiled from `sources`; each state of all the modules has its own folder.

    numba only checks the module of the function itself. Without this folder, a changed rule of another module would
    survive in cached code, and some members would get the old score.
    """
    digest = hashlib.sha256(numba.__version__.encode())
    for module in sorted(sources.rglob("*.py")):
        digest.update(module.relative_to(sources).as_posix().encode() + b"\0" + module.read_bytes())
    name = f"rules-{digest.hexdigest()[:16]}"
    beside = sources / "__pycache__" / name
    with suppress(OSError):
        beside.mkdir(parents=True, exist_ok=True)
    if os.access(beside, os.W_OK):
        return beside
    # The installation is read-only.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matchme" / name


config.CACHE_DIR = str(cache_folder(Path(__file__).parents[1]))  # type: ignore[attr-defined]
