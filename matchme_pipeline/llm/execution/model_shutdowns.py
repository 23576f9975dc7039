"""Reads the providers' lists of models: availability and shutdown dates."""

import logging
from collections.abc import Sequence
from datetime import date, timedelta

from matchme_pipeline.llm.execution.wire_format import ListedModel

# Long enough to select and try another model.
NOTICE = timedelta(days=90)

log = logging.getLogger("matchme_pipeline.llm")


def shutdown_warnings(listed: Sequence[ListedModel], wanted: Sequence[str], today: date) -> list[str]:
    """A sentence on each of the `wanted` models with a near or past shutdown date."""
    return [
        f"The model '{model.id}' shuts down on {model.shutdown}. Choose another one in MATCHME_INSIGHT_MODEL, "
        "MATCHME_EMBEDDING_MODEL or MATCHME_REVIEW_MODEL before then; what it answered stays usable."
        for model in listed
        if model.id in wanted and model.shutdown is not None and model.shutdown - today <= NOTICE
    ]


def missing(listed: Sequence[ListedModel], wanted: Sequence[str]) -> list[str]:
    """Those of `wanted` that the API does not list."""
    ids = {model.id for model in listed}
    return [name for name in wanted if name not in ids]
