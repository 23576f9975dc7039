"""Writes scored pairs to a CSV file, completely or not at all."""

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.matching.csv_files.learned import LearnedScore
from matchme_pipeline.matching.engine.candidates import Candidates
from matchme_pipeline.matching.engine.match_engine import Engine
from matchme_pipeline.matching.engine.matches import Match
from matchme_pipeline.matching.rules.explanation import contributions
from matchme_pipeline.matching.rules.weights import WEIGHTS
from matchme_pipeline.matching.week.publication_queries import MatchRow

FACTOR_COLUMNS = ("value", "weight", "contribution", "sentence")
COLUMNS = (
    "user_id",
    "match_user_id",
    "rank",
    "score",
    "matched",
    *(f"{factor}_{column}" for factor in WEIGHTS for column in FACTOR_COLUMNS),
    "shared",
)
ANSWERS_COLUMN = "answers_contribution"
_EXPLAINED_AT_ONCE = 20_000


def require_writable(out: Path, inputs: Iterable[Path]) -> None:
    """Raise InputFileError if `out` cannot be written, or is one of the inputs."""
    if out.is_dir():
        raise InputFileError(f"--out {out} is a folder; name a file in it, such as {out / 'matches.csv'}.")
    folder = out.parent
    if not folder.is_dir():
        raise InputFileError(f"--out {out}: the folder {folder} is not there; create it, or name another.")
    if not os.access(folder, os.W_OK):
        raise InputFileError(f"--out {out}: the folder {folder} is not writable; name another.")
    if any(out.resolve() == path.resolve() for path in inputs):
        raise InputFileError(f"--out {out} is one of the files that are read; name another.")


def write_rows(out: Path, rows: Iterable[tuple[MatchRow, bool]], *, with_answers: bool = False) -> int:
    """Write rows with a flag for selected pairs; returns their number. `out` is replaced completely, at the end.

    `with_answers`: the scores are learned, and a last column holds what the answers add to the factors' points.
    """
    count = 0
    with _whole_or_not(out) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, ANSWERS_COLUMN) if with_answers else COLUMNS)
        for row, matched in rows:
            writer.writerow(_cells(row, matched) + ([row.factors["answers"]] if with_answers else []))
            count += 1
    return count


def best_rows(
    engine: Engine, candidates: Candidates, chosen: Any, most: int, learned: LearnedScore | None = None
) -> Iterator[tuple[MatchRow, bool]]:
    """The `most` best candidates of every member, by id and rank; equal scores by the partner's id."""
    from matchme_pipeline.matching.rules.compatibility import factors

    # Ranked by the score as it is written, in hundredths.
    if learned is None:
        values = factors(engine.profiles, candidates.a, candidates.b, candidates.calibration)
        hundredths = contributions(values).sum(axis=1)
    else:
        hundredths = np.rint(learned.points(candidates.a, candidates.b) * 100).astype(np.int64)
    member = np.concatenate([candidates.a, candidates.b])
    partner = np.concatenate([candidates.b, candidates.a])
    score = np.concatenate([hundredths, hundredths])
    is_chosen = np.zeros(len(candidates.a), dtype=bool)
    is_chosen[chosen] = True
    matched = np.concatenate([is_chosen, is_chosen])
    order = np.lexsort((partner, -score, member))
    member, partner, matched = member[order], partner[order], matched[order]
    rank = 1 + np.arange(len(member)) - np.searchsorted(member, member)
    best = np.flatnonzero(rank <= most)
    for begin in range(0, len(best), _EXPLAINED_AT_ONCE):
        part = best[begin : begin + _EXPLAINED_AT_ONCE]
        pairs: Sequence[Match] = engine.explained(member[part], partner[part], candidates.calibration)
        if learned is not None:
            pairs = learned.scored(pairs)
        for pair, place, shown in zip(pairs, rank[part].tolist(), matched[part].tolist(), strict=True):
            yield MatchRow(pair.a, pair.b, pair.score, place, pair.factors), shown


def _cells(row: MatchRow, matched: bool) -> list[Any]:
    of_factors = [factor[column] for factor in row.factors["factors"] for column in FACTOR_COLUMNS]
    shared = "; ".join(row.factors["shared"])
    return [row.user_id, row.match_user_id, row.rank, row.score, str(matched).lower(), *of_factors, shared]


@contextmanager
def _whole_or_not(out: Path) -> Iterator[TextIO]:
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(out)
    except OSError as error:
        raise InputFileError(f"{out} could not be written ({error.strerror}); the earlier file stays.") from None
    finally:
        beside.unlink(missing_ok=True)
