"""Late equals on time: six weeks in order, against the same weeks with the third one backfilled at the end."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.population.reviews import review_insights
from matchme_pipeline.week import Week
from matchme_pipeline_tests.chaos import processes
from matchme_pipeline_tests.chaos.model_server import CountingServer
from matchme_pipeline_tests.chaos.rows import Rows, differences, result_rows
from matchme_pipeline_tests.chaos.world import WEEKS, World

MISSED = WEEKS[2]
IN_ORDER = WEEKS
LATE = (*WEEKS[:2], *WEEKS[3:], MISSED)
# Equal to the last row. Of the jobs, posts and answers too: a late week asks and finds what it would have on time.
EQUAL = (
    "content_items", "user_insights", "insight_sources", "posts", "user_embeddings", "trait_distribution",
    "content_originality", "dna_score_history", "mysoul_dna_scores", "content_embeddings",
)  # fmt: skip

Pairs = dict[str, set[tuple[str, str]]]


@dataclass(frozen=True)
class LateOutcome:
    """How the late timeline compares; pairs are of the missed week, each counted once."""

    differing: list[str]
    rows_compared: int
    pairs_on_time: int
    pairs_equal: int
    pairs_shown_by_later_weeks: int
    pairs_repeated: int

    @property
    def passed(self) -> bool:
        """All rows equal, nobody met twice, and every pair that no later week has shown is there."""
        accounted = self.pairs_equal + self.pairs_shown_by_later_weeks
        return not self.differing and self.pairs_repeated == 0 and accounted == self.pairs_on_time

    def __str__(self) -> str:
        return (
            f"late = on time: {self.rows_compared:,} rows of {len(EQUAL)} tables, "
            f"{'all equal' if not self.differing else 'DIFFERENT: ' + '; '.join(self.differing)}; of the week's "
            f"{self.pairs_on_time} pairs {self.pairs_equal} equal, {self.pairs_shown_by_later_weeks} shown by a later "
            f"week, {self.pairs_repeated} shown twice"
        )


def late_equals_on_time(world: World) -> LateOutcome:
    """Play both timelines and compare what they leave."""
    on_time, pairs, offered = _timeline(world, IN_ORDER)
    # What a member said again after the missed week is offered by a later week where the missed one comes last. Members
    # do the same in both timelines, so they pass over it here as they do there.
    late, late_pairs, _ = _timeline(world, LATE, unseen=offered)
    differing = [
        str(difference) for difference in differences({t: on_time[t] for t in EQUAL}, {t: late[t] for t in EQUAL})
    ]
    missed = MISSED.match_week.isoformat()
    elsewhere = {pair for week, own in late_pairs.items() if week != missed for pair in own}
    shown = [pair for own in late_pairs.values() for pair in own]
    return LateOutcome(
        differing=differing,
        rows_compared=sum(on_time[table].total() for table in EQUAL),
        pairs_on_time=len(pairs[missed]),
        pairs_equal=len(pairs[missed] & late_pairs.get(missed, set())),
        pairs_shown_by_later_weeks=len(pairs[missed] & elsewhere),
        pairs_repeated=len(shown) - len(set(shown)),
    )


def _timeline(
    world: World, weeks: Sequence[Week], unseen: Collection[UUID] = ()
) -> tuple[Rows, Pairs, frozenset[UUID]]:
    """Materialise `weeks` one after another; members review what each but the missed one offered them.

    Returns the rows, the pairs, and the insights that stand as offered by the missed week.
    """
    url = world.copy()
    with CountingServer() as server:
        for week in weeks:
            run = processes.run_week(world.environment(url, server.url), [week])
            if run.wait() != 0:
                raise RuntimeError(f"week {week.key} failed: {run.text()[-1000:]}")
            if week != MISSED:
                with connect(url) as connection:
                    review_insights(connection, week_cutoff=week.cutoff, seed=7, unseen=unseen)
    with connect(url) as connection:
        offered = connection.execute("select id from user_insights where created_at = %s", [MISSED.cutoff]).fetchall()
        found = result_rows(connection), _pairs(connection), frozenset(insight_id for (insight_id,) in offered)
    world.drop(url)
    return found


def _pairs(connection: Connection) -> Pairs:
    rows = connection.execute(
        """
        select week_start_date::text, user_id, match_user_id
        from weekly_matches
        where user_id < match_user_id
        """
    ).fetchall()
    found: Pairs = {}
    for week, a, b in rows:
        found.setdefault(week, set()).add((a, b))
    return found
