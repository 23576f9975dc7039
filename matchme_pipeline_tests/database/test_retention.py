"""Dagster's storage after pruning: shorter, and it still knows which weeks are there."""

from datetime import UTC, datetime, timedelta

import pytest
from dagster import AssetKey, DagsterEventType, asset, materialize
from dagster._core.test_utils import instance_for_test

from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.retention import prune_events
from matchme_pipeline.week import weekly_partitions

WEEK = "2026-01-04"


@asset(partitions_def=weekly_partitions)
def thing() -> None:
    pass


def test_old_events_leave_and_weeks_stay(empty_database_url: str):
    storage = {"postgres": {"postgres_url": empty_database_url.replace("postgresql://", "postgresql+psycopg2://")}}
    with (
        instance_for_test(overrides={"storage": storage}) as instance,
        connect(empty_database_url, vectors=False) as db,
    ):
        old, new = (materialize([thing], instance=instance, partition_key=WEEK).run_id for _ in range(2))
        db.execute("update event_logs set timestamp = timestamp - interval '100 days' where run_id = %s", [old])
        count = "select count(*) from event_logs where run_id = %s"
        before = {run: db.execute(count, [run]).fetchone() for run in (old, new)}
        assert prune_events(db, datetime.now(UTC) - timedelta(days=90)) > 0
        after = {run: db.execute(count, [run]).fetchone() for run in (old, new)}
        assert after[old] < before[old]
        assert after[new] == before[new]
        assert instance.get_materialized_partitions(AssetKey("thing")) == {WEEK}
        kept = {record.dagster_event_type for record in instance.all_logs(old)}
        assert {DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.RUN_SUCCESS} <= kept
        with pytest.raises(ValueError, match="seven days"):
            prune_events(db, datetime.now(UTC))
