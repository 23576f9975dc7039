"""What the command says where nobody watches a terminal: lines of progress, one sentence for a wrong command line."""

import io
import json
import socket
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.console import Console

from matchme_pipeline.cli import candidates
from matchme_pipeline.cli.console import ProgressLines
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.matching.rules.limits import process_limits
from matchme_pipeline.matching.search.member_search import Moment
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "--wek", "2026-01-11"), ("--wek", "matchme run --help")),
        (("rum",), ("rum", "matchme --help")),
        (("jobs", "lost"), ("lost", "matchme jobs --help")),
        (("seed", "--users", "many"), ("--users", "matchme seed --help")),
        (("seed", "--users", "1"), ("--users", "matchme seed --help")),
        (("seed", "--until", "yesterday"), ("--until", "yesterday")),
        (("estimate",), ("--week", "matchme estimate --help")),
        (("matches",), ("matchme matches --help",)),
        (("dev", "--port", "70000"), ("--port", "matchme dev --help")),
        (("run", "--week"), ("--week", "--help")),
        (("run",), ("--week", "--from")),
        (("run", "--from", "2026-01-11"), ("--to",)),
        (("forget",), ("--deleted",)),
        (("jobs", "retry"), ("--all",)),
        (("run", "--week", "2026-01-11", "--from", "2026-01-11", "--to", "2026-01-11"), ("--week",)),
        (("doctor", "now"), ("now", "matchme doctor --help")),
    ],
)
def test_a_wrong_command_line_is_one_sentence_and_exit_code_2(
    tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
):
    result = matchme(*arguments, cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("matchme: ")
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_and_no_command_at_all_print_help(tmp_path: Path):
    asked = matchme("run", "--help", cwd=tmp_path)
    assert asked.returncode == 0
    assert "--only-missing" in asked.stdout
    bare = matchme(cwd=tmp_path)
    assert bare.returncode == 2
    assert "estimate" in bare.stdout + bare.stderr


@pytest.mark.parametrize("command", ["dev", "api"])
def test_a_taken_port_is_named_before_anything_is_set_up(tmp_path: Path, command: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = matchme(command, "--port", port, cwd=tmp_path)
    fails_with(result, port, "127.0.0.1", "--port")
    assert list(tmp_path.iterdir()) == []


def test_an_address_that_is_not_this_machines_is_named(tmp_path: Path):
    fails_with(matchme("api", "--host", "192.0.2.1", "--port", "8000", cwd=tmp_path), "192.0.2.1")


def catalogue(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select nspname, relname, relkind, reltuples >= 0 and relkind = 'r' from pg_namespace "
        "left join pg_class on relnamespace = pg_namespace.oid "
        "where nspname !~ '^pg_' order by 1, 2"
    ).fetchall()


def test_the_doctor_makes_nothing(app_database: Connection, app_database_url: str, tmp_path: Path):
    before = catalogue(app_database)
    result = matchme("doctor", "--json", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_LLM="local")
    findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
    assert findings["dagster"]["ok"], findings
    assert catalogue(app_database) == before
    assert list(tmp_path.iterdir()) == []


def test_the_doctor_counts_the_runs_of_a_storage_that_is_there(
    app_database: Connection, app_database_url: str, tmp_path: Path
):
    app_database.execute(
        "create schema dagster; create table dagster.runs (id int); insert into dagster.runs values (1)"
    )
    result = matchme("doctor", "--json", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_LLM="local")
    findings = {finding["subject"]: finding["detail"] for finding in json.loads(result.stdout)}
    assert findings["dagster"] == "storage answers, 1 runs"


def test_the_doctor_says_that_dagsters_storage_cannot_be_made(empty_database_url: str, tmp_path: Path):
    role = "without_" + empty_database_url.partition("/test_")[2].partition("?")[0]
    with connect(empty_database_url, vectors=False) as connection:
        connection.execute(f"create role {role} login")
        try:
            url = empty_database_url.replace("//postgres@", f"//{role}@")
            result = matchme("doctor", "--json", cwd=tmp_path, MATCHME_DATABASE_URL=url, MATCHME_LLM="local")
            findings = {finding["subject"]: finding for finding in json.loads(result.stdout)}
            assert not findings["dagster"]["ok"]
            assert "MATCHME_DAGSTER_DATABASE_URL" in findings["dagster"]["detail"]
        finally:
            connection.execute(f"drop role {role}")


def test_a_stage_is_a_line_with_its_figures_where_there_is_no_terminal():
    written = io.StringIO()
    with_lines = ProgressLines(Console(file=written, soft_wrap=True))
    posts = with_lines.add_task("posts", total=1_200, step="")
    with_lines.update(posts, completed=600, total=1_200)
    with_lines.update(posts, completed=1_200, total=1_200)
    week = with_lines.add_task("week 2026-01-11", total=2, step="")
    with_lines.update(week, step="matches: 12 pairs [of 40]")
    with_lines.advance(week)
    with_lines.update(week, step="failed")
    lines = written.getvalue().splitlines()
    assert len(lines) == 3, lines
    assert lines[0].startswith("posts  1,200/1,200")
    assert lines[1].startswith("week 2026-01-11  1/2")
    assert lines[1].endswith("matches: 12 pairs [of 40]")
    assert lines[2].endswith("failed")


def test_seeding_into_a_pipe_names_its_stages_on_standard_error(empty_database_url: str, tmp_path: Path):
    result = matchme(
        "seed", "--users", "30", "--weeks", "1", "--json", cwd=tmp_path, MATCHME_DATABASE_URL=empty_database_url
    )
    assert result.returncode == 0, result.stderr
    json.loads(result.stdout)
    assert any(line.startswith("members  30/30") for line in result.stderr.splitlines()), result.stderr
    assert "\x1b" not in result.stderr


def test_a_search_that_finds_nobody_says_why(capsys: pytest.CaptureFixture[str]):
    moment = Moment(datetime(2026, 1, 11, 2, tzinfo=UTC), date(2026, 1, 4), date(2026, 1, 11), "m", process_limits())
    candidates.show_found("user_alone", candidates.Found(moment, [], 0.5), 5)
    told = capsys.readouterr().out
    assert f"nobody is left: every member who suits was shown within {moment.limits.no_repeat_weeks} weeks" in told
