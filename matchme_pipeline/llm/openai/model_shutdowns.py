"""What the API says of its models: whether they are there, and when they will be shut down."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from openai.types import Model

from matchme_pipeline.settings import Settings

# Long enough to choose another model and look at what it does.
NOTICE = timedelta(days=90)

log = logging.getLogger("matchme_pipeline.llm")


def shutdown_warnings(listed: Sequence[Model], wanted: Sequence[str], today: date) -> list[str]:
    """A sentence on each of the `wanted` models whose shutdown date is near or past."""
    warnings = []
    for model in listed:
        day = _day(getattr(model, "shutdown_date", None))
        if model.id in wanted and day is not None and day - today <= NOTICE:
            warnings.append(
                f"The model '{model.id}' shuts down on {day}. Choose another one in MATCHME_INSIGHT_MODEL, "
                "MATCHME_EMBEDDING_MODEL or MATCHME_REVIEW_MODEL before then; what it answered stays usable."
            )
    return warnings


def wanted_models(settings: Settings) -> tuple[str, ...]:
    """The models that `settings` choose, each once."""
    chosen = (settings.insight_model, settings.embedding_model, settings.review_model)
    return tuple(dict.fromkeys(name for name in chosen if name is not None))


def missing(listed: Sequence[Model], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that the API doesn't list."""
    ids = {model.id for model in listed}
    return [name for name in wanted if name not in ids]


def _day(value: object) -> date | None:
    """A date as servers write it: ISO, or seconds since 1970; None for anything else."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
