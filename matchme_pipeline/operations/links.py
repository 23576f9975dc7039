"""Public addresses of a run, a week's report and the operations page; None without a base address."""

from datetime import date

from matchme_pipeline.settings import Settings


def links(settings: Settings, week: date | str | None = None, run_id: str | None = None) -> list[tuple[str, str]]:
    """Names and addresses for a message or a report: the run, the week's report, the operations page."""
    found = []
    if settings.dagster_url and run_id:
        found.append(("The run in Dagster", f"{settings.dagster_url}/runs/{run_id}"))
    if settings.operations_url and week:
        found.append((f"Report of week {week}", f"{settings.operations_url}/report/{week}"))
    if settings.operations_url:
        found.append(("Operations page", f"{settings.operations_url}/"))
    return found
