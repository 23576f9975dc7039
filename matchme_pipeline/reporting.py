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
    report: StageReport, duration_seconds: float, usage: Usage | None = None, **own: Any
) -> MaterializeResult[None]:
    """The result of an asset: the common figures, the model calls' tokens and cost, and the stage's own metadata."""
    spent = usage or Usage()
    return MaterializeResult(
        metadata={
            "items": report.items,
            "processed": report.processed,
            "reused": report.reused,
            "failed": report.failed,
            "input_tokens": spent.input_tokens,
            "cached_input_tokens": spent.cached_input_tokens,
            "output_tokens": spent.output_tokens,
            "tokens": spent.tokens,
            # Dagster's numbers are floats; the ledger's numeric is the truth, and ten decimals survive the trip.
            "cost_usd": float(spent.cost_usd),
            "model_calls": spent.calls,
            "duration_seconds": round(duration_seconds, 3),
            **{
                name: value if not isinstance(value, dict | list) else MetadataValue.json(value)
                for name, value in own.items()
            },
        }
    )
