"""Telling alerts to a Slack-compatible webhook."""

from datetime import datetime, timedelta

import requests

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.operations import alert_queries
from matchme_pipeline.operations.alert_queries import AlertRow

TIMEOUT_SECONDS = 10
# Two, four, … minutes apart: the last attempt comes some four hours after the first.
MOST_ATTEMPTS = 8
# Nobody is helped by last month's alerts when a webhook is configured today.
OLDEST = timedelta(days=2)
TOLD_AT_ONCE = 20


def tell(connection: Connection, webhook_url: str | None, now: datetime) -> tuple[int, int]:
    """Send what is due; returns how many messages arrived and how many did not.

    A message that did not arrive is tried again later; why is kept with the alert, without the webhook's address,
    because who knows that may write to the channel.
    """
    of_app = alert_queries.cost_alert_webhooks(connection)
    arrived = failed = 0
    due = alert_queries.claim_untold(
        connection, now, now - OLDEST, MOST_ATTEMPTS, TOLD_AT_ONCE, own_webhook=webhook_url is not None
    )
    for alert in due:
        url = webhook_url if alert.cost_alert is None else of_app.get(alert.cost_alert, (0, None))[1]
        error = "its webhook is no longer configured" if url is None else _post(url, alert)
        if error is None:
            alert_queries.mark_told(connection, alert.id)
            arrived += 1
        else:
            alert_queries.mark_untold(connection, alert.id, error)
            failed += 1
    return arrived, failed


def _post(url: str, alert: AlertRow) -> str | None:
    """None when the server took the message, else why not."""
    try:
        answer = requests.post(
            url,
            json={"text": f"*{alert.title}*\n{alert.body}"},
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
    except requests.RequestException as error:
        return f"the webhook could not be reached ({type(error).__name__})"
    return None if answer.ok and not answer.is_redirect else f"the webhook answered {answer.status_code}"
