"""The week that is still open: "All" and "Missing" in the UI launch the weekly job for it, too."""

from datetime import UTC, datetime

from dagster import AssetKey, DagsterInstance

from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations.missing_weeks import finished_weeks
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline.weekly_assets import weekly_partitions
from matchme_pipeline_tests.materialising import materialise

# Whatever the hour: the newest week that has closed, and the one after it.
OPEN = Week(Week.last_closed(datetime.now(UTC)).sunday + WEEK)
OF_THE_OPEN_WEEK = {"post_hashes", "content_insights", "post_embeddings"}


def test_the_open_week_is_a_partition():
    assert weekly_partitions.get_last_partition_key() == OPEN.key


def test_the_weekly_job_does_the_open_weeks_content_and_skips_the_rest(seeded_url: str):
    with DagsterInstance.ephemeral() as instance:
        result = materialise(seeded_url, OPEN, instance=instance, raise_on_error=False)
        assert result.success
        done = {
            event.asset_key.to_user_string() for event in result.get_asset_materialization_events() if event.asset_key
        }
        assert done == OF_THE_OPEN_WEEK
        assert instance.get_materialized_partitions(AssetKey("run_summary")) == set()
        # A reason that a person can read, and no stack trace.
        logged = [record.user_message for record in instance.all_logs(result.run_id)]
    assert any("is open until" in message for message in logged)
    with connect(seeded_url) as connection:
        assert finished_weeks(connection) == set()


def test_one_weekly_asset_alone_is_skipped_in_the_open_week(seeded_url: str):
    result = materialise(seeded_url, OPEN, "weekly_matches", raise_on_error=False)
    assert result.success
    assert list(result.get_asset_materialization_events()) == []
