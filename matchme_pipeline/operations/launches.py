"""Decides whether a sensor may request another run for the same work after one that left it undone."""

from datetime import datetime, timedelta

from dagster import DagsterInstance, RunsFilter

# The tag that names the requested work; Dagster's own retries of a run copy it and do not count as further tries.
WORK_TAG = "matchme/work"
# After three runs without success the work waits for a person or for the week's next run.
MAX_TRIES = 3
FIRST_WAIT = timedelta(minutes=10)


def next_run_key(instance: DagsterInstance, work: str, now: datetime) -> str | None:
    """The key of the next run for `work`; it stays the same until that run is over.

    None while a run for the work is active, for ten and then twenty minutes after one that left it undone, and after
    three of them. A request with this key must carry `work` as its tag `WORK_TAG`.
    """
    records = instance.get_run_records(RunsFilter(tags={WORK_TAG: work}))
    if any(not record.dagster_run.is_finished for record in records):
        return None
    tries = sum(record.dagster_run.root_run_id is None for record in records)
    if tries >= MAX_TRIES:
        return None
    if records and now < max(record.update_timestamp for record in records) + FIRST_WAIT * 2 ** (tries - 1):
        return None
    return f"{work}/{tries}"
