"""A small campaign: some disturbances of every run of the tests; `make chaos` plays the large one."""

from collections import Counter
from collections.abc import Iterator

import pytest

from matchme_pipeline_tests.chaos import disturbances as acts
from matchme_pipeline_tests.chaos.rounds import FIRST, Campaign
from matchme_pipeline_tests.chaos.rows import differences
from matchme_pipeline_tests.chaos.world import World

MEMBERS = 40
# Every sort of disturbance in as few runs as can be: workers, a kill, the database, the model's answers, two at once.
PLAN = (
    (FIRST, (acts.workers_and_one_killed, acts.stop_postgres)),
    (FIRST, (acts.bad_answers, acts.twice_and_one_killed)),
)


@pytest.fixture
def campaign() -> Iterator[Campaign]:
    world = World(MEMBERS, weeks=1)
    yield Campaign(world, seed=3)
    world.close()


def test_a_plain_re_run_ends_a_disturbed_week_as_if_nothing_had_happened(campaign: Campaign):
    """Both rounds in one test: they compare with the same undisturbed week, which takes as long as a round."""
    for number in range(len(PLAN)):
        outcome = campaign.play(number, PLAN)
        assert outcome.verdict.faults == []
        assert len(outcome.disturbances) >= 2


def test_a_row_that_is_missing_and_one_that_is_new_are_both_told():
    expected = {"weekly_matches": Counter(["a", "b"]), "posts": Counter(["p"])}
    (difference,) = differences(expected, {"weekly_matches": Counter(["a", "c", "c"]), "posts": Counter(["p"])})
    assert (difference.table, difference.missing, difference.surplus) == ("weekly_matches", 1, 2)
