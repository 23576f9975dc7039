"""The size limits of batches, and how long to wait for a batch; pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from matchme_pipeline.llm.execution.wire_format import BatchLimits

# The hour at which members see a week's results, and how long before it the run stops waiting for a batch.
DEADLINE = time(7, tzinfo=UTC)
MARGIN = timedelta(minutes=45)
COMPLETION_WINDOW = timedelta(hours=24)
# The bytes around a request's body in a batch.
FRAME_BYTES = 200


@dataclass(frozen=True)
class Line:
    """One request of a batch: its body as JSON, its keys, and its maximum cost."""

    text: str
    keys: tuple[str, ...]
    cover_usd: Decimal


def split(lines: Iterable[Line], limits: BatchLimits, most_items: int | None = None) -> Iterator[list[Line]]:
    """Lines in as few batches as `limits` allow, one batch in memory at a time; `most_items`: keys per batch."""
    batch: list[Line] = []
    size = items = 0
    for line in lines:
        bytes_of_line = len(line.text.encode()) + FRAME_BYTES
        too_many = most_items is not None and items + len(line.keys) > most_items
        if batch and (too_many or len(batch) >= limits.requests or size + bytes_of_line > limits.bytes):
            yield batch
            batch, size, items = [], 0, 0
        batch.append(line)
        size += bytes_of_line
        items += len(line.keys)
    if batch:
        yield batch


def deadline(week: date | None, now: datetime) -> datetime:
    """07:00 UTC of the day on which the week closes; for a week that is already late, the batch's own 24 hours."""
    if week is not None:
        on_time = datetime.combine(week + timedelta(days=7), DEADLINE)
        if now < on_time <= now + COMPLETION_WINDOW:
            return on_time
    return now + COMPLETION_WINDOW
