"""Must somebody act now? One answer for the command, the page and a monitor; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from statistics import median

from matchme_pipeline.operations.remedies import cause_of, remedy_for

# A busy daemon starts the weekly run within this time after the window closes.
STARTS_WITHIN = timedelta(minutes=30)


@dataclass(frozen=True)
class ActiveRun:
    """An active run of a week."""

    week: date
    run_id: str | None
    started_at: datetime
    completed_jobs: int
    total_jobs: int


@dataclass(frozen=True)
class Situation:
    """The inputs of the decision. `due_at` and `closed_at` belong to the newest closed week."""

    now: datetime
    newest: date
    closed_at: datetime
    due_at: datetime
    is_finished: bool
    finished_at: datetime | None
    automation: bool
    active_run: ActiveRun | None
    usual_seconds: Sequence[float]
    failure: tuple[str, str, str] | None = None  # cause, meaning, remedy of the newest week's last failed run
    will_retry: bool = False
    stopped_by: str = ""
    missing: Sequence[date] = ()  # closed weeks that no run has materialised to the end, oldest first
    failed_jobs: int = 0
    waiting_jobs: int = 0
    open_alerts: int = 0

    @property
    def older_missing(self) -> int:
        """How many weeks before the newest closed one are missing."""
        return sum(week < self.newest for week in self.missing)


@dataclass(frozen=True)
class Assessment:
    """Whether nobody needs to act now, in one sentence, and what can wait until the morning."""

    can_sleep: bool
    sentence: str
    later: list[str] = field(default_factory=list)
    forecast_at: datetime | None = None
    progress: float | None = None


def assess(seen: Situation) -> Assessment:
    """The decision for the newest closed week; older weeks and single jobs never require action at night."""
    done_at, progress = forecast(seen)
    can_sleep, sentence = _about_the_week(seen, done_at, progress)
    later = []
    if seen.stopped_by:
        remedy = remedy_for(cause_of(seen.stopped_by), seen.newest)
        later.append(f"Work on week {seen.newest} stopped early: {seen.stopped_by} {remedy}")
    if seen.older_missing:
        later.append(f"{_number(seen.older_missing, 'older week is', 'older weeks are')} not materialised.")
    if seen.failed_jobs:
        jobs = _number(seen.failed_jobs, "job has", "jobs have")
        later.append(f"{jobs} failed all attempts: `matchme jobs list --status failed`")
    if seen.waiting_jobs:
        jobs = _number(seen.waiting_jobs, "failed job waits for its", "failed jobs wait for their")
        later.append(f"{jobs} next attempt.")
    if seen.open_alerts:
        later.append(f"{_number(seen.open_alerts, 'alert is', 'alerts are')} open.")
    return Assessment(can_sleep, sentence, later, done_at, progress)


def forecast(seen: Situation) -> tuple[datetime | None, float | None]:
    """When the active run will end at the pace of earlier weeks, and the elapsed share of that time."""
    if seen.active_run is None or not seen.usual_seconds:
        return None, None
    usual = median(seen.usual_seconds)
    elapsed = (seen.now - seen.active_run.started_at).total_seconds()
    # A run that already takes longer than usual is assumed to need another tenth of its elapsed time.
    whole = max(usual, elapsed * 1.1, 1.0)
    return seen.active_run.started_at + timedelta(seconds=whole), min(elapsed / whole, 0.99)


def _about_the_week(seen: Situation, done_at: datetime | None, progress: float | None) -> tuple[bool, str]:
    week = f"week {seen.newest}"
    if seen.is_finished:
        return True, f"Yes: {week} is finished{_by_how_much(seen)}."
    in_time = seen.now < seen.due_at
    due = f"{'due' if in_time else 'was due'} {_clock(seen.due_at, seen.now)}"
    so_far = "Yes, so far" if in_time else "No"
    if seen.active_run is not None and seen.active_run.week == seen.newest:
        if done_at is None:
            return in_time, f"{so_far}: {week} is running, {due}."
        summary = f"{week} is {progress:.0%} done, forecast {_clock(done_at, seen.now)}, {due}."
        return (True, f"Yes: {summary}") if done_at <= seen.due_at else (False, f"No, it will be late: {summary}")
    if seen.failure is not None:
        cause, meaning, remedy = seen.failure
        if seen.will_retry and in_time:
            return True, f"Yes, so far: {week} failed ({cause}) and is retried automatically, {due}."
        return False, f"No: {week} failed ({cause}). {meaning} {remedy}"
    if seen.automation and seen.now < seen.closed_at + STARTS_WITHIN:
        return True, f"Yes: {week} has just closed and its run is about to start, {due}."
    if seen.active_run is not None:
        return in_time, f"{so_far}: {week} waits for week {seen.active_run.week}, which is running, and {due}."
    return False, f"No: {week} is not finished and no run is active: `matchme run --week {seen.newest}`"


def _by_how_much(seen: Situation) -> str:
    if seen.finished_at is None:
        return ""
    early = seen.due_at - seen.finished_at
    if early >= timedelta(0):
        return f", {_length(early)} before it was due"
    return f", {_length(-early)} after it was due" if -early < timedelta(days=7) else ", as a backfill"


def _number(count: int, one: str, more: str) -> str:
    return f"{count:,} {one if count == 1 else more}"


def _length(span: timedelta) -> str:
    if span >= timedelta(days=2):
        return f"{span.days} days"
    minutes = int(span.total_seconds() // 60)
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes} min"


def _clock(at: datetime, now: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at:%H:%M} UTC" if at.date() == now.astimezone(UTC).date() else f"{at:%a %d %b %H:%M} UTC"
