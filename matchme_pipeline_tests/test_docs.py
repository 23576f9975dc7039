"""The documentation names and links only files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCE_FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("matchme_pipeline", "matchme_pipeline_tests", "sql", "deploy")
    for path in (ROOT / folder).rglob("*")
] + [path.name for path in ROOT.glob("*.*")]
# A path or a file name; capitals (`NAME`, `NNN`) in a recipe stand for a name that the reader chooses.
SOURCE_FILE = re.compile(r"(?<![\w/.*-])(?:[a-z_]+/)*[a-z0-9_]+\.(?:py|sql|yaml)(?![\w*])")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_names_only_source_files_that_exist(page: Path):
    missing = {name for name in SOURCE_FILE.findall(page.read_text("utf-8")) if not _exists(name)}
    assert not missing, f"{page.name} names files that do not exist"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_links_only_to_files_that_exist(page: Path):
    targets = LINK.findall(page.read_text("utf-8"))
    assert not [target for target in targets if not (page.parent / target).exists()]


def _exists(name: str) -> bool:
    """Does a file of the repository have this name, or a path that ends so?"""
    return any(path == name or path.endswith(f"/{name}") for path in SOURCE_FILES)
