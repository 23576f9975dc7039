"""Whether a sensor may ask for a run of the same work again: a run that came to nothing must not be the last word."""

from datetime import datetime, timedelta

from dagster import DagsterInstance, RunsFilter

# Names the work that a run was asked for; Dagster's own retries of a run carry it along and are no further tries.
WORK_TAG = "matchme/work"
# Three runs that leave the same work undone want a person, or the week's next run.
MOST_TRIES = 3
FIRST_WAIT = timedelta(minutes=10)


def next_run_key(instance: DagsterInstance, work: str, now: datetime) -> str | None:
    """The key of the next run for `work`, the same one until that run is over.

    None while a run for it is under way, for ten and then twenty minutes after one that left it undone, and after
    three of them. A request with this key has to carry `work` as its tag `WORK_TAG`.
    """
    records = instance.get_run_records(RunsFilter(tags={WORK_TAG: work}))
    if any(not record.dagster_run.is_finished for record in records):
        return None
    tries = sum(record.dagster_run.root_run_id is None for record in records)
    if tries >= MOST_TRIES:
        return None
    if records and now < max(record.update_timestamp for record in records) + FIRST_WAIT * 2 ** (tries - 1):
        return None
    return f"{work}/{tries}"
