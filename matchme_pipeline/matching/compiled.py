"""How the rules of matching are compiled: once, kept on disk, with IEEE arithmetic as it is written."""

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

_OPTIONS: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy"}
_UNWRAPPED: dict[str, Any] = {**_OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
_Function = TypeVar("_Function", bound=Callable[..., Any])


def entry(function: _Function) -> _Function:
    """Compile a function that Python calls."""
    compiled: _Function = njit(**_OPTIONS)(function)
    return compiled


def rule(function: _Function) -> _Function:
    """Compile a function that compiled code alone calls: without a wrapper for Python it takes half the time.

    Its plain Python function is `.py_func`.
    """
    compiled: _Function = njit(**_UNWRAPPED)(function)
    return compiled
