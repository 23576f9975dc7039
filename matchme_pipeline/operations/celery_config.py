"""The settings that Celery's workers and the executor share; does not import Celery."""

from typing import Any

# After this time a step's message is delivered to another worker. No step takes a day, so only a dead worker loses it.
_MAX_STEP_SECONDS = 86_400


def app_config(broker: str) -> dict[str, Any]:
    """The settings that workers and the executor share, by the names of dagster-celery's schema.

    A message is acknowledged when its step has ended, so that the step of a killed process returns to the queue.
    A worker prefetches no messages. Results are stored in Redis if that is the broker.
    """
    return {
        "broker": broker,
        "backend": broker if broker.startswith(("redis://", "rediss://")) else "rpc://",
        "config_source": {
            "task_acks_late": True,
            "task_reject_on_worker_lost": True,
            "worker_prefetch_multiplier": 1,
            "worker_cancel_long_running_tasks_on_connection_loss": False,
            "broker_connection_retry_on_startup": True,
            "broker_transport_options": {"visibility_timeout": _MAX_STEP_SECONDS},
        },
    }
