"""No value that PostgreSQL holds stops a week, a check or a command, whichever column it stands in."""

from pathlib import Path

import pytest

from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.cli.test_errors import matchme
from matchme_pipeline_tests.materialising import WEEKS, materialise
from matchme_pipeline_tests.operations.hostile_rows import plant


@pytest.fixture
def hostile_url(finished_url: str) -> str:
    """Finished weeks, then odd values in every column that the app or a member writes."""
    with connect(finished_url) as connection:
        planted = plant(connection)
    # Most of what was tried must have got in, or the tests below would try nothing.
    assert sum(planted.values()) > 1_000
    return finished_url


def test_a_week_of_hostile_rows_finishes_and_names_who_failed(hostile_url: str):
    result = materialise(hostile_url, WEEKS[-1], raise_on_error=False)
    assert result.success
    with connect(hostile_url) as connection:
        failed = connection.execute(
            "select job_type, last_error from batch_processing_queue where week = %s and status in ('failed', 'retry')",
            [WEEKS[-1].sunday],
        ).fetchall()
        published = connection.execute(
            "select count(*) from weekly_matches where week_start_date = %s", [WEEKS[-1].match_week]
        ).fetchone()
    assert published is not None
    assert published[0] > 0
    assert all(error for _, error in failed)


def test_the_commands_show_hostile_rows(hostile_url: str, tmp_path: Path):
    with connect(hostile_url) as connection:
        members = [
            row for (row,) in connection.execute("select user_id from weekly_matches group by 1 order by 1 limit 3")
        ]
    calls = [
        ("status",),
        ("status", "--json"),
        ("jobs", "list", "--limit", "10000"),
        ("jobs", "list", "--limit", "10000", "--json"),
        ("estimate", "--week", WEEKS[-1].key),
        *(("matches", member) for member in members),
    ]
    for call in calls:
        result = matchme(
            *call, cwd=tmp_path, MATCHME_DATABASE_URL=hostile_url, MATCHME_LLM="local", MATCHME_FIRST_WEEK="2026-01-04"
        )
        # The status of a week with failures is for a monitor: 1.
        expected = (0, 1) if call == ("status",) else (0,)
        assert result.returncode in expected, (call, result.stderr[-2000:])
        assert "Traceback" not in result.stderr
        assert "Traceback" not in result.stderr
