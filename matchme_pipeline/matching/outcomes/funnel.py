"""The funnel: the stages of a shown pair, defined only here; pure.

An outcome is one side of a shown pair: a member, the partner in their list, and the events up to the cutoff.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

# Days from the first message after which another message means that the two are still talking.
STILL_TALKING_DAYS = 14
# Messages in each direction are counted up to this number.
MAX_MESSAGES = 50
# A match week is observed at this many cutoffs: seven days after it was shown, and so on. Then its outcomes are final.
OBSERVED_WEEKS = 4

Table = pd.DataFrame


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its meaning, and which rows of outcomes have reached it (booleans)."""

    name: str
    definition: str
    reached: Callable[[Table], "pd.Series[bool]"]


STAGES = (
    Stage("shown", "The pair is in the member's list of a match week.", lambda t: pd.Series(True, t.index)),
    Stage(
        "viewed",
        "The member opened the match by the cutoff; an action or a message to the partner counts as opening.",
        lambda t: t["viewed"],
    ),
    Stage(
        "engaged",
        "The member acted on the match: liked, passed, or something that the app did not name.",
        lambda t: t["engaged"],
    ),
    Stage("liked", "The member liked the partner.", lambda t: t["liked"]),
    Stage("mutual", "Both members liked each other.", lambda t: t["liked"] & t["partner_liked"]),
    Stage(
        "conversation",
        "One of the two wrote the first message after the match was shown.",
        lambda t: t["began"] | t["partner_began"],
    ),
    Stage("replied", "The one who was written to wrote back.", lambda t: t["replied"]),
    Stage(
        "talking",
        f"A message was sent {STILL_TALKING_DAYS} days or more after the first.",
        lambda t: t["talking_after_14_days"].fillna(False).astype(bool),
    ),
)
DEFINITIONS: Mapping[str, str] = {stage.name: stage.definition for stage in STAGES}


def counts(outcomes: Table) -> dict[str, int]:
    """How many rows of `outcomes` have reached each stage, in the order of STAGES."""
    return {stage.name: int(stage.reached(outcomes).sum()) for stage in STAGES}


def counts_by(outcomes: Table, column: str) -> dict[str, dict[str, int]]:
    """`counts` for every value of `column`, in order."""
    return {str(value): counts(rows) for value, rows in outcomes.groupby(column, sort=True)}


def newest_of_each(outcomes: Table) -> Table:
    """Of each shown side the row of the newest cutoff, ordered by match week and ids."""
    order = ["match_week", "user_id", "match_user_id"]
    return outcomes.sort_values([*order, "week"]).drop_duplicates(order, keep="last").reset_index(drop=True)
