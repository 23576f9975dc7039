"""`make mutants`: change the pure rules one place at a time, and count how often their tests notice.

cosmic-ray makes the mutants. Each is written into a copy of the checkout and tested in a forked process, which finds
all libraries already loaded. Compiled rules run as plain Python (NUMBA_DISABLE_JIT).
"""

import argparse
import gc
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import unified_diff
from importlib import import_module
from pathlib import Path

import hypothesis
import pytest
from cosmic_ray.ast import get_ast
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.plugins import get_operator, operator_names

from matchme_pipeline_tests.mutants.groups import GROUPS, Group

ROOT = Path(__file__).parents[2]
COPIED = ("matchme_pipeline", "matchme_pipeline_tests", "sql", "pyproject.toml")
# A union in a type is no rule; caches and compilation change no result; a name swapped for another says little.
_LEFT_OUT = ("ReplaceBinaryOperator_BitOr", "RemoveDecorator", "Variable", "ExceptionReplacer")
_OURS = ("matchme_pipeline", "matchme_pipeline_tests")
# The share of mutants that the tests of a group must notice.
MIN_KILLED = 0.85
MIN_LIMIT_SECONDS = 20.0
# Examples of each property at first; a mutant that survives them meets all.
FEW_EXAMPLES = 12


def main() -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"of: {', '.join(GROUPS)}")
    parser.add_argument("--sample", type=int, default=150, help="mutants of each group, drawn by a fixed seed")
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=9.0, help="for each group; what is left is not tried")
    wanted = parser.parse_args()
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    hypothesis.settings.register_profile(
        "mutants",
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.explicit, hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    folder = Path(tempfile.mkdtemp(prefix="matchme-mutants-"))
    try:
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, folder / name)
        shares = [report(name, GROUPS[name], folder, wanted) for name in wanted.groups or GROUPS]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(any(share < MIN_KILLED for share in shares))


def report(name: str, group: Group, folder: Path, wanted: argparse.Namespace) -> float:
    """Try a group's mutants, print the survivors and the figures; returns the share that was killed."""
    if not passes(folder, group, limit_seconds=600, is_first=True):
        sys.exit(f"The tests of '{name}' fail on the unchanged rules: {', '.join(group.tests)}")
    load_libraries((folder / "libraries").read_text("utf-8").split())
    for module in group.modules:
        # A module that is written twice within a second must not be taken from its bytecode.
        for compiled in (folder / "matchme_pipeline" / module).parent.glob(f"__pycache__/{Path(module).stem}.*.pyc"):
            compiled.unlink()
    started = time.monotonic()
    passes(folder, group, limit_seconds=600)
    limit_seconds = max(MIN_LIMIT_SECONDS, 5 * (time.monotonic() - started))
    found = [(module, code) for module in group.modules for code in mutants(folder / "matchme_pipeline" / module)]
    drawn = random.Random(wanted.seed).sample(found, min(wanted.sample, len(found)))
    # Making thousands of mutants takes minutes, which are not those of trying them.
    started = time.monotonic()
    killed = tried = 0
    for module, code in drawn:
        if time.monotonic() - started > 60 * wanted.minutes:
            break
        tried += 1
        path = folder / "matchme_pipeline" / module
        original = path.read_text("utf-8")
        path.write_text(code, "utf-8")
        if passes(folder, group, limit_seconds, examples=FEW_EXAMPLES) and passes(folder, group, limit_seconds):
            lines = unified_diff(original.splitlines(), code.splitlines(), module, "survived", "", "", 0, "")
            print("\n".join(line for line in lines if line[:3] not in ("+++",)), flush=True)
        else:
            killed += 1
        path.write_text(original, "utf-8")
    share = killed / tried if tried else 0.0
    print(
        f"| {name} | {len(found):,} | {tried:,} | {killed:,} | {tried - killed:,} | {100 * share:.1f} % |", flush=True
    )
    return share


def mutants(path: Path) -> Iterator[str]:
    """The source of every mutant of a module that is still Python, each once."""
    source = path.read_text("utf-8")
    seen = {source}
    for name in operator_names():
        if any(part in name for part in _LEFT_OUT):
            continue
        operator = get_operator(name)()
        for occurrence in range(_occurrences(source, operator)):
            code = MutationVisitor.mutate_code(source, operator, occurrence)
            if code is None or code in seen:
                continue
            seen.add(code)
            with suppress(SyntaxError):
                compile(code, str(path), "exec", dont_inherit=True)
                yield code


def _occurrences(source: str, operator: object) -> int:
    counter = MutationVisitor(-1, operator)
    counter.walk(get_ast(source))
    return counter._count


def load_libraries(names: Iterable[str]) -> None:
    """Import the modules `names`, so that forked processes need not."""
    for name in names:
        with suppress(Exception):
            import_module(name)
    # Forked processes then share these objects' memory.
    gc.freeze()


class FewExamples:
    """A pytest plugin that limits the examples of each property."""

    def __init__(self, most: int) -> None:
        self.most = most

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Lower the number of examples where a test asks for more."""
        for item in items:
            test = getattr(getattr(item, "obj", None), "__func__", getattr(item, "obj", None))
            own = getattr(test, "_hypothesis_internal_use_settings", None)
            if own is not None and own.max_examples > self.most:
                test._hypothesis_internal_use_settings = hypothesis.settings(own, max_examples=self.most)


def passes(
    folder: Path, group: Group, limit_seconds: float, *, examples: int | None = None, is_first: bool = False
) -> bool:
    """Whether the group's tests pass on the rules in `folder`, within the time, with so many `examples` a property.

    The first time, the bytecode is kept, and the names of the libraries are written to `folder`.
    """
    child = os.fork()
    if child == 0:
        _test(folder, group, examples, is_first)
    end = time.monotonic() + limit_seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def _test(folder: Path, group: Group, examples: int | None, is_first: bool) -> None:
    """In the forked process: run the tests of the copy, and end."""
    os.setsid()
    os.chdir(folder)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for name in [name for name in sys.modules if name.split(".")[0] in _OURS]:
        del sys.modules[name]
    sys.dont_write_bytecode = not is_first
    sys.path.insert(0, str(folder))
    code = 1
    try:
        tests = [f"matchme_pipeline_tests/{test}" for test in group.tests]
        options = ["-x", "-q", "-p", "no:randomly", "--hypothesis-profile=mutants", "--hypothesis-seed=0"]
        if group.left_out:
            options += ["-k", f"not ({group.left_out})"]
        plugins = [FewExamples(examples)] if examples is not None else []
        code = pytest.main([*options, *tests], plugins=plugins)
        if is_first:
            libraries = [name for name in sys.modules if name.split(".")[0] not in _OURS]
            (folder / "libraries").write_text("\n".join(libraries), "utf-8")
    finally:
        os._exit(int(code))


if __name__ == "__main__":
    main()
