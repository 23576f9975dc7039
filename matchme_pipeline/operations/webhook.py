"""Sends alerts to a Slack-compatible webhook."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import requests

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations import alert_queries
from matchme_pipeline.operations.alert_queries import AlertRow
from matchme_pipeline.operations.links import links
from matchme_pipeline.settings import Settings

TIMEOUT_SECONDS = 10
# Two, four, … minutes apart: the last attempt follows about four hours after the first.
MAX_ATTEMPTS = 8
# Older alerts are not sent, for example when a webhook is configured for the first time.
OLDEST = timedelta(days=2)
ALERTS_PER_RUN = 20


def send_due_alerts(
    connection: Connection, webhook_url: str | None, now: datetime, settings: Settings | None = None
) -> tuple[int, int]:
    """Send due alerts; returns the numbers of delivered and failed alerts.

    Alerts of one kind, week and cause are sent as one message. A failed delivery is tried again later; the alert stores
    the reason without the webhook's address, because anybody with the address can write to the channel. `settings`
    provide the base addresses of links.
    """
    of_app = alert_queries.cost_alert_webhooks(connection)
    arrived = failed = 0
    due = alert_queries.claim_unnotified(
        connection, now, now - OLDEST, MAX_ATTEMPTS, ALERTS_PER_RUN, own_webhook=webhook_url is not None
    )
    for group in _grouped(due):
        first = group[0]
        url = webhook_url if first.cost_alert is None else of_app.get(first.cost_alert, (0, None))[1]
        error = "its webhook is no longer configured" if url is None else post(url, _text(group, settings))
        for alert in group:
            if error is None:
                alert_queries.mark_notified(connection, alert.id)
                arrived += 1
            else:
                alert_queries.mark_notification_failed(connection, alert.id, error)
                failed += 1
    return arrived, failed


def post(url: str, text: str) -> str | None:
    """Send one message; None if the server accepted it, otherwise the reason."""
    try:
        answer = requests.post(url, json={"text": text}, timeout=TIMEOUT_SECONDS, allow_redirects=False)
    except requests.RequestException as error:
        return f"the webhook could not be reached ({type(error).__name__})"
    return None if answer.ok and not answer.is_redirect else f"the webhook answered {answer.status_code}"


def _grouped(due: Sequence[AlertRow]) -> list[list[AlertRow]]:
    groups: dict[tuple[object, ...], list[AlertRow]] = {}
    for alert in sorted(due, key=lambda alert: (alert.raised_at, alert.id)):
        groups.setdefault((alert.kind, alert.week, alert.title, alert.cost_alert), []).append(alert)
    return list(groups.values())


def _text(group: Sequence[AlertRow], settings: Settings | None) -> str:
    newest = group[-1]
    title = newest.title if len(group) == 1 else f"{newest.title} ({len(group)} times)"
    lines = [f"*{title}*", newest.body]
    if settings is not None:
        lines += [f"{name}: {address}" for name, address in links(settings, newest.week, newest.dagster_run_id)]
        if newest.kind not in alert_queries.MESSAGES:
            lines.append(f"docs/on-call.md#{newest.kind} has the first three commands.")
    return "\n".join(lines)
