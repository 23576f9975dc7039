"""How many steps of a pool may work at once, where that differs from the default in `dagster.yaml`."""

from dagster import DagsterInstance

# Allocating a week fills memory and cores of a machine by itself.
LIMITS = {"matching": 1}


def set_limits(instance: DagsterInstance) -> None:
    """Give the pools their limits, unless an operator has set others; does nothing where storage has no pools."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    known = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    for pool, limit in LIMITS.items():
        if pool not in known:
            storage.set_concurrency_slots(pool, limit)


def free_pools(instance: DagsterInstance, dagster_run_id: str) -> None:
    """Give back the places in pools that a run which is over has left taken."""
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(dagster_run_id)
