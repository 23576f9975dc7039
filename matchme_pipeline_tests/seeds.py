"""`make seeds`: run every property test with many Hypothesis seeds; a red seed is a defect.

The test files are found by what they import. Each seed runs in a process of its own, and only the property tests.
"""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
_IMPORTS = re.compile(r"^(?:from|import) (?:hypothesis|schemathesis)\b", re.MULTILINE)
# What a test uses that needs the embedded server.
_SERVER = "postgres_url"


class Chosen:
    """A pytest plugin that keeps the property tests, with a database or without one."""

    def __init__(self, database: bool | None) -> None:
        """`database`: only tests that use one, or only those that do not; None for all."""
        self.database = database

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect every other test."""
        # A file without a marked test states its properties within a function: all of its tests count.
        marked = {item.path for item in items if item.get_closest_marker("hypothesis") is not None}
        kept = [item for item in items if self._is_wanted(item, item.path in marked)]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def _is_wanted(self, item: pytest.Item, is_file_marked: bool) -> bool:
        is_property = item.get_closest_marker("hypothesis") is not None or not is_file_marked
        uses_database = _SERVER in getattr(item, "fixturenames", ())
        return is_property and self.database in (None, uses_database)


def property_files() -> list[Path]:
    """The files with property tests, by name."""
    return [path for path in sorted(TESTS.rglob("test_*.py")) if _IMPORTS.search(path.read_text("utf-8"))]


def main() -> None:
    """Run the seeds and print one line for each; the exit status is the number of red ones."""
    parser = argparse.ArgumentParser(prog="make seeds", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="test files; default: all with property tests")
    parser.add_argument("--seeds", type=int, default=20, help="seeds 1 to this number")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--database", action="store_const", const=True, help="only tests with a database")
    kind.add_argument("--pure", dest="database", action="store_const", const=False, help="only tests without one")
    parser.add_argument("--run", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    files = [str(path) for path in wanted.files or property_files()]
    if wanted.run is not None:
        options = ["-q", "-p", "no:cacheprovider", f"--hypothesis-seed={wanted.run}", "--no-header", "--tb=short"]
        sys.exit(pytest.main([*options, *files], plugins=[Chosen(wanted.database)]))
    print(f"{len(files)} files with property tests:", *(Path(name).stem for name in files), flush=True)
    red = 0
    for seed in range(wanted.first, wanted.seeds + 1):
        started = time.monotonic()
        result = subprocess.run(
            [sys.executable, "-m", "matchme_pipeline_tests.seeds", *sys.argv[1:], "--run", str(seed)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        lines = result.stdout.strip().splitlines() or [result.stderr.strip()[-500:]]
        red += result.returncode != 0
        print(f"seed {seed}: {lines[-1]} ({time.monotonic() - started:.0f} s)", flush=True)
        if result.returncode != 0:
            print(result.stdout[-6_000:], flush=True)
    sys.exit(red)


if __name__ == "__main__":
    main()
