"""Candidates searched for over a Ray cluster of two nodes are those of one process, to the byte.

Run by `make test-distributed`, which installs the extra `ray`.
"""

import dataclasses
import importlib.util
import os
from collections.abc import Iterator

import numpy as np
import pytest

from matchme_pipeline.matching.engine.candidates import find_candidates
from matchme_pipeline.matching.rules.compatibility import Profiles
from matchme_pipeline_tests.bench.million import drawn

pytestmark = [
    pytest.mark.skipif("TEST_DISTRIBUTED" not in os.environ, reason="run by make test-distributed"),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the extra `ray` is missing"),
]
MEMBERS = 3_000


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[None]:
    # Read when Ray is imported; the nodes of this test are on one machine and need no common token.
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    yield
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def profiles() -> Profiles:
    """Men and women, some of whom look for their own gender."""
    profiles: Profiles = drawn(MEMBERS)
    members = profiles.members
    wishes = members.wants_gender.copy()
    wishes[::20] = 1 << members.gender[::20]
    return dataclasses.replace(profiles, members=dataclasses.replace(members, wants_gender=wishes))


def test_two_nodes_find_the_candidates_of_one_process(two_nodes: None, profiles: Profiles) -> None:
    from matchme_pipeline.matching.engine.ray_fan_out import RayTasks

    rng = np.random.default_rng(1)
    met = rng.integers(0, MEMBERS, size=(5_000, 2))
    steps: list[tuple[int, int]] = []
    here = find_candidates(profiles, met)
    there = find_candidates(profiles, met, fan_out=RayTasks(), advance=lambda done, total: steps.append((done, total)))
    for name in ("a", "b", "score", "possibilities"):
        assert getattr(here, name).tobytes() == getattr(there, name).tobytes(), name
    assert (here.eligible_pairs, here.upper_bound, here.calibration, here.removed) == (
        there.eligible_pairs, there.upper_bound, there.calibration, there.removed,
    )  # fmt: skip
    assert len(here.a) > MEMBERS // 2
    # Both nodes took part, and every row was reported.
    assert sum(done for done, _ in steps) == steps[0][1]
    assert len(steps) >= 2
