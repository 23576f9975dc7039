"""Sensors that raise alerts and send them. They write nothing but alerts."""

from datetime import UTC, date, datetime, timedelta

from dagster import (
    AssetCheckEvaluation,
    AssetCheckSeverity,
    AssetKey,
    DagsterInstance,
    DefaultSensorStatus,
    SensorEvaluationContext,
    SkipReason,
    sensor,
)

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.store import threshold_queries
from matchme_pipeline.matching.week import report_queries
from matchme_pipeline.operations import alert_queries, alerts, app_object_queries, missing_weeks, webhook
from matchme_pipeline.operations.alert_queries import AlertRow, EndedRun
from matchme_pipeline.operations.alerts import record_alert
from matchme_pipeline.settings import Settings, process_settings
from matchme_pipeline.week import Week

# The first check looks back this far; later ones start where the previous one ended.
FIRST_LOOKBACK = timedelta(days=1)
# A run's end may be recorded later than it happened, for example when its machine was lost.
OVERLAP = timedelta(hours=1)


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Raises alerts for failed runs, failed jobs, budget thresholds and weeks not finished by 07:00 UTC.",
)
def watch_weeks(context: SensorEvaluationContext) -> SkipReason:
    """Raise alerts for failed runs, failed jobs, budget thresholds and weeks not finished by Sunday 07:00 UTC."""
    settings, now = process_settings(), datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - FIRST_LOOKBACK
    with connect(database_url(settings), vectors=False) as connection:
        new = watch(connection, context.instance, settings, since - OVERLAP, now)
    context.update_cursor(now.isoformat())
    return SkipReason(f"{new} new alerts")


@sensor(
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Sends alerts to the configured webhooks and retries failed deliveries.",
)
def tell_alerts(context: SensorEvaluationContext) -> SkipReason:
    """Send alerts to the configured webhooks and retry failed deliveries."""
    settings, now = process_settings(), datetime.now(UTC)
    url = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else None
    with connect(database_url(settings), vectors=False) as connection:
        arrived, failed = webhook.send_due_alerts(connection, url, now, settings)
    context.update_cursor(now.isoformat())
    return SkipReason(f"{arrived} alerts sent, {failed} not delivered")


def watch(connection: Connection, instance: DagsterInstance, settings: Settings, since: datetime, now: datetime) -> int:
    """Record alerts for events since `since`; returns the number of new alerts."""
    # First, so that no alert is sent and called over at the same time.
    over = _resolved(connection)
    found: list[alerts.Alert | None] = []
    for run in alert_queries.ended_runs(connection, since):
        if run.status == "failed":
            found.append(alerts.run_failed(run))
        found.append(alerts.too_many_failures(run))
        found.append(_nobody_matched(connection, run))
    # Without automation no week has a due time.
    if settings.automation:
        found.append(_late_week(instance, settings, now))
    found += [alerts.foreign_matches(*one) for one in app_object_queries.foreign_matches(connection)[:1]]
    raised = [alert for alert in found if alert is not None and record_alert(connection, alert)]
    for alert in raised:
        if alert.kind is alerts.AlertKind.WEEK_LATE:
            _fail_check(instance, alert)
    new = len(raised) + over
    return new + _budget_thresholds(connection)


def _nobody_matched(connection: Connection, run: EndedRun) -> alerts.Alert | None:
    report = report_queries.report_of(connection, run.week) if run.week and run.status == "completed" else None
    errors = [finding["sentence"] for finding in report.findings if finding["severity"] == "error"] if report else []
    return alerts.nobody_matched(Week(report.week), run.dagster_run_id, errors) if report and errors else None


def _late_week(instance: DagsterInstance, settings: Settings, now: datetime) -> alerts.Alert | None:
    week = Week.last_closed(now)
    if week.sunday < settings.first_week or now < alerts.ready_by(week):
        return None
    finished = instance.get_materialized_partitions(AssetKey("run_summary"))
    return None if week.key in finished else alerts.week_late(week)


def _resolved(connection: Connection) -> int:
    """Mark alerts of weeks that have finished since as over; one message per week says so."""
    new = 0
    with connection.transaction():
        by_week: dict[date, list[AlertRow]] = {}
        for alert in alert_queries.resolve_weeks(connection, missing_weeks.finished_weeks(connection)):
            if alert.week is not None:
                by_week.setdefault(alert.week, []).append(alert)
        for week, rows in sorted(by_week.items()):
            titles = list(dict.fromkeys(row.title for row in rows))
            new += record_alert(connection, alerts.over(week, titles, str(rows[0].id)))
    return new


def _fail_check(instance: DagsterInstance, alert: alerts.Alert) -> None:
    """Let the check `finished_by_sunday_seven` fail for a week that never ran: Dagster's freshness counts any week."""
    instance.report_runless_asset_event(
        AssetCheckEvaluation(
            asset_key=AssetKey("run_summary"),
            check_name="finished_by_sunday_seven",
            passed=False,
            severity=AssetCheckSeverity.WARN,
            description=f"Late: {alert.title}. {alert.text}",
            metadata={},
            partition=alert.cause,
        )
    )


def _budget_thresholds(connection: Connection) -> int:
    with connection.transaction():
        crossings = threshold_queries.threshold_crossings(connection)
        webhooks = alert_queries.cost_alert_webhooks(connection) if crossings else {}
        new = 0
        for crossing in crossings:
            own = [name for name, (percent, _) in webhooks.items() if percent == crossing.threshold_percent]
            for cost_alert in (None, *sorted(own)):
                new += record_alert(connection, alerts.threshold_passed(crossing, cost_alert))
        threshold_queries.mark_notified(connection, crossings)
    return new
