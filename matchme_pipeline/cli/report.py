"""`matchme report`: a week's report at this moment, including checks and retried jobs."""

from datetime import UTC, datetime

from dagster import DagsterInstance

from matchme_pipeline.database.connection import connect
from matchme_pipeline.errors import UsageError
from matchme_pipeline.operations.report.collect import collect
from matchme_pipeline.operations.report.content import WeekReport
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week


def week_report(url: str, week: Week) -> WeekReport:
    """The report of a closed week. Raises UsageError for a week without a run."""
    week.require_closed(datetime.now(UTC))
    with connect(url) as connection, DagsterInstance.get() as instance:
        report = collect(connection, instance, process_settings(), week)
    if report.finished_at is None and not report.seconds_by_stage and not report.failures:
        raise UsageError(f"Nothing has run for week {week.key}; materialise it first: matchme run --week {week.key}")
    return report
