"""From files to scored pairs: the weekly engine with data from files instead of tables."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.matching.csv_files import people as reading
from matchme_pipeline.matching.csv_files.learned import CANDIDATES_PER_MEMBER, LearnedScore, learned_score
from matchme_pipeline.matching.csv_files.people import People
from matchme_pipeline.matching.engine.match_engine import Allocation, Engine, Knowledge
from matchme_pipeline.matching.rules.limits import USUAL, Limits
from matchme_pipeline.matching.week.publication_queries import MatchRow
from matchme_pipeline.matching.week.ranking import ranked_rows
from matchme_pipeline.week import WINDOW_START

Vectors = Mapping[str, NDArray[np.float32]]
Row = tuple[MatchRow, bool]
Step = Callable[[str, int | None], None]


@dataclass(frozen=True)
class Request:
    """What to read, the day, and the output file; `candidates`: how many of each member's best partners to write."""

    members: Path
    out: Path
    as_of: date
    texts: Path | None = None
    vectors: Path | None = None
    met: Path | None = None
    candidates: int | None = None
    limits: Limits = USUAL
    outcomes: Path | None = None

    @property
    def cutoff(self) -> datetime:
        """The moment at which the files are evaluated: the hour of a week's cutoff on that day."""
        return datetime.combine(self.as_of, WINDOW_START)

    @property
    def inputs(self) -> list[Path]:
        """The input files."""
        return [path for path in (self.members, self.texts, self.vectors, self.met, self.outcomes) if path is not None]


def match_files(request: Request, step: Step = lambda _name, _total: None) -> dict[str, Any]:
    """Read, match, write; returns the summary. `step` receives each step's name, then None after every advance.

    Raises InputFileError for any error in a file, before anything is written.
    """
    # numba takes a third of a second to load; a rejected file does not need it.
    from matchme_pipeline.matching.csv_files.output import best_rows, require_writable, write_rows
    from matchme_pipeline.matching.engine.members_without_partners import reasons

    require_writable(request.out, request.inputs)
    step("reading", None)
    people = reading.read_members(request.members, request.cutoff, lambda: step("", 1))
    members = {row.user_id for row in people.rows}
    if request.met or request.texts or request.vectors or request.outcomes:
        step("reading more", None)
    met = reading.read_met(request.met, members, people) if request.met else set()
    liked = reading.read_outcomes(request.outcomes, members, people) if request.outcomes else {}
    vectors, source = _vectors(request, people, members, step)
    step("preparing", None)
    engine = Engine(_knowledge(people, vectors), request.cutoff, request.limits)
    per_member = max(request.candidates or 0, CANDIDATES_PER_MEMBER) if liked else request.candidates
    found = engine.candidates(met, per_member, _matching_step(step))
    step("choosing", None)
    learned = learned_score(engine, liked, found.calibration) if liked else None
    values = None if learned is None else learned.points(found.a, found.b).astype(np.float32)
    chosen, allocation = engine.allocate(found, values=values)
    nobody = reasons(engine.profiles.members, found.possibilities)
    step("writing", None)
    if request.candidates:
        written = best_rows(engine, found, chosen, request.candidates, learned)
    else:
        matches = allocation.matches if learned is None else learned.scored(allocation.matches)
        written = ((row, True) for row in ranked_rows(matches, (), ()))
    rows = write_rows(request.out, _counted(written, step), with_answers=learned is not None)
    return {
        **_summary(request, people, allocation, rows, {"vectors": len(vectors), "vectors_from": source}),
        "members_with_nobody": [{"user_id": user_id, "reason": reason} for user_id, reason in nobody.items()],
        **_learned_summary(request, learned),
        "members_with_full_partners": allocation.with_possibilities - allocation.covered,
    }


def _learned_summary(request: Request, learned: LearnedScore | None) -> dict[str, Any]:
    if request.outcomes is None:
        return {}
    return {"learned": {"answers": 0} if learned is None else learned.summary()}


def _matching_step(step: Step) -> Callable[[int, int], None]:
    """Begin the bar with its total at the first advance, then move it."""
    started = False

    def advance(rows: int, total: int) -> None:
        nonlocal started
        with lock:
            if not started:
                started = True
                step("matching", total)
            step("", rows)

    lock = Lock()
    return advance


def _counted(rows: Iterable[Row], step: Step) -> Iterator[Row]:
    for row in rows:
        yield row
        step("", 1)


def _vectors(request: Request, people: People, members: set[str], step: Step) -> tuple[Vectors, str]:
    if people.vectors and request.vectors:
        raise InputFileError(
            f"{request.members} has a column embedding and --vectors names {request.vectors}; give one of them."
        )
    given = people.vectors or (reading.read_vectors(request.vectors, members, people) if request.vectors else {})
    texts = reading.read_texts(request.texts, members, request.cutoff, people) if request.texts else {}
    if given:
        if texts or people.biographies:
            people.notes.append("vectors are given, so texts are not used: their vectors would belong to another model")
        return given, "given"
    if not texts and not people.biographies:
        return {}, "none"
    from matchme_pipeline.matching.csv_files.encoding import member_vectors

    step("encoding texts", len({*texts, *people.biographies}))
    made = member_vectors(texts, people.biographies, request.cutoff, lambda done: step("", done))
    return made, "texts"


def _knowledge(people: People, vectors: Vectors) -> Knowledge:
    ids = sorted(vectors)
    dimensions = vectors[ids[0]].size if ids else 1
    table = np.stack([vectors[user_id] for user_id in ids]) if ids else np.zeros((0, dimensions), dtype=np.float32)
    return Knowledge(people.rows, ids, table, people.dna, people.approved)


def _summary(request: Request, people: People, done: Allocation, rows: int, vectors: dict[str, Any]) -> dict[str, Any]:
    from matchme_pipeline.matching.rules.eligibility import FILTERS

    return {
        "out": str(request.out),
        "as_of": request.as_of.isoformat(),
        "members": len(people.rows),
        "matchable": done.matchable,
        "not_matchable": dict(done.not_matchable),
        **vectors,
        "eligible_pairs": done.eligible_pairs,
        "pairs_removed_by_filter": {name: done.removed[name] for name in (*FILTERS, "met_before")},
        "members_with_possibilities": done.with_possibilities,
        "members_covered": done.covered,
        "coverage": done.covered / done.with_possibilities if done.with_possibilities else 1.0,
        "exposure_gini": done.gini,
        "largest_list": done.largest_list,
        "lists_by_size": dict(done.lists_by_size),
        "mean_score": done.mean_score,
        "share_of_optimum": done.share_of_optimum,
        "share_of_upper_bound": done.share_of_upper_bound,
        "places_left_empty": done.places_left_empty,
        "matches": len(done.matches),
        "rows": rows,
        "unknown_values": people.unknown_values,
        "notes": people.notes,
    }
