"""The documentation names only files, settings, make targets and modules that exist, and every setting."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from matchme_pipeline.settings import Settings

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
SOURCE_FILES = [
    path.relative_to(ROOT).as_posix()
    for folder in ("matchme_pipeline", "matchme_pipeline_tests", "sql", "deploy")
    for path in (ROOT / folder).rglob("*")
] + [path.name for path in ROOT.glob("*.*")]
# A path or a file name; capitals (`NAME`, `NNN`) in a recipe stand for a name that the reader chooses.
SOURCE_FILE = re.compile(r"(?<![\w/.*-])(?:[a-z_]+/)*[a-z0-9_]+\.(?:py|sql|yaml)(?![\w*])")
FOLDER = re.compile(r"`((?:[a-z_]+/)+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")
VARIABLE = re.compile(r"\bMATCHME_[A-Z_]+\b")
MAKE_TARGET = re.compile(r"(?:`|^)make ([a-z][a-z-]*)", re.MULTILINE)
MODULE = re.compile(r"\bmatchme_pipeline(?:_tests)?(?:\.[a-z_]+)+\b")
VARIABLES = {field.alias for field in Settings.model_fields.values() if field.alias}
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def missing(page: Path, name: re.Pattern[str], exists: Callable[[str], bool]) -> set[str]:
    return {found for found in name.findall(page.read_text("utf-8")) if not exists(found)}


@each_page
def test_a_page_names_only_source_files_that_exist(page: Path):
    assert not missing(page, SOURCE_FILE, _exists), f"{page.name} names files that do not exist"


@each_page
def test_a_page_names_only_folders_that_exist(page: Path):
    folders = {f"/{Path(path).parent.as_posix()}/" for path in SOURCE_FILES}
    gone = missing(page, FOLDER, lambda folder: any(f"/{folder}" in known for known in folders))
    assert not gone, f"{page.name} names folders that do not exist"


@each_page
def test_a_page_links_only_to_pages_and_headings_that_exist(page: Path):
    for target, heading in LINK.findall(page.read_text("utf-8")):
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not heading or heading in headings(linked), f"{page.name} links to {target}#{heading}"


@each_page
def test_a_page_names_only_settings_that_exist(page: Path):
    assert not missing(page, VARIABLE, VARIABLES.__contains__), f"{page.name} names settings that do not exist"


def test_every_setting_is_on_a_page():
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert not [variable for variable in sorted(VARIABLES) if f"`{variable}`" not in text]


@each_page
def test_a_page_names_only_make_targets_that_exist(page: Path):
    assert not missing(page, MAKE_TARGET, MAKE_TARGETS.__contains__), f"{page.name} names targets that do not exist"


@each_page
def test_a_page_names_only_modules_that_exist(page: Path):
    def exists(module: str) -> bool:
        place = ROOT / module.replace(".", "/")
        return place.is_dir() or place.with_suffix(".py").exists()

    assert not missing(page, MODULE, exists), f"{page.name} names modules that do not exist"


def headings(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).strip().replace(" ", "-") for line in lines}


def _exists(name: str) -> bool:
    """Does a file of the repository have this name, or a path that ends so?"""
    return any(path == name or path.endswith(f"/{name}") for path in SOURCE_FILES)
