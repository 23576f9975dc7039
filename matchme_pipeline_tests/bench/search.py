"""One member's search between Sundays: how long it takes and what it finds, against looking at everybody.

10,000 seeded members with vectors of their biographies, 100 searches evenly spaced by id (other numbers as arguments):
the ten best of the search through the index, of the same search by an exact scan in SQL, and of the engine that looks
at every pair. A partner counts as found with the engine's score.
"""

import os
import sys
from datetime import date
from time import perf_counter

os.environ["MATCHME_FIRST_WEEK"] = "2026-01-04"

import numpy as np

from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.embeddings import nearest
from matchme_pipeline.embeddings import queries as embeddings
from matchme_pipeline.embeddings.queries import VectorRow
from matchme_pipeline.llm.local.encoder import MODEL, item_vectors, process_encoder
from matchme_pipeline.matching import member_queries, pair_history_queries, scale_queries
from matchme_pipeline.matching.rules.limits import USUAL
from matchme_pipeline.matching.scale_queries import Scale
from matchme_pipeline.matching.search import recall_check
from matchme_pipeline.matching.search.member_search import MAX_SCORED, Moment, find_matches
from matchme_pipeline.matching.week import weekly_matching
from matchme_pipeline.population.seed import seed_population
from matchme_pipeline.week import Week
from matchme_pipeline_tests.bench.own_server import own_server, with_tables

SEARCHED = 100
SEED = 7
WEEK = Week(date(2026, 1, 4), is_first=True)


def main(members: int = 10_000, searched: int = SEARCHED) -> None:
    """Print the index's build time and size, and for each way recall and seconds."""
    with own_server() as server, connect(with_tables(server)) as connection:
        seed_population(connection, users=members, weeks=1, first_week=WEEK.sunday, seed=SEED)
        _write_vectors(connection)
        connection.execute("analyze")
        _measure(connection, members, searched)


def _write_vectors(connection: Connection) -> None:
    rows = [(user_id, canonical_text(bio)) for user_id, bio in embeddings.biographies_as_of(connection, WEEK.cutoff)]
    spoken = [(user_id, bio) for user_id, bio in rows if bio]
    vectors = item_vectors([bio for _, bio in spoken], process_encoder())
    group = [
        VectorRow(user_id, vector, 1, {"bio": 1}, [], "bench")
        for (user_id, _), vector in zip(spoken, vectors, strict=True)
        if vector.any()
    ]
    started = perf_counter()
    embeddings.replace_member_vectors(connection, WEEK.sunday, MODEL, [group], {row.user_id for row in group})
    print(f"{len(group):,} vectors written in {perf_counter() - started:.1f} s")


def _measure(connection: Connection, members: int, searched: int) -> None:
    outcome = nearest.refresh_index(connection, WEEK.sunday, MODEL)
    name = nearest.index_name(WEEK.sunday, MODEL)
    size = connection.execute("select pg_relation_size(%s::regclass)", [name]).fetchone()
    print(f"index {outcome.state} in {outcome.seconds:.1f} s, {(size[0] if size else 0) / 2**20:.0f} MB")
    engine = weekly_matching.load_engine(connection, WEEK, MODEL)
    candidates = engine.candidates([])
    scale = Scale(engine.centre, *candidates.calibration)
    scale_queries.save_scale(connection, WEEK.sunday, MODEL, scale)
    moment = Moment(WEEK.cutoff, WEEK.sunday, WEEK.match_week, MODEL, USUAL)
    possible = [engine.profiles.members.user_ids[place] for place in np.flatnonzero(candidates.possibilities)]
    sample = recall_check.evenly(possible, searched)
    partners = [int(candidates.possibilities[engine.position[user_id]]) for user_id in sample]
    print(
        f"{members:,} members, {len(engine.position):,} can be matched; those searched for have "
        f"{np.median(partners):,.0f} eligible partners in the median, {max(partners):,} at most"
    )
    print(f"{'way':<42}{'recall':>8}{'median s':>10}{'95 % s':>8}{'most s':>8}")
    for title, through_index, most in (
        (f"index, the {MAX_SCORED:,} nearest scored", True, MAX_SCORED),
        ("index, the 200 nearest scored", True, 200),
        ("index, the 50 nearest scored", True, 50),
        (f"exact scan, the {MAX_SCORED:,} nearest scored", False, MAX_SCORED),
    ):
        found, expected, seconds = 0, 0, []
        excluded = pair_history_queries.pairs_in_conversation(connection, WEEK.cutoff, engine.profiles.members.user_ids)
        for user_id in sample:
            [seeker] = member_queries.members_as_of(connection, WEEK.cutoff, [user_id])
            ids, vectors = member_queries.member_vectors(connection, WEEK.sunday, MODEL, [user_id])
            vector = vectors[0] if ids else None
            best = recall_check.exact_best(engine, user_id, excluded, scale.calibration)
            started = perf_counter()
            matches = find_matches(connection, seeker, vector, moment, scale, most, through_index=through_index)
            seconds.append(perf_counter() - started)
            expected += len(best)
            found += len({(match.b, int(match.score * 100)) for match in matches}.intersection(best))
        spread = (np.median(seconds), np.quantile(seconds, 0.95), max(seconds))
        print(f"{title:<42}{found / max(expected, 1):>8.3f}{spread[0]:>10.3f}{spread[1]:>8.3f}{spread[2]:>8.3f}")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
