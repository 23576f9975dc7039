"""Rankings, computed once for all callers, because a ranking reads every member's score."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from matchme_pipeline.api.queries import app_dna
from matchme_pipeline.api.queries.app_dna import LeaderboardRow
from matchme_pipeline.api.snapshots import Snapshot
from matchme_pipeline.database.connection import Connection

# Scores change on Sundays, and for single members between them.
FRESH_SECONDS, OLDEST_SECONDS = 30.0, 120.0
MAX_LEADERS = 100


@dataclass(frozen=True)
class Ranking:
    """The leaders of a city, or of all, and how many members have each score."""

    leaders: list[LeaderboardRow]
    members_by_score: dict[int, int]

    @property
    def total(self) -> int:
        """How many members are ranked."""
        return sum(self.members_by_score.values())

    def rank(self, score: int) -> int:
        """The place of a score: one more than members with a higher one."""
        return 1 + sum(members for other, members in self.members_by_score.items() if other > score)


class Leaderboards:
    """A ranking for each requested city, and one of all members."""

    def __init__(self, connect: Callable[[], AbstractContextManager[Connection]]) -> None:
        self._connect = connect
        self._adding = threading.Lock()
        self._known: dict[str | None, Snapshot[Ranking]] = {}

    def get(self, city_key: str | None) -> Ranking:
        """The ranking of a city, or of all members; at most two minutes old."""
        with self._adding:
            snapshot = self._known.get(city_key)
            if snapshot is None:
                snapshot = self._known[city_key] = Snapshot(
                    lambda: self._count(city_key), fresh_seconds=FRESH_SECONDS, oldest_seconds=OLDEST_SECONDS
                )
        return snapshot.get().value

    def _count(self, city_key: str | None) -> Ranking:
        with self._connect() as connection:
            return Ranking(
                app_dna.leaders(connection, city_key, MAX_LEADERS), app_dna.members_by_score(connection, city_key)
            )
