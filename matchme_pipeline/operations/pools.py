"""Limits of pools that differ from the default in `dagster.yaml`."""

from dagster import DagsterInstance

# The allocation of one week uses all memory and cores of a machine.
LIMITS = {"matching": 1}


def set_limits(instance: DagsterInstance) -> None:
    """Set the limits of the pools, unless an operator has set others; does nothing if the storage has no pools."""
    storage = instance.event_log_storage
    if not storage.supports_global_concurrency_limits:
        return
    known = {limit.name for limit in storage.get_pool_limits() if not limit.from_default}
    for pool, limit in LIMITS.items():
        if pool not in known:
            storage.set_concurrency_slots(pool, limit)


def free_pools(instance: DagsterInstance, dagster_run_id: str) -> None:
    """Free the pool places of a run that is over."""
    if instance.event_log_storage.supports_global_concurrency_limits:
        instance.event_log_storage.free_concurrency_slots_for_run(dagster_run_id)
