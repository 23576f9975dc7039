"""What Celery's workers and the executor that sends steps to them have in common; imports nothing of Celery."""

from typing import Any

# A step's message is given to another worker if this one dies, but not while it may still work: no step takes a day.
_MAX_STEP_SECONDS = 86_400


def app_config(broker: str) -> dict[str, Any]:
    """What the workers and the executor have in common, as dagster-celery's schema names it.

    A message is acknowledged when its step has ended, so that the step of a killed process goes back into the queue;
    a worker takes no message beyond those that it works on. Results come by Redis where that is the broker.
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
