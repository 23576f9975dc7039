"""The week: the partition that every asset shares, its window and its cutoff."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial, wraps
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    BetaWarning,
    CodeReferencesMetadataValue,
    FreshnessPolicy,
    LocalFileCodeReference,
    MaterializeResult,
    PreviewWarning,
    WeeklyPartitionsDefinition,
    asset,
    asset_check,
)

from matchme_pipeline.errors import WeekError
from matchme_pipeline.row_preview_queries import row_preview
from matchme_pipeline.settings import process_settings
from matchme_pipeline.table_metadata import of_table

WEEK = timedelta(days=7)
# Sunday 07:00 UTC, when members look: five hours after the window closes.
READY_AFTER = timedelta(hours=5)
PARTITIONS_IN_WORDS = "A partition is a week, named by the Sunday on which it begins (02:00 UTC)."
# Sunday 02:00 UTC: the quietest hour of the app's day, and the hour the schedule ticks.
WINDOW_START = time(hour=2, tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Week:
    """One weekly partition; its window runs from `start` (inclusive) to `cutoff` (exclusive), both UTC."""

    sunday: date
    # The pipeline's first week also takes in everything that was shared before it.
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
            raise WeekError(f"'{key}' is no week; write the Sunday it starts on as YYYY-MM-DD") from None
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


# end_offset: the open week is a partition too, because the daily run analyses what was shared in it so far.
weekly_partitions = WeeklyPartitionsDefinition(
    start_date=process_settings().first_week.isoformat(), day_offset=0, hour_offset=WINDOW_START.hour, end_offset=1
)


# Dagster says these once for every asset and check.
warnings.filterwarnings("ignore", message="Class `(LocalFileCodeReference|CodeRef)", category=BetaWarning)
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=PreviewWarning)
# `dagster.asset_check` for one week, so that the UI's "Execute" asks which and the check knows it.
weekly_check = partial(asset_check, partitions_def=weekly_partitions)


def weekly_asset(
    description: str, metadata: dict[str, Any], **options: Any
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """`dagster.asset` for one week, explained to the catalogue; `metadata` names its `table`.

    It adds the table's columns, partitions in words and a link to the code; fresh is what is there by Sunday 07:00 UTC.
    """

    def decorate(materialise: Callable[..., Any]) -> AssetsDefinition:
        made: AssetsDefinition = asset(
            partitions_def=weekly_partitions,
            description=f"{description} {PARTITIONS_IN_WORDS}",
            metadata={**of_table(metadata["table"]), **metadata, "dagster/code_references": _code_of(materialise)},
            # Between the tick of the weekly schedule and the hour at which members look.
            freshness_policy=FreshnessPolicy.cron(deadline_cron="0 7 * * 0", lower_bound_delta=READY_AFTER),
            tags={
                "matchme/table": metadata["table"],
                "matchme/calls_models": "yes" if options.get("pool") == "model_calls" else "no",
            },
            **options,
        )(_with_rows(materialise, metadata["table"]))
        return made

    return decorate


def _with_rows(materialise: Callable[..., Any], table: str) -> Callable[..., Any]:
    """`materialise`, whose result also shows a few rows of the week."""

    def shown(
        result: MaterializeResult[None], context: AssetExecutionContext, database: Any
    ) -> MaterializeResult[None]:
        with database.connect() as connection:
            rows = row_preview(connection, table, date.fromisoformat(context.partition_key))
        return result._replace(metadata={**(result.metadata or {}), **rows})

    if inspect.isgeneratorfunction(materialise):

        @wraps(materialise)
        def each(context: AssetExecutionContext, **resources: Any) -> Iterator[MaterializeResult[None]]:
            for result in materialise(context, **resources):
                yield shown(result, context, resources["database"])

        return each

    @wraps(materialise)
    def one(context: AssetExecutionContext, **resources: Any) -> MaterializeResult[None]:
        return shown(materialise(context, **resources), context, resources["database"])

    return one


def _code_of(function: Callable[..., Any]) -> CodeReferencesMetadataValue:
    code = inspect.unwrap(function).__code__
    reference = LocalFileCodeReference(file_path=code.co_filename, line_number=code.co_firstlineno)
    return CodeReferencesMetadataValue(code_references=[reference])


def closed_week_asset(**options: Any) -> Callable[[Callable[..., MaterializeResult[None]]], AssetsDefinition]:
    """`dagster.asset` that needs a closed week; a run of the open week skips it.

    The open week is a partition for the daily run's sake, so that "All" and "Missing" in the UI include it. There
    this asset and what depends on it are skipped, with a line in the log that says when the week can be materialised.
    """

    def decorate(materialise: Callable[..., MaterializeResult[None]]) -> AssetsDefinition:
        @wraps(materialise)
        def unless_open(context: AssetExecutionContext, **resources: Any) -> Iterator[MaterializeResult[None]]:
            week = Week.parse(context.partition_key)
            if week.start <= datetime.now(UTC) < week.cutoff:
                context.log.info(
                    f"skipped: week {week.key} is open until {week.cutoff:%Y-%m-%d %H:%M} UTC; materialise it then"
                )
                return
            yield materialise(context, **resources)

        return weekly_asset(output_required=False, **options)(unless_open)

    return decorate


def week_of(context: AssetExecutionContext) -> Week:
    """The closed week that an asset is materialised for; raises WeekError while its window is open."""
    week = Week.parse(context.partition_key)
    week.require_closed(datetime.now(UTC))
    return week


def open_or_closed_week_of(context: AssetExecutionContext) -> Week:
    """The week that a content asset is materialised for; the open week is allowed, a future one is not."""
    week = Week.parse(context.partition_key)
    if datetime.now(UTC) < week.start:
        raise WeekError(f"week {week.key} lies in the future: its window opens at {week.start:%Y-%m-%d %H:%M} UTC")
    return week


def is_over(context: AssetExecutionContext, dagster_run_id: str) -> bool:
    """Has the other run ended, or is it this run? Then its claims can be released."""
    if dagster_run_id == context.run.run_id:
        return True
    run = context.instance.get_run_by_id(dagster_run_id)
    return run is None or run.is_finished
