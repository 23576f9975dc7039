"""The metadata that every materialisation carries, numeric so that the Dagster UI plots it over the weeks."""

from dataclasses import dataclass
from typing import Any

from dagster import MaterializeResult, MetadataValue

from matchme_pipeline.llm.contracts import Usage

# The largest GraphQL Int. Dagster's UI does not plot larger integers, so they become floats.
_MAX_INT = 2**31 - 1


@dataclass(frozen=True)
class StageReport:
    """Counts of one stage: items read, processed, already done and failed."""

    items: int
    processed: int
    reused: int = 0
    failed: int = 0


def materialisation(
    report: StageReport,
    duration_seconds: float,
    usage: Usage | None = None,
    summary: str = "",
    rows: int | None = None,
    **own: Any,
) -> MaterializeResult[None]:
    """The result of an asset: the common figures, the stage's own metadata and the usage of its model calls.

    `usage` is None for a stage without model calls, whose page then shows no zeros. `summary` is Markdown and comes
    first; the default is a sentence about the common figures. `rows` is the number of the week's rows in the table.
    """
    return MaterializeResult(
        metadata={
            name: _plotted(value)
            for name, value in {
                "summary": MetadataValue.md(summary or _in_words(report, duration_seconds, usage)),
                **({"dagster/row_count": rows} if rows is not None else {}),
                "items": report.items,
                "processed": report.processed,
                "reused": report.reused,
                "failed": report.failed,
                "duration_seconds": round(duration_seconds, 3),
                **(_spent(usage) if usage is not None else {}),
                **{
                    name: value if not isinstance(value, dict | list) else MetadataValue.json(value)
                    for name, value in own.items()
                },
            }.items()
        }
    )


def _plotted(value: Any) -> Any:
    return float(value) if isinstance(value, int) and abs(value) > _MAX_INT else value


def _spent(usage: Usage) -> dict[str, float]:
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens": usage.tokens,
        # Dagster's numbers are floats. The ledger's numeric is exact; ten decimals survive the conversion.
        "cost_usd": float(usage.cost_usd),
        "model_calls": usage.calls,
    }


def _in_words(report: StageReport, duration_seconds: float, usage: Usage | None) -> str:
    parts = [f"**{report.items:,} items**: {report.processed:,} processed, {report.reused:,} unchanged"]
    parts.append(f"**{report.failed:,} failed**" if report.failed else "none failed")
    spent = ""
    if usage is not None and usage.calls:
        spent = f" {usage.calls:,} model calls took {usage.tokens:,} tokens and {usage.cost_usd:.4f} USD."
    return f"{', '.join(parts)}, in {duration_seconds:.1f} s.{spent}"
