"""What the materialisation says of a week is what the week's rows show."""

from collections import Counter

import pytest
from dagster import DagsterInstance

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.engine.fairness import gini
from matchme_pipeline_tests.materialising import WEEKS, materialise

LAST = WEEKS[-1]
FILTERS = {
    "gender", "age", "distance", "education", "marital_status", "children", "religiosity", "sect", "hijab", "met_before"
}  # fmt: skip


def test_coverage_exposure_bound_and_what_filters_removed_are_reported(finished: Connection, finished_url: str):
    with DagsterInstance.ephemeral() as instance:
        result = materialise(finished_url, LAST, "weekly_matches", instance=instance)
    (event,) = result.get_asset_materialization_events()
    said = {name: value.value for name, value in event.materialization.metadata.items()}
    lists = [
        count
        for (count,) in finished.execute(
            "select count(*) from weekly_matches where week_start_date = %s group by user_id", [LAST.match_week]
        )
    ]
    without = said["members_with_possibilities"] - len(lists)
    assert said["matches"] == sum(lists)
    assert said["members_covered"] == len(lists)
    assert said["coverage"] == pytest.approx(len(lists) / said["members_with_possibilities"])
    assert said["exposure_gini"] == pytest.approx(gini([*lists, *[0] * without]))
    by_size = {size: count for size, count in said["lists_by_size"].items() if count}
    assert by_size == {str(size): count for size, count in Counter([*lists, *[0] * without]).items() if count}
    assert said["share_of_optimum"] == 1.0
    assert said["places_left_empty"] == 0
    assert said["largest_list"] == max(lists)
    assert 0.5 < said["share_of_upper_bound"] <= 1
    removed = said["pairs_removed_by_filter"]
    assert set(removed) == FILTERS
    pairs = said["items"] * (said["items"] - 1) // 2
    assert sum(removed.values()) - removed["met_before"] + said["eligible_pairs"] == pairs
    assert removed["met_before"] > 0
