"""Shares of the scan as tasks of Ray, on all machines of a cluster. Needs the extra `ray`."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from matchme_pipeline.matching.engine.fan_out import Scan, ScanShares, ShareResult, scan_share
from matchme_pipeline.matching.engine.pair_scan import Known
from matchme_pipeline.matching.engine.pruning import Bounds


class RayTasks:
    """Runs shares in Ray's worker processes, one for each processor of the cluster at RAY_ADDRESS.

    Without RAY_ADDRESS Ray starts on this machine alone, and ends with the scan. Members are stored once on each
    machine, and its workers read them there.
    """

    @contextmanager
    def over(self, known: Known, bounds: Bounds) -> Iterator[ScanShares]:
        """As in `FanOut`."""
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        # The import takes seconds; only a process that matches with Ray needs it.
        import ray

        is_own = not ray.is_initialized()
        if is_own:
            ray.init(log_to_driver=False)
        try:
            share = ray.remote(num_cpus=1)(_scan_blocks)
            members = ray.put((known, bounds))
            tasks = max(1, int(ray.cluster_resources().get("CPU", 1)))

            def scan(whole: Scan, advance: Callable[[int], None]) -> Iterable[ShareResult]:
                scanned = ray.put(whole)
                # Neighbouring blocks are similar: distributed in turn, they give every share some of each kind.
                begins = [list(whole.begins[number::tasks]) for number in range(tasks)]
                waiting = [share.remote(members, scanned, own) for own in begins if own]
                while waiting:
                    (ready,), waiting = ray.wait(waiting)
                    result: ShareResult = ray.get(ready)
                    advance(sum(len(rows) for rows, _, _ in result.blocks))
                    yield result

            yield scan
        finally:
            if is_own:
                ray.shutdown()


def _scan_blocks(members: tuple[Known, Bounds], scan: Any, begins: list[int]) -> ShareResult:
    known, bounds = members
    return scan_share(known, bounds, scan, begins)
