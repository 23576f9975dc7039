"""`matchme models`: what is listed and shown, what an operator may choose, and what is refused."""

import json
from pathlib import Path
from typing import Any

from matchme_pipeline.database.connection import Connection
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme
from matchme_pipeline_tests.matching.match_models.answering import WEEKS, Answering
from matchme_pipeline_tests.matching.match_models.test_weekly_learning import LEAST, MODEL, even, learn_week

FIRST, SECOND = (str(week.sunday) for week in WEEKS[:2])


def said(url: str, cwd: Path, *arguments: str) -> str:
    result = matchme("models", *arguments, cwd=cwd, MATCHME_DATABASE_URL=url, MATCHME_FIRST_WEEK="2026-01-04")
    assert result.returncode == 0, result.stderr
    return result.stdout


def states(url: str, cwd: Path) -> dict[str, Any]:
    return {row["week"]: (row["state"], row["state_by"]) for row in json.loads(said(url, cwd, "list", "--json"))}


def test_an_operator_lists_shows_and_chooses_versions(app_database: Connection, app_database_url: str, tmp_path: Path):
    assert "no version has been trained" in said(app_database_url, tmp_path, "list")
    people = Answering(each=60)
    for week in WEEKS[:2]:
        people.answer_week(app_database, week)
        learn_week(app_database, week, MODEL, LEAST, even)
    table = said(app_database_url, tmp_path, "list")
    assert FIRST in table
    assert "scored by the untrained score" in table
    assert states(app_database_url, tmp_path) == {FIRST: ("shadow", "pipeline"), SECOND: ("shadow", "pipeline")}
    shown = said(app_database_url, tmp_path, "show", SECOND)
    assert "tendency" in shown
    assert "user_" not in shown
    assert json.loads(said(app_database_url, tmp_path, "show", FIRST, "--json"))["shown_pairs"] == 300

    said(app_database_url, tmp_path, "activate", FIRST, "--by", "Ines")
    assert states(app_database_url, tmp_path)[FIRST] == ("active", "Ines")
    said(app_database_url, tmp_path, "pin", SECOND, "--by", "Ines")
    assert states(app_database_url, tmp_path) == {FIRST: ("retired", "Ines"), SECOND: ("pinned", "Ines")}
    assert f"scored by version {SECOND}" in said(app_database_url, tmp_path, "list")
    said(app_database_url, tmp_path, "unpin", "--by", "Omar")
    assert states(app_database_url, tmp_path)[SECOND] == ("active", "Omar")
    assert "untrained score" in said(app_database_url, tmp_path, "rollback", "--by", "Omar")
    assert states(app_database_url, tmp_path)[SECOND] == ("retired", "Omar")


def test_what_cannot_be_chosen_is_refused_in_one_sentence(
    app_database: Connection, app_database_url: str, tmp_path: Path
):
    def refused(*arguments: str) -> Any:
        return matchme("models", *arguments, cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url)

    fails_with(refused("activate", "2026-02-30"), "2026-02-30", "matchme models list", code=2)
    fails_with(refused("show", FIRST), FIRST, "matchme models list")
    fails_with(refused("rollback"), "untrained score", "matchme models list")
    fails_with(refused("unpin"), "no version is pinned")
    Answering(each=60).answer_week(app_database, WEEKS[0])
    learn_week(app_database, WEEKS[0], MODEL, LEAST, even)
    app_database.execute("update match_models set factors_version = 'c1'")
    fails_with(refused("pin", FIRST), FIRST, "c1")
