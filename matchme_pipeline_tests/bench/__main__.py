"""All measurements, one after another; name some to run those alone: `… -m matchme_pipeline_tests.bench search`."""

import sys

from matchme_pipeline_tests.bench import (
    api,
    dna,
    executors,
    fairness,
    learning,
    llm,
    matches,
    matching_speed,
    queue,
    search,
    whole_week,
)

BENCHES = {
    "matches": matches.main,
    "fairness": fairness.main,
    "learning": learning.main,
    "matching_speed": matching_speed.main,
    "search": search.main,
    "llm": llm.main,
    "dna": dna.main,
    "whole_week": whole_week.main,
    "queue": queue.main,
    "executors": executors.main,
    "api": api.main,
}


def main() -> None:
    """Run the named benches, or all."""
    names = sys.argv[1:] or list(BENCHES)
    for name in names:
        if name not in BENCHES:
            raise SystemExit(f"there is no bench '{name}'; there are: {', '.join(BENCHES)}")
        print(f"\n== {name}")
        BENCHES[name]()


if __name__ == "__main__":
    main()
