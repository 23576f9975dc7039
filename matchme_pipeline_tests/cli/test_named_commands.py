"""Commands that messages and documents name exist, with the options that stand beside them."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from matchme_pipeline.cli.main import app

ROOT = Path(__file__).parents[2]
PLACES = [
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "deploy").rglob("*.*")),
    *sorted((ROOT / "matchme_pipeline" / "operations").rglob("*.py")),
    *sorted((ROOT / "matchme_pipeline" / "cli").rglob("*.py")),
    *sorted((ROOT / "matchme_pipeline" / "api").rglob("*.html")),
]
NAMED = re.compile(r"(?:`|\bin/|: |then |; )matchme ((?:[a-z][a-z-]*)(?: [^`\"\n;,)|]*)?)")
# A line of a code block, up to a comment or a column of explanations.
LINE = re.compile(r"^matchme ((?:[^\s#]+ ?)+)", re.MULTILINE)


def commands_in(text: str) -> Iterator[list[str]]:
    for found in NAMED.findall(text):
        yield found.split("…")[0].split()
    for line in LINE.findall(text):
        yield from alternatives(re.sub(r"[][]", "", line).split())


def alternatives(words: list[str]) -> Iterator[list[str]]:
    """The commands of `db migrate|status` and of `run --week D | --from D`."""
    if "|" in words:
        cut = words.index("|")
        yield from alternatives(words[:cut])
        yield from alternatives([*words[:1], *words[cut + 1 :]])
        return
    choice = next((place for place, word in enumerate(words) if "|" in word and not word.startswith("-")), None)
    if choice is None:
        yield words
        return
    for one in words[choice].split("|"):
        yield [*words[:choice], one, *words[choice + 1 :]]


def unknown(words: list[str]) -> str | None:
    """What of a command line the program does not know; None where it knows all of it."""
    command: Any = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        if words[0] not in command.commands:
            return words[0]
        command, words = command.commands[words[0]], words[1:]
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    return next(
        (word for word in words if word.startswith("--") and word.split("=")[0] not in {*options, "--help"}), None
    )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: str(place.relative_to(ROOT)))
def test_commands_that_are_named_exist(place: Path):
    wrong = [words for words in commands_in(place.read_text("utf-8")) if unknown(list(words)) is not None]
    assert wrong == []


def test_the_check_sees_what_is_wrong():
    assert unknown(["jobs", "retry", "--status", "failed"]) == "--status"
    assert unknown(["jobs", "lost"]) == "lost"
    assert unknown(["run", "--week", "2026-01-04"]) is None
    assert list(commands_in("then `matchme run --week D`.")) == [["run", "--week", "D"]]
    assert list(commands_in("matchme run --week D | --from D   one week")) == [
        ["run", "--week", "D"],
        ["run", "--from", "D"],
    ]
    assert list(commands_in("matchme db lost|status   text")) == [["db", "lost"], ["db", "status"]]
