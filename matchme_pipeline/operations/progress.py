"""A Dagster logger that turns a run's events into progress, for doors that run a week in their own process."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from dagster import DagsterEvent, InitLoggerContext, logger


@dataclass(frozen=True)
class StepProgress:
    """One step began, ended or said something."""

    step: str
    kind: str
    message: str = ""


# The door that runs a week sets its listener here; Dagster builds loggers from configuration alone, so an object
# can reach one only through a module.
_listeners: list[Callable[[StepProgress], None]] = []


def listen(listener: Callable[[StepProgress], None]) -> Callable[[], None]:
    """Send the progress of runs in this process to `listener`; returns the function that ends it."""
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


@logger(
    None, description="Forwards the start and end of steps and the assets' messages to the command that runs the week."
)
def progress_logger(_context: InitLoggerContext) -> logging.Logger:
    """A logger whose only handler forwards events."""
    result = logging.Logger("matchme.progress", level=logging.DEBUG)
    result.addHandler(_Forwarder())
    return result


class _Forwarder(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        meta: dict[str, object] = getattr(record, "dagster_meta", {})
        step = meta.get("step_key") or ""
        event = meta.get("dagster_event")
        if isinstance(event, DagsterEvent):
            progress = StepProgress(str(event.step_key or ""), event.event_type_value, event.message or "")
        else:
            progress = StepProgress(str(step), "MESSAGE", str(meta.get("orig_message", "")))
        for listener in list(_listeners):
            listener(progress)
