"""A materialisation's figures are numbers that Dagster's UI can plot, however large the population is."""

from decimal import Decimal

import pytest
from dagster import MetadataValue

from matchme_pipeline.llm.contracts import Usage
from matchme_pipeline.reporting import StageReport, materialisation


@pytest.mark.parametrize("count", [0, 7, 2**31 - 1, 2**31, 3_000_000_000, 10**12])
def test_every_count_is_a_number_that_graphql_carries(count: int):
    usage = Usage(input_tokens=count, cached_input_tokens=0, output_tokens=count, calls=1, cost_usd=Decimal(1))
    result = materialisation(StageReport(items=count, processed=count), 1.0, usage, rows=3, eligible_pairs=count)
    metadata = result.metadata or {}
    for name in ("items", "processed", "input_tokens", "eligible_pairs"):
        assert metadata[name] == count
    for value in metadata.values():
        assert not isinstance(value, int) or value < 2**31
    assert isinstance(metadata["summary"], type(MetadataValue.md("")))
