"""`matchme alerts`: lists and acknowledges alerts, and tests the webhook."""

from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import Annotated
from uuid import UUID

import typer

from matchme_pipeline.cli import console
from matchme_pipeline.errors import PipelineError, UsageError

app = typer.Typer(name="alerts", help="Alerts: list them, acknowledge one, try the webhook.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(name="list")
def list_alerts(
    days: Annotated[int, typer.Option(min=1, max=365, help="How far to look back.")] = 7, json: AsJson = False
) -> None:
    """Alerts with their remedies, newest first."""
    from matchme_pipeline.cli import environment, show
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.operations import alert_queries
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url, vectors=False) as connection:
        rows = alert_queries.recent_alerts(connection, datetime.now(UTC) - timedelta(days=days), limit=200)
    if json:
        console.as_json([vars(row) for row in rows])
        return
    for row in rows:
        console.result(f"{row.id}  {show.alert_line(row)}")
        for line in row.body.splitlines():
            console.result(f"    {line}")
    if not rows:
        console.result(f"no alerts in the last {days} days")


@app.command()
def acknowledge(
    alert_id: Annotated[UUID, typer.Argument(help="The alert's id, as `matchme alerts list` shows it.")],
    by: Annotated[str | None, typer.Option(help="Who works on it; by default the name of this account.")] = None,
) -> None:
    """Acknowledge an alert."""
    from matchme_pipeline.cli import environment
    from matchme_pipeline.database.addresses import database_url
    from matchme_pipeline.database.connection import connect
    from matchme_pipeline.operations import alert_queries
    from matchme_pipeline.settings import process_settings

    url = database_url(process_settings())
    environment.require_migrated(url)
    with connect(url, vectors=False) as connection:
        if not alert_queries.acknowledge(connection, alert_id, by or getuser()):
            raise PipelineError(f"there is no unacknowledged alert {alert_id}; see `matchme alerts list`.")
    console.result(f"alert {alert_id} is acknowledged")


@app.command()
def test() -> None:
    """Send a test message to the webhook."""
    from matchme_pipeline.operations import webhook
    from matchme_pipeline.operations.links import links
    from matchme_pipeline.settings import process_settings

    settings = process_settings()
    if settings.alert_webhook_url is None:
        raise UsageError("MATCHME_ALERT_WEBHOOK_URL is unset; set it to a Slack-compatible incoming webhook.")
    lines = ["*A test of MatchMe's alerts*", "Nothing is wrong. Real alerts say here what to do."]
    lines += [f"{name}: {address}" for name, address in links(settings)]
    error = webhook.post(settings.alert_webhook_url.get_secret_value(), "\n".join(lines))
    if error is not None:
        raise PipelineError(f"the message did not arrive: {error}. Check MATCHME_ALERT_WEBHOOK_URL.")
    console.result("the message arrived")
