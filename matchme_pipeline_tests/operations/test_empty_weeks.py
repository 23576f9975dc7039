"""A week with nobody in it, or with members about whom nothing is known, is a finished week."""

import pytest
from dagster import DagsterInstance

from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import WeekError
from matchme_pipeline.operations.missing_weeks import finished_weeks
from matchme_pipeline_tests.materialising import WEEKS, materialise

EMPTY = {
    "nobody has joined yet": "update profiles set created_at = created_at + interval '10 years'; "
    "update posts set created_at = created_at + interval '10 years'; "
    "update voice_introductions set created_at = created_at + interval '10 years'",
    "everybody has left": "update profiles set deleted_at = now()",
    "everybody hides": "update profiles set profile_visibility = 'hidden'",
    "the app has no rows at all": "truncate profiles cascade",
}


@pytest.mark.parametrize("change", EMPTY.values(), ids=EMPTY)
def test_an_empty_week_is_finished_and_its_checks_pass(small_url: str, change: str):
    with connect(small_url) as connection:
        connection.execute(change)  # type: ignore[arg-type]
    with DagsterInstance.ephemeral() as instance:
        result = materialise(small_url, WEEKS[0], instance=instance, raise_on_error=False)
    assert result.success, result.all_events[-1].message
    # Members who are all hidden are a finding of its own; nothing else may complain.
    failed = {check.check_name for check in result.get_asset_check_evaluations() if not check.passed}
    assert failed <= {"members_can_be_matched"}
    with connect(small_url) as connection:
        assert finished_weeks(connection) == {WEEKS[0].sunday}


def test_the_weeks_after_an_empty_one_are_matched(small_url: str):
    with connect(small_url) as connection:
        connection.execute("update profiles set created_at = %s", [WEEKS[1].start])
    assert materialise(small_url, WEEKS[0]).success
    assert materialise(small_url, WEEKS[1]).success
    with connect(small_url) as connection:
        weeks = connection.execute("select distinct week_start_date from weekly_matches").fetchall()
    assert weeks == [(WEEKS[1].match_week,)]


def test_members_about_whom_nothing_is_known_are_scored(app_database_url: str):
    with connect(app_database_url) as connection:
        connection.execute("insert into profiles (clerk_user_id, first_name) values ('user_a', 'A'), ('user_b', 'B')")
        connection.execute("update profiles set created_at = %s", [WEEKS[0].start])
    assert materialise(app_database_url, WEEKS[0]).success
    with connect(app_database_url) as connection:
        scored = connection.execute("select user_id, score from dna_score_history order by 1").fetchall()
    assert scored == [("user_a", 0), ("user_b", 0)]


def test_a_week_whose_traits_were_never_counted_is_refused(small_url: str):
    materialise(small_url, WEEKS[0], "post_hashes", "post_embeddings", "content_originality")
    with pytest.raises(WeekError, match="no trait_distribution yet"):
        materialise(small_url, WEEKS[0], "dna_scores")
