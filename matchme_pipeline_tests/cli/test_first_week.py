"""Without MATCHME_FIRST_WEEK the first week is the one in which the app's data begin, and stays."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.operations.first_week import first_week_of_data
from matchme_pipeline_tests.cli.test_errors import matchme


def join(connection: Connection, *moments: str | datetime) -> None:
    for n, moment in enumerate(moments):
        connection.execute(
            "insert into profiles (clerk_user_id, first_name, created_at) values (%s, 'A', %s)",
            [f"u{moment}{n}", moment],
        )


def missing_weeks(url: str, home: Path) -> list[str]:
    environment: dict[str, Any] = {"MATCHME_DATABASE_URL": url, "MATCHME_FIRST_WEEK": "", "MATCHME_HOME": str(home)}
    result = matchme("status", "--json", cwd=home, **environment)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["missing_weeks"]


@pytest.mark.parametrize(
    ("joined", "first"),
    [
        (("2026-06-10 12:00Z",), date(2026, 6, 7)),
        # A week begins on Sunday at two.
        (("2026-06-14 01:59:59Z",), date(2026, 6, 7)),
        (("2026-06-14 02:00Z",), date(2026, 6, 14)),
        (("2026-06-20 23:00-04:00", "2026-07-01Z"), date(2026, 6, 21)),
        (("infinity", "2126-01-01Z", "2026-06-10Z"), date(2026, 6, 7)),
        (("-infinity", "0044-01-01 BC", "1970-01-01Z", "2026-06-10Z"), date(2026, 6, 7)),
        (("-infinity",), None),
        ((), None),
    ],
)
def test_the_first_week_is_the_one_in_which_the_first_member_joined(
    app_database: Connection, joined: tuple[str, ...], first: date | None
):
    join(app_database, *joined)
    assert first_week_of_data(app_database) == first


def test_one_odd_row_does_not_put_the_first_week_years_back(app_database: Connection):
    join(app_database, "2003-01-01Z", *(datetime(2026, 6, 10, 1, n % 60, n // 60, tzinfo=UTC) for n in range(200)))
    assert first_week_of_data(app_database) == date(2026, 6, 7)


def test_what_was_shared_before_the_first_member_joined_counts(app_database: Connection):
    join(app_database, "2026-06-10Z")
    user = "u2026-06-10Z0"
    app_database.execute(
        "insert into posts (clerk_user_id, caption, created_at) values (%s, 'x', '2026-05-04Z')", [user]
    )
    assert first_week_of_data(app_database) == date(2026, 5, 3)


def test_the_command_lists_the_weeks_from_the_first_member_on_and_remembers(app_database_url: str, tmp_path: Path):
    with connect(app_database_url) as connection:
        join(connection, "2026-10-10 12:00Z")
    assert missing_weeks(app_database_url, tmp_path)[0] == "2026-10-04"
    with connect(app_database_url) as connection:
        join(connection, "2026-09-10 12:00Z")
    assert missing_weeks(app_database_url, tmp_path)[0] == "2026-10-04"


def test_a_week_before_the_first_member_is_refused_by_name(app_database_url: str, tmp_path: Path):
    with connect(app_database_url) as connection:
        join(connection, "2026-10-10 12:00Z")
    result = matchme(
        "run", "--week", "2026-09-27", cwd=tmp_path, MATCHME_DATABASE_URL=app_database_url, MATCHME_FIRST_WEEK="",
        MATCHME_HOME=str(tmp_path),
    )  # fmt: skip
    assert result.returncode == 1
    assert "2026-10-04 (MATCHME_FIRST_WEEK)" in result.stderr
