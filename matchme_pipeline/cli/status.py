"""The data of `matchme status`: runs, missing weeks, the queue, and recent alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from matchme_pipeline.database.connection import connect
from matchme_pipeline.operations import alert_queries, queries, status_queries
from matchme_pipeline.operations.alert_queries import AlertRow
from matchme_pipeline.operations.assessment import Assessment, assess
from matchme_pipeline.operations.queries import RunRow
from matchme_pipeline.operations.situation import situation
from matchme_pipeline.operations.status_queries import QueueRow
from matchme_pipeline.settings import process_settings

ALERTS_OF_DAYS = 7


@dataclass(frozen=True)
class Found:
    """The state of the pipeline; `missing` are closed weeks that no run has materialised completely."""

    runs: Sequence[RunRow]
    missing: Sequence[date]
    queue: Sequence[QueueRow]
    alerts: Sequence[AlertRow]
    automation: bool
    assessment: Assessment

    def as_json(self) -> dict[str, Any]:
        """For a script."""
        return {
            "verdict": vars(self.assessment),
            "automation": self.automation,
            "runs": [vars(row) for row in self.runs],
            "missing_weeks": list(self.missing),
            "queue": [vars(row) for row in self.queue],
            "alerts": [vars(row) for row in self.alerts],
        }


def read_status(url: str, now: datetime) -> Found:
    """The newest runs, the missing weeks, the queue and the alerts of the last seven days."""
    settings = process_settings()
    with connect(url, vectors=False) as connection:
        seen = situation(connection, settings, now)
        return Found(
            runs=queries.recent_runs(connection),
            missing=list(seen.missing),
            queue=status_queries.queue_rows(connection),
            alerts=alert_queries.recent_alerts(connection, now - timedelta(days=ALERTS_OF_DAYS)),
            automation=settings.automation,
            assessment=assess(seen),
        )
