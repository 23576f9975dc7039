"""Reads and validates members, texts, vectors and pairs who have met from files."""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.llm.contracts import SharedInsight
from matchme_pipeline.matching.csv_files.cells import identifier
from matchme_pipeline.matching.csv_files.columns import (
    MEMBER_COLUMNS,
    MET_COLUMNS,
    OUTCOME_COLUMNS,
    TEXT_COLUMNS,
    VECTOR_COLUMNS,
    Column,
)
from matchme_pipeline.matching.csv_files.problems import Problems, quoted
from matchme_pipeline.matching.csv_files.table import Table
from matchme_pipeline.matching.rules.members import MemberRow

_OF_A_ROW = [f.name for f in fields(MemberRow) if f.name not in ("user_id", "birthdate")]
Pair = tuple[str, str]


@dataclass
class People:
    """The content of a members file; `notes` are sentences about unused data."""

    rows: list[MemberRow] = field(default_factory=list)
    dna: dict[str, float] = field(default_factory=dict)
    approved: dict[str, list[SharedInsight]] = field(default_factory=dict)
    biographies: dict[str, str] = field(default_factory=dict)
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    unknown_values: list[dict[str, object]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Text:
    """A text that a member shared."""

    text: str
    shared_at: datetime | None
    depth_level: int


def read_members(path: Path, cutoff: datetime, advance: Callable[[], None] = lambda: None) -> People:
    """The members of a file as of `cutoff`; `advance` is called for every row. Raises InputFileError."""
    problems, people = Problems(str(path)), People()
    table = Table(path, MEMBER_COLUMNS, problems)
    if not {"birthdate", "age"} & table.columns.keys():
        raise InputFileError(f"{path}, line 1: neither a column 'birthdate' nor a column 'age'. Add one of them.")
    lines: dict[str, int] = {}
    for line, values in table.rows():
        advance()
        if not values or values["user_id"] is None:
            continue
        user_id = values["user_id"]
        if user_id in lines:
            problems.add(
                line, "user_id", f"{quoted(user_id)} is also on line {lines[user_id]}; keep one row per member"
            )
            continue
        lines[user_id] = line
        _contradictions(problems, line, values)
        people.rows.append(_member(values, "last_active_at" in table.columns, cutoff))
        _store_other_values(people, user_id, values)
    _same_dimensions(problems, people.vectors, lines)
    problems.raise_if_any()
    if not people.rows:
        raise InputFileError(f"{path} has a header and no member; add a row for each.")
    people.unknown_values = problems.unknown_values()
    people.notes += _notes(path, table)
    return people


def read_texts(path: Path, members: Collection[str], cutoff: datetime, people: People) -> dict[str, list[Text]]:
    """Texts by member, without those shared after `cutoff`; a member may have many. Raises InputFileError."""
    texts: dict[str, list[Text]] = defaultdict(list)
    later = 0
    for user_id, values in _rows_of_members(path, TEXT_COLUMNS, members, people):
        if values["shared_at"] is not None and values["shared_at"] >= cutoff:
            later += 1
        else:
            texts[user_id].append(Text(values["text"], values["shared_at"], values["depth_level"] or 1))
    if later:
        people.notes.append(f"{path}: {later} texts were shared after the day of --as-of; they are ignored")
    return texts


def read_vectors(path: Path, members: Collection[str], people: People) -> dict[str, NDArray[np.float32]]:
    """Vectors by member, from CSV or from NumPy's .npz with arrays user_id and embedding. Raises InputFileError."""
    if path.suffix == ".npz":
        return _from_npz(path, members, people)
    vectors: dict[str, NDArray[np.float32]] = {}
    for user_id, values in _rows_of_members(path, VECTOR_COLUMNS, members, people, once=True):
        vectors[user_id] = values["embedding"]
    return vectors


def read_met(path: Path, members: Collection[str], people: People) -> set[Pair]:
    """Pairs who have already met. Raises InputFileError."""
    pairs = set()
    for user_id, values in _rows_of_members(path, MET_COLUMNS, members, people):
        other = values["match_user_id"]
        if other in members and other != user_id:
            pairs.add((user_id, other) if user_id < other else (other, user_id))
    return pairs


def read_outcomes(path: Path, members: Collection[str], people: People) -> dict[Pair, bool]:
    """By (member, partner), whether the member liked the partner; the last row counts. Raises InputFileError."""
    liked: dict[Pair, bool] = {}
    repeated = 0
    for user_id, values in _rows_of_members(path, OUTCOME_COLUMNS, members, people):
        pair = (user_id, values["match_user_id"])
        if pair[1] in members and pair[1] != user_id:
            repeated += pair in liked
            liked[pair] = values["liked"]
    if repeated:
        people.notes.append(f"{path}: {repeated} rows repeat a pair; the last row of each counts")
    return liked


def _rows_of_members(
    path: Path, columns: tuple[Column, ...], members: Collection[str], people: People, once: bool = False
) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a second file whose members are known, all valid; rows of other members are counted."""
    problems, rows, unknown_rows = Problems(str(path)), [], 0
    table = Table(path, columns, problems)
    lines: dict[str, int] = {}
    vectors: dict[str, NDArray[np.float32]] = {}
    for line, values in table.rows():
        user_id = values.get("user_id")
        if user_id is None:
            continue
        if once and user_id in lines:
            problems.add(
                line, "user_id", f"{quoted(user_id)} is also on line {lines[user_id]}; keep one row per member"
            )
        lines[user_id] = line
        if values.get("embedding") is not None:
            vectors[user_id] = values["embedding"]
        if user_id in members:
            rows.append((user_id, values))
        else:
            unknown_rows += 1
    _same_dimensions(problems, vectors, lines)
    problems.raise_if_any()
    if unknown_rows:
        people.notes.append(f"{path}: {unknown_rows} rows have an unknown user_id; they are ignored")
    people.notes += _notes(path, table)
    return rows


def _member(values: Mapping[str, Any], has_activity: bool, cutoff: datetime) -> MemberRow:
    birthdate = values["birthdate"]
    if birthdate is None and values["age"] is not None:
        birthdate = _birthdate_of_age(values["age"], cutoff.date())
    taken = {name: values[name] for name in _OF_A_ROW}
    if not has_activity:
        taken["last_active_at"] = cutoff
    return MemberRow(user_id=values["user_id"], birthdate=birthdate, **taken)


def _birthdate_of_age(age: int, on: date) -> date:
    """A birthdate for the age of `age` whole years on a day."""
    return on.replace(year=on.year - age, day=28 if (on.month, on.day) == (2, 29) else on.day)


def _store_other_values(people: People, user_id: str, values: Mapping[str, Any]) -> None:
    if values["dna_score"] is not None:
        people.dna[user_id] = values["dna_score"]
    if values["bio"] is not None:
        people.biographies[user_id] = values["bio"]
    if values["embedding"] is not None:
        people.vectors[user_id] = values["embedding"]
    if values["insights"]:
        people.approved[user_id] = [_insight(user_id, item) for item in values["insights"]]


def _insight(user_id: str, item: str) -> SharedInsight:
    category, colon, title = item.partition(":")
    return SharedInsight(user_id, category.strip() if colon else "", (title if colon else category).strip(), "")


def _contradictions(problems: Problems, line: int, values: Mapping[str, Any]) -> None:
    for low, high in (("age_range_min", "age_range_max"), ("partner_age_min", "partner_age_max")):
        if values[low] is not None and values[high] is not None and values[low] > values[high]:
            problems.add(line, low, f"{values[low]} is more than {high}, {values[high]}; swap them")
    if (values["lat"] is None) != (values["lng"] is None):
        given, lacking = ("lng", "lat") if values["lat"] is None else ("lat", "lng")
        problems.add(line, lacking, f"is empty or wrong where {given} is {values[given]:g}; give both or neither")


def _same_dimensions(problems: Problems, vectors: Mapping[str, NDArray[np.float32]], lines: Mapping[str, int]) -> None:
    sizes = {user_id: vector.size for user_id, vector in vectors.items()}
    first = next(iter(sizes), None)
    for user_id, size in sizes.items():
        if first is not None and size != sizes[first]:
            problems.add(
                lines[user_id],
                "embedding",
                f"{size} numbers where line {lines[first]} has {sizes[first]}; take all vectors from one model",
            )


def _notes(path: Path, table: Table) -> list[str]:
    notes = _unused(path, table)
    if table.ids_made_plain:
        notes.append(f"{path}: {table.ids_made_plain} ids contain invisible characters, which are ignored")
    return notes


def _unused(path: Path, table: Table) -> list[str]:
    if not table.unused:
        return []
    named = ", ".join(
        f"{quoted(name)} (meant {quoted(table.misspelled[name])}?)" if name in table.misspelled else quoted(name)
        for name in table.unused[:20]
    )
    return [f"{path}: {len(table.unused)} columns are not used: {named}"]


def _from_npz(path: Path, members: Collection[str], people: People) -> dict[str, NDArray[np.float32]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            written, vectors = arrays["user_id"].astype(str), np.asarray(arrays["embedding"], dtype=np.float32)
    except Exception as error:
        # For a damaged archive, NumPy raises the errors of zipfile, zlib or its header parser.
        raise InputFileError(
            f"{path} cannot be read ({_one_line(error)}). "
            "Write it with numpy.savez(path, user_id=ids, embedding=vectors)."
        ) from None
    if vectors.ndim != 2 or written.shape != vectors.shape[:1] or not np.isfinite(vectors).all():
        raise InputFileError(
            f"{path}: user_id has shape {written.shape} and embedding {vectors.shape}; "
            "embedding must hold one row of finite numbers for each user_id."
        )
    user_ids = [_plain_id(path, row, user_id) for row, user_id in enumerate(written.tolist())]
    if len(set(user_ids)) < len(user_ids):
        twice = next(user_id for user_id, times in Counter(user_ids).items() if times > 1)
        raise InputFileError(f"{path}: the user_id {quoted(twice)} occurs twice; keep one row per member.")
    found = {user_id: vectors[row] for row, user_id in enumerate(user_ids) if user_id in members}
    if len(found) < len(user_ids):
        people.notes.append(f"{path}: {len(user_ids) - len(found)} vectors belong to no member; they are ignored")
    return found


def _plain_id(path: Path, row: int, user_id: str) -> str:
    try:
        return identifier(user_id)
    except ValueError as error:
        raise InputFileError(f"{path}, user_id[{row}]: {quoted(user_id)} {error}.") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
