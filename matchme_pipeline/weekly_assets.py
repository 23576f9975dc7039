"""Dagster's side of the week: its partitions, and the decorators of assets and checks that run for one week."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial, wraps
from typing import Any

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    BackfillPolicy,
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
from matchme_pipeline.week import READY_AFTER, WINDOW_START, Week

PARTITIONS_IN_WORDS = "A partition is a week, named by the Sunday on which it begins (02:00 UTC)."
# end_offset: the open week is a partition too, because the daily run analyses its content.
weekly_partitions = WeeklyPartitionsDefinition(
    start_date=process_settings().first_week.isoformat(), day_offset=0, hour_offset=WINDOW_START.hour, end_offset=1
)


# Dagster would repeat these warnings for every asset and check.
warnings.filterwarnings("ignore", message="Class `(LocalFileCodeReference|CodeRef)", category=BetaWarning)
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=PreviewWarning)
warnings.filterwarnings("ignore", message="Parameter `backfill_policy`", category=BetaWarning)
# `dagster.asset_check` for one week: "Execute" in the UI asks for the week and passes it to the check.
weekly_check = partial(asset_check, partitions_def=weekly_partitions)


def weekly_asset(
    description: str, metadata: dict[str, Any], **options: Any
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    """`dagster.asset` for one week; `metadata` names its `table`.

    It adds the table's columns, a sentence on partitions, a link to the code, and a freshness policy for Sunday 07:00
    UTC.
    """

    def decorate(materialise: Callable[..., Any]) -> AssetsDefinition:
        made: AssetsDefinition = asset(
            partitions_def=weekly_partitions,
            # A backfill launches one run per week in order, because a week's matches depend on earlier weeks' matches.
            backfill_policy=BackfillPolicy.multi_run(max_partitions_per_run=1),
            description=f"{description} {PARTITIONS_IN_WORDS}",
            metadata={**of_table(metadata["table"]), **metadata, "dagster/code_references": _code_of(materialise)},
            # Between the start of the weekly schedule and the hour at which members open the app.
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
    """`materialise` with a few rows of the week in its result."""

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

    The open week is a partition for the daily run, so "All" and "Missing" in the UI include it. There this asset and
    its downstream assets are skipped, and the log says when the week can be materialised.
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
    """The week that a content asset is materialised for; it may be open but not in the future."""
    week = Week.parse(context.partition_key)
    if datetime.now(UTC) < week.start:
        raise WeekError(f"week {week.key} is in the future: its window opens at {week.start:%Y-%m-%d %H:%M} UTC")
    return week


def is_over(context: AssetExecutionContext, dagster_run_id: str) -> bool:
    """Has the other run ended, or is it this run? Then its claims can be released."""
    if dagster_run_id == context.run.run_id:
        return True
    run = context.instance.get_run_by_id(dagster_run_id)
    return run is None or run.is_finished
