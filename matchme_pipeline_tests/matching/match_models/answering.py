"""Made-up members who answer week after week by a truth of their own, written straight into the outcomes."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import copy_rows
from matchme_pipeline.matching.rules.weights import ALGORITHM_VERSION, WEIGHTS
from matchme_pipeline.week import WEEK, Week

WEEKS = tuple(Week(date(2026, 1, 4) + n * WEEK, is_first=n == 0) for n in range(9))
SHOWN_EACH = 5
_COLUMNS = {
    "week": "date",
    "match_week": "date",
    "user_id": "text",
    "match_user_id": "text",
    "rank": "int4",
    "score": "numeric",
    "factors_version": "text",
    "factors": "float4[]",
    **dict.fromkeys(("viewed", "engaged", "liked", "passed", "began", "partner_began", "replied"), "bool"),
    "messages_sent": "int4",
    "messages_received": "int4",
    "reported": "bool",
}


@dataclass
class Answering:
    """So many women and men; `spread` is how far they differ in popularity and selectivity, in log-odds."""

    each: int = 120
    spread: float = 1.3
    pull: float = 1.0
    seed: int = 0
    likes: np.ndarray = field(init=False)
    liked: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.seed)
        self.likes, self.liked = random.normal(0, self.spread, (2, 2 * self.each))

    def ids(self, place: int) -> str:
        return f"user_{place:04d}"

    def answer_week(self, connection: Connection, week: Week, version: str = ALGORITHM_VERSION) -> None:
        """Show pairs in the week before, and observe at this week's cutoff what became of them."""
        random = np.random.default_rng([self.seed, week.sunday.toordinal()])
        women = random.permutation(self.each)
        offsets = random.choice(self.each, SHOWN_EACH, replace=False)
        rows = []
        for rank, offset in enumerate(offsets.tolist(), start=1):
            for woman in range(self.each):
                man = self.each + int(women[(woman + offset) % self.each])
                factors = np.round(random.random(len(WEIGHTS)), 4)
                score = Decimal(round(100 * float(factors @ list(WEIGHTS.values())))).scaleb(-2)
                for one, other in ((woman, man), (man, woman)):
                    odds = -0.8 + self.likes[one] + self.liked[other] + self.pull * (factors[0] - 0.5)
                    views = bool(random.random() < 1 - 0.1 * rank)
                    liked = views and bool(random.random() < 1 / (1 + np.exp(-odds)))
                    did = (views, views, liked, views and not liked, False, False, False, 0, 0, False)
                    ids = (self.ids(one), self.ids(other))
                    rows.append((week.sunday, week.sunday, *ids, rank, score, version, factors.tolist(), *did))
        copy_rows(connection, "match_outcomes", list(_COLUMNS), list(_COLUMNS.values()), rows)
