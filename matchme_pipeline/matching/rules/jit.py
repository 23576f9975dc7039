"""How the rules of matching are compiled: once, kept on disk, with IEEE arithmetic as it is written."""

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
    """Compile a function that compiled code alone calls: without a wrapper for Python it takes half the time.

    `plain` gives what Python may call.
    """
    compiled: _Function = njit(**_UNWRAPPED)(function)
    return compiled


def plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A rule's plain Python function, which takes arrays as well; the rule itself where nothing is compiled."""
    found: Callable[..., Any] = getattr(function, "py_func", function)
    return found


def kept_in(sources: Path) -> Path:
    """Where code compiled from `sources` is kept: a folder of its own for every state of all the modules together.

    numba itself looks at the module of a function alone. A rule that changed in another module would live on in
    whatever was compiled with it, and two members would get the old score.
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
    # An installation that may not be written to.
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "matchme" / name


config.CACHE_DIR = str(kept_in(Path(__file__).parents[1]))  # type: ignore[attr-defined]
