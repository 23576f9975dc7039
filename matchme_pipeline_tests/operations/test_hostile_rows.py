"""No value that PostgreSQL holds stops a week, a check or a command, whichever column it stands in."""

from datetime import date
from pathlib import Path

import pytest

from matchme_pipeline.api.queries import app_governance
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings import queries as embedding_queries
from matchme_pipeline.jobs import queries, week_jobs
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.matching import member_queries, pair_history_queries
from matchme_pipeline.matching.member_queries import PairRow
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.operations import first_week, missing_weeks
from matchme_pipeline.operations.situation import situation
from matchme_pipeline.settings import load_settings
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


def test_dates_beyond_the_calendar_end_no_statement_that_reckons_with_them(finished: Connection):
    """PostgreSQL cannot subtract infinite dates, nor add a week to its last day."""
    days = ("infinity", "-infinity", "5874897-12-31", "4713-01-01 BC", "294276-12-31")
    for day in days:
        for table, column in (("weekly_matches", "week_start_date"), ("batch_run_history", "week")):
            statement = f"update {table} set {column} = %s where ctid = (select min(ctid) from {table})"
            assert finished.execute(statement, [day]).rowcount == 1  # type: ignore[arg-type]
    finished.execute("update batch_run_history set status = 'completed', run_type = 'weekly_full'")
    everybody = [row.user_id for row in member_queries.members_as_of(finished, WEEKS[-1].cutoff)]
    assert len(pair_history_queries.shown_pairs(finished, WEEKS[-1].match_week, 26, everybody).pairs)
    assert missing_weeks.finished_weeks(finished) <= {week.sunday for week in WEEKS}
    missing_weeks.tries_by_week(finished)
    first = first_week.first_week_of_data(finished)
    assert first is not None
    assert 2020 < first.year <= WEEKS[0].sunday.year
    assert situation(finished, load_settings(None, {}), WEEKS[-1].cutoff)


def test_a_job_that_states_any_number_of_attempts_fails_alone(finished: Connection):
    sunday = WEEKS[-1].sunday
    ids = finished.execute(
        "select id from batch_processing_queue where job_type = 'content_analysis' and week = %s order by id limit 3",
        [sunday],
    ).fetchall()
    for (job_id,), attempts in zip(ids, (2_147_483_647, 5_000, 100), strict=True):
        finished.execute(
            "update batch_processing_queue set attempts = %s, max_attempts = 2147483647, status = 'pending' "
            "where id = %s",
            [attempts, job_id],
        )
    claimed = queries.claim(finished, JobType.CONTENT_ANALYSIS, sunday, None, "a run")
    assert len(claimed) == 3
    queries.fail(finished, dict.fromkeys(claimed, "no answer"))
    most = "attempts = 2147483647, max_attempts = 2147483647"
    finished.execute(f"update batch_processing_queue set {most}, status = 'retry'")  # type: ignore[arg-type]
    members = [user for (user,) in finished.execute("select clerk_user_id from profiles").fetchall()]
    taken = week_jobs.take_members(finished, JobType.DNA_RECALCULATION, sunday, "another run", members, "f")
    assert week_jobs.finish_members(finished, taken, {members[0]: "broken"}).failed <= 1
    waiting = finished.execute(
        "select count(*) from batch_processing_queue where scheduled_for > now() + interval '12 years'"
    ).fetchone()
    assert waiting == (0,)


def test_texts_of_any_length_are_cut_where_everybody_would_carry_them(finished: Connection):
    """A question stands in the text of all who answer it, an insight's title in every pair of its member."""
    finished.execute("update dna_questionnaires set question = repeat('why ', 1000)")
    finished.execute("update user_insights set title = repeat('t', 9000), description = repeat('d', 9000)")
    finished.execute("update profiles set first_name = repeat('n', 9000)")
    assert {len(question) for _, question, _ in embedding_queries.answers_as_of(finished, WEEKS[-1].cutoff)} == {1_000}
    shown = member_queries.approved_insights(finished, WEEKS[-1].cutoff).values()
    assert {(len(one.title), len(one.description), len(one.names[0])) for own in shown for one in own} == {
        (500, 5_000, 500)
    }


def test_hobbies_that_are_no_texts_are_no_common_ground():
    odd = {"hobbies": ["tea", None, ["tea", None], "x" * 5_000_000]}
    [pair] = pairs_to_preview([PairRow("a", "b", None)], {}, {"a": odd, "b": odd})
    assert [len(hobby) for hobby in pair.common_ground] == [3, 200]


def test_counters_at_an_integers_end_are_added_up(finished: Connection):
    finished.execute(
        """
        insert into mmagent_token_usage (clerk_user_id, tokens_limit, gpt4o_mini_tokens, claude_tokens, date)
        values ('user_a', 2147483647, 2147483647, 2147483647, '2026-01-10')
        """
    )
    rows = app_governance.model_cost(finished, date(2026, 1, 10), 7, 79.0)
    assert sum(row.tokens for row in rows if row.user_id == "user_a") == 2 * 2_147_483_647
