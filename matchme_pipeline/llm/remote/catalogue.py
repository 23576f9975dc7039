"""What the API says of its models: whether they are there, and when they will be shut down."""

import logging
from collections.abc import Sequence
from datetime import date, timedelta

from openai.types import Model

# Long enough to choose another model and look at what it does.
NOTICE = timedelta(days=90)

log = logging.getLogger("matchme_pipeline.llm")


def shutdown_warnings(listed: Sequence[Model], wanted: Sequence[str], today: date) -> list[str]:
    """A sentence on each of the `wanted` models whose shutdown date is near or past."""
    warnings = []
    for model in listed:
        day = _day(model.shutdown_date)
        if model.id in wanted and day is not None and day - today <= NOTICE:
            warnings.append(
                f"The model '{model.id}' shuts down on {day}. Choose another one in MATCHME_INSIGHT_MODEL or "
                "MATCHME_EMBEDDING_MODEL before then; what it answered stays usable."
            )
    return warnings


def missing(listed: Sequence[Model], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that the API doesn't list."""
    ids = {model.id for model in listed}
    return [name for name in wanted if name not in ids]


def _day(value: str | None) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if value else None
    except ValueError:
        return None
