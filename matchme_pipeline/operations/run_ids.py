"""The id of a run's row in `batch_run_history`, known as soon as Dagster's id of the run is."""

import uuid

_NAMESPACE = uuid.UUID("0d7b1b52-6a0e-4c0e-9f0a-6a5f0b3c2f11")


def history_id(dagster_run_id: str) -> uuid.UUID:
    """The id of the run's row, which exists once the run has started."""
    return uuid.uuid5(_NAMESPACE, dagster_run_id)
