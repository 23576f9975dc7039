"""`make chaos`: rounds of the campaign, one after another, and their table."""

import argparse
import sys

from matchme_pipeline_tests.chaos.late import late_equals_on_time
from matchme_pipeline_tests.chaos.rounds import Campaign
from matchme_pipeline_tests.chaos.table import line, table
from matchme_pipeline_tests.chaos.world import WEEKS, World

MEMBERS = 100
FAULT_CHARACTERS = 500
# More than twice through the plan: with the acts that miss their moment, still over fifty disturbances.
ROUNDS = 40


def main() -> int:
    """Play the rounds; 1 where one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="moments, strengths and victims follow from it")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the number of the first one")
    parser.add_argument("--late", action="store_true", help="play a late week against one on time as well")
    parser.add_argument("--members", type=int, default=MEMBERS, help="how many people live in the campaign's world")
    parser.add_argument("--keep", action="store_true", help="leave the server up for a look at failed rounds")
    parser.add_argument(
        "--executor",
        choices=["in_process", "multiprocess"],
        default="in_process",
        help="whether the disturbed runs are the command's one process, or have a process for each step",
    )
    wanted = parser.parse_args()
    world = World(wanted.members, weeks=len(WEEKS))
    outcomes = []
    failed = False
    try:
        campaign = Campaign(world, wanted.seed, wanted.executor)
        for number in range(wanted.first, wanted.first + wanted.rounds):
            outcomes.append(campaign.play(number))
            print(line(outcomes[-1]), flush=True)
            for fault in outcomes[-1].verdict.faults:
                print(f"           {fault[:FAULT_CHARACTERS]}", flush=True)
        if wanted.late:
            late = late_equals_on_time(world)
            failed = not late.passed
            print(late, flush=True)
    finally:
        if wanted.keep:
            print(f"the server is up: {world.server.url('postgres')}")
        else:
            world.close()
    print(f"\nseed {wanted.seed}, rounds {wanted.first} to {wanted.first + wanted.rounds - 1}\n{table(outcomes)}")
    return 1 if failed or any(outcome.verdict.faults for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
