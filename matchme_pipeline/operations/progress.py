"""A Dagster logger that forwards a run's events as progress, for commands that run a week in their own process."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from dagster import DagsterEvent, InitLoggerContext, logger


@dataclass(frozen=True)
class StepProgress:
    """One step started, ended or logged a message."""

    step: str
    kind: str
    message: str = ""


# The command that runs a week sets its listener here. Dagster builds loggers from configuration alone, so a module
# variable passes the object.
_listeners: list[Callable[[StepProgress], None]] = []


def listen(listener: Callable[[StepProgress], None]) -> Callable[[], None]:
    """Send the progress of runs in this process to `listener`; returns a function that stops it."""
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
