"""The week: the partition that every asset shares, its window and its cutoff."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from matchme_pipeline.errors import WeekError
from matchme_pipeline.settings import process_settings

WEEK = timedelta(days=7)
# Members open the app on Sunday at 07:00 UTC, five hours after the window closes.
READY_AFTER = timedelta(hours=5)
# Sunday 02:00 UTC: the quietest hour of the app's day, and the hour the schedule ticks.
WINDOW_START = time(hour=2, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Week:
    """One weekly partition; its window runs from `start` (inclusive) to `cutoff` (exclusive), both UTC."""

    sunday: date
    # The pipeline's first week also includes everything that was shared earlier.
    is_first: bool = False

    def __post_init__(self) -> None:
        if self.sunday.isoweekday() != 7:
            raise WeekError(
                f"{self.sunday} is a {self.sunday:%A}, not a Sunday; a week is named by the Sunday it starts on"
            )

    @classmethod
    def parse(cls, key: str, first: date | None = None) -> "Week":
        """The week named `key` (YYYY-MM-DD); raises WeekError for any other text."""
        try:
            sunday = date.fromisoformat(key)
        except ValueError:
            raise WeekError(f"'{key}' is not a week; write the Sunday it starts on as YYYY-MM-DD") from None
        first_week = first if first is not None else process_settings().first_week
        if sunday < first_week:
            raise WeekError(f"week {key} is before the pipeline's first week, {first_week} (MATCHME_FIRST_WEEK)")
        return cls(sunday, is_first=sunday == first_week)

    @classmethod
    def last_closed(cls, now: datetime) -> "Week":
        """The newest week whose window has closed at `now`."""
        sunday = now.astimezone(UTC).date()
        sunday -= timedelta(days=sunday.isoweekday() % 7)
        week = cls(sunday)
        while week.cutoff > now:
            week = cls(week.sunday - WEEK)
        return week

    @property
    def key(self) -> str:
        """The partition key."""
        return self.sunday.isoformat()

    @property
    def start(self) -> datetime:
        """The first moment of the window."""
        return datetime.combine(self.sunday, WINDOW_START)

    @property
    def items_from(self) -> datetime:
        """The first moment from which content items belong to this week."""
        return datetime(1970, 1, 1, tzinfo=UTC) if self.is_first else self.start

    @property
    def cutoff(self) -> datetime:
        """The window's end: the week's assets use the data as of this moment."""
        return self.start + WEEK

    @property
    def match_week(self) -> date:
        """The date under which members see this week's matches (`weekly_matches.week_start_date`)."""
        return self.cutoff.date()

    @property
    def previous(self) -> "Week":
        """The week before."""
        return Week(self.sunday - WEEK)

    def require_closed(self, now: datetime) -> None:
        """Raise WeekError unless the window has closed at `now`."""
        if now < self.cutoff:
            raise WeekError(
                f"week {self.key} is not over: its window closes at {self.cutoff:%Y-%m-%d %H:%M} UTC. "
                f"The newest week that can be materialised is {Week.last_closed(now).key}"
            )
