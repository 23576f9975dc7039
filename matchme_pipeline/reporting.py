"""The metadata that every materialisation carries, numeric so that the Dagster UI plots it over the weeks."""

from dataclasses import dataclass
from typing import Any

from dagster import MaterializeResult, MetadataValue

from matchme_pipeline.llm.contracts import Usage


@dataclass(frozen=True)
class StageReport:
    """What one stage did: items it looked at, worked on, found done already, and failed at."""

    items: int
    processed: int
    reused: int = 0
    failed: int = 0


def materialisation(
    report: StageReport, duration_seconds: float, usage: Usage | None = None, summary: str = "", **own: Any
) -> MaterializeResult[None]:
    """The result of an asset: the common figures, the stage's own metadata, and what its model calls took.

    `usage` is None for a stage that calls no model: its page shows no row of zeros. `summary` comes first.
    """
    first = {"summary": MetadataValue.md(summary)} if summary else {}
    return MaterializeResult(
        metadata={
            **first,
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
        }
    )


def _spent(usage: Usage) -> dict[str, float]:
    return {
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "tokens": usage.tokens,
        # Dagster's numbers are floats; the ledger's numeric is the truth, and ten decimals survive the trip.
        "cost_usd": float(usage.cost_usd),
        "model_calls": usage.calls,
    }
