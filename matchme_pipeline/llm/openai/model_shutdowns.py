"""The shutdown date that an OpenAI-compatible server gives with a model."""

from datetime import UTC, date, datetime
from typing import Any

from matchme_pipeline.llm.execution.wire_format import ListedModel


def listed_models(page: Any) -> list[ListedModel]:
    """The models in a page of `GET /v1/models`; invalid entries are left out."""
    found = page.data if isinstance(page.data, list) else []
    return [
        ListedModel(model.id, _day(getattr(model, "shutdown_date", None)))
        for model in found
        if isinstance(getattr(model, "id", None), str)
    ]


def _day(value: object) -> date | None:
    """A date in a server's format: ISO, or seconds since 1970; None for any other value."""
    try:
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC).date()
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
