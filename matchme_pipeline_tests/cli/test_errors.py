"""Bad input to the command: one clear sentence, a non-zero exit, no traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster_postgres.utils import DagsterPostgresException
from sqlalchemy.exc import OperationalError

from matchme_pipeline.cli import main
from matchme_pipeline.database.connection import connect, with_database


def matchme(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MATCHME_", "OPENAI_"))}
    return subprocess.run(
        [sys.executable, "-m", "matchme_pipeline.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=cwd,
        env={**clean, "COLUMNS": "200", **environment},
    )


def fails_with(result: subprocess.CompletedProcess[str], *words: str, code: int = 1) -> None:
    assert result.returncode == code, (result.returncode, result.stdout, result.stderr)
    assert "Traceback" not in result.stderr
    sentences = [line for line in result.stderr.splitlines() if line.startswith("matchme: ")]
    assert len(sentences) == 1, result.stderr
    for word in words:
        assert word in sentences[0]


UNREACHABLE = "postgresql://someone:secret@127.0.0.1:1/nowhere"


@pytest.mark.parametrize(
    "arguments", [("status",), ("db", "migrate"), ("run", "--week", "2026-01-11"), ("matches", "user_x"), ("seed",)]
)
def test_an_unreachable_database(tmp_path: Path, arguments: tuple[str, ...]):
    result = matchme(*arguments, cwd=tmp_path, MATCHME_DATABASE_URL=UNREACHABLE)
    fails_with(result, "127.0.0.1:1/nowhere", "MATCHME_DATABASE_URL")
    assert "secret" not in result.stderr + result.stdout


def test_a_malformed_env_file(tmp_path: Path):
    (tmp_path / ".env").write_text("MATCHME_LLM=local\nthis line is no assignment\n")
    fails_with(matchme("status", cwd=tmp_path), ".env, line 2")


def test_a_wrong_setting(tmp_path: Path):
    fails_with(matchme("run", "--week", "2026-01-11", cwd=tmp_path, MATCHME_LLM="oracle"), "MATCHME_LLM")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--week", "2126-01-06"), ("2126-01-06", "is not over", "newest week")),
        (("--week", "2026-01-12"), ("2026-01-12", "Monday")),
        (("--week", "someday"), ("someday", "YYYY-MM-DD")),
        (("--week", "2025-12-28"), ("2025-12-28", "MATCHME_FIRST_WEEK")),
    ],
)
def test_a_week_that_cannot_be_run(tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]):
    result = matchme("run", *arguments, cwd=tmp_path, MATCHME_DATABASE_URL=UNREACHABLE, MATCHME_FIRST_WEEK="2026-01-04")
    fails_with(result, *words)


def test_a_database_without_the_apps_tables(tmp_path: Path, empty_database_url: str):
    fails_with(matchme("db", "migrate", cwd=tmp_path, MATCHME_DATABASE_URL=empty_database_url), "--with-app-tables")


def test_a_database_without_migrations(tmp_path: Path, empty_database_url: str):
    result = matchme("status", cwd=tmp_path, MATCHME_DATABASE_URL=empty_database_url)
    fails_with(result, "matchme db migrate")


def test_a_member_whom_nobody_knows(tmp_path: Path, app_database_url: str):
    result = matchme("matches", "user_nobody", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url)
    fails_with(result, "user_nobody")


def test_a_missing_extension(tmp_path: Path, postgres_url: str, app_database_url: str):
    url = with_database(postgres_url, app_database_url.split("/")[-1].split("?")[0])
    with connect(url, vectors=False) as connection:
        connection.execute("drop extension vector cascade")
    result = matchme("matches", "user_x", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url)
    fails_with(result, "pgvector", "create extension vector")


def test_migrating_an_empty_database_by_hand(tmp_path: Path, empty_database_url: str):
    first = matchme("db", "migrate", "--with-app-tables", cwd=tmp_path, MATCHME_DATABASE_URL=empty_database_url)
    assert first.returncode == 0, first.stderr
    assert "applied 001_vector" in first.stdout
    second = matchme("db", "migrate", cwd=tmp_path, MATCHME_DATABASE_URL=empty_database_url)
    assert "nothing to apply" in second.stdout


def test_a_home_that_cannot_be_made(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    result = matchme("status", cwd=tmp_path, MATCHME_HOME=str(tmp_path / "file" / "home"))
    fails_with(result, str(tmp_path / "file"), "MATCHME_HOME")


def test_a_storage_of_dagsters_that_does_not_answer(tmp_path: Path, app_database_url: str):
    result = matchme(
        "doctor", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_DAGSTER_DATABASE_URL=UNREACHABLE
    )
    assert result.returncode == 1
    assert "MATCHME_DAGSTER_DATABASE_URL" in result.stdout
    assert "Traceback" not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "lost", [OperationalError("select 1", {}, Exception("server closed")), DagsterPostgresException("too many retries")]
)
def test_a_storage_that_is_lost_while_a_command_works_is_one_sentence(
    lost: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def ended(**_: object) -> None:
        raise lost

    monkeypatch.setattr(main, "app", ended)
    with pytest.raises(SystemExit) as exit:
        main.main()
    assert exit.value.code == 1
    assert "Dagster's storage does not answer any more: " in capsys.readouterr().err


def test_an_error_of_the_product_itself_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch):
    def ended(**_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(main, "app", ended)
    with pytest.raises(RuntimeError):
        main.main()
