"""What people's files really hold: invisible marks, deep JSON, damaged archives, short words; and who stays alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.matching.csv_files.run import match_files
from matchme_pipeline_tests.matching.test_files import AS_OF, PLAIN, Request, matched, people, write


@pytest.mark.parametrize(
    "column", ["tags", "religion", "education_preferences", "insights", "embedding", "gender_preference"]
)
@pytest.mark.parametrize("depth", [100, 1_500, 100_000])
def test_json_that_is_nested_deep_is_a_problem_of_its_cell(tmp_path: Path, column: str, depth: int):
    cell = "[" * depth + "]" * depth
    with pytest.raises(InputFileError) as refused:
        matched(tmp_path, PLAIN, {"user_id": "b", "gender": "female", "age": "30", column: cell})
    assert f"line 3, column {column}" in str(refused.value)
    assert "write" in str(refused.value)


def test_half_a_character_is_a_problem_of_its_cell(tmp_path: Path):
    with pytest.raises(InputFileError, match=r"line 2, column insights: .* half a character"):
        matched(tmp_path, PLAIN | {"insights": r'["values: \ud800"]'})


def _damaged(path: Path, kind: str) -> None:
    np.savez_compressed(path, user_id=np.array(["m00", "m01"]), embedding=np.ones((2, 4), dtype=np.float32))
    whole = path.read_bytes()
    content = {
        "empty": b"",
        "cut off": whole[: len(whole) // 2],
        "no archive": b"user_id,embedding\n",
        "archive of something else": b"PK\x05\x06" + bytes(18),
        "zeros inside": whole[:60] + bytes(80) + whole[140:],
    }
    if kind == "one array":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    elif kind == "python objects":
        np.savez(path, user_id=np.array([{"a": 1}], dtype=object), embedding=np.ones((1, 4)))
    elif kind == "text for numbers":
        np.savez(path, user_id=np.array(["m00"]), embedding=np.array([["a", "b"]]))
    elif kind == "no names":
        np.savez(path, np.ones(3))
    else:
        path.write_bytes(content[kind])


@pytest.mark.parametrize(
    "kind",
    [
        "empty",
        "cut off",
        "no archive",
        "archive of something else",
        "zeros inside",
        "one array",
        "python objects",
        "text for numbers",
        "no names",
    ],
)
def test_a_damaged_archive_of_vectors_is_refused_in_one_sentence(tmp_path: Path, kind: str):
    path = tmp_path / "vectors.npz"
    _damaged(path, kind)
    with pytest.raises(InputFileError) as refused:
        matched(tmp_path, *people({}, {}), vectors=path)
    assert str(path) in str(refused.value)
    assert "numpy.savez" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "mark", ["\u200f", "\ufeff", "\u200b", "\u2060", "\u00ad", "\u202e", "\u00a0", "\ufe0f", "\u3164"]
)
def test_an_id_with_an_invisible_mark_is_the_same_member(tmp_path: Path, mark: str):
    rows = people({}, {})
    met = write(tmp_path / "met.csv", {"user_id": mark + "m00", "match_user_id": "m01" + mark})
    summary, _ = matched(tmp_path, *rows, met=met)
    assert summary["pairs_removed_by_filter"]["met_before"] == 1
    with pytest.raises(InputFileError, match="'m00' is also on line 2"):
        matched(tmp_path, *rows, rows[0] | {"user_id": mark + "m00"})


def test_an_id_is_the_same_however_its_accents_are_written(tmp_path: Path):
    with pytest.raises(InputFileError, match="is also on line 2"):
        matched(tmp_path, PLAIN | {"user_id": "jose\u0301"}, PLAIN | {"user_id": "jos\u00e9"})


def test_an_id_of_invisible_marks_alone_is_refused(tmp_path: Path):
    with pytest.raises(InputFileError, match="line 3, column user_id"):
        matched(tmp_path, PLAIN, PLAIN | {"user_id": "\u200b\u200f"})


def test_ids_in_an_archive_are_read_like_those_in_a_table(tmp_path: Path):
    path = tmp_path / "vectors.npz"
    np.savez(path, user_id=np.array(["\ufeffm00", "m01"]), embedding=np.ones((2, 4)))
    assert matched(tmp_path, *people({}, {}), vectors=path)[0]["vectors"] == 2


@pytest.mark.parametrize(
    ("man", "woman"), [("m", "f"), ("M", "F"), ("Male", "FEMALE"), ("man", "Woman"), ("\u200fmale", "f ")]
)
def test_genders_are_read_as_people_write_them(tmp_path: Path, man: str, woman: str):
    summary, rows = matched(
        tmp_path,
        PLAIN | {"gender": man, "gender_preference": woman},
        {"user_id": "b", "gender": woman, "age": "30", "gender_preference": man},
    )
    assert (summary["matches"], len(rows), summary["unknown_values"]) == (1, 2, [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (({"age_range_min": 50, "age_range_max": 60}, {}), "age"),
        (({"max_distance": 10, "lat": 0, "lng": 0}, {"lat": 50, "lng": 0}), "distance"),
        (({"gender_preference": "male"}, {}), "gender"),
        (({"partner_sect_preference": "shia"}, {"sect": "sunni"}), "sect"),
    ],
)
def test_who_can_be_matched_and_has_nobody_is_named_with_the_reason(
    tmp_path: Path, changes: tuple[dict[str, Any], ...], reason: str
):
    summary, rows = matched(tmp_path, *people(*changes))
    assert rows == []
    assert {"user_id": "m00", "reason": reason} in summary["members_with_nobody"]
    assert len(summary["members_with_nobody"]) == 2


def test_who_has_met_everybody_is_told_so(tmp_path: Path):
    met = write(tmp_path / "met.csv", {"user_id": "m00", "match_user_id": "m01"})
    summary, _ = matched(tmp_path, *people({}, {}), met=met)
    assert {one["reason"] for one in summary["members_with_nobody"]} == {"met_before"}


def test_everybody_with_a_match_is_not_among_those_with_nobody(tmp_path: Path):
    summary, rows = matched(tmp_path, *people({}, {}, {"age_range_min": 50, "age_range_max": 60}))
    assert {row["user_id"] for row in rows} == {"m00", "m01"}
    assert [one["user_id"] for one in summary["members_with_nobody"]] == ["m02"]


def test_every_step_that_takes_time_tells_how_far_it_is(tmp_path: Path):
    told: list[tuple[str, int | None]] = []
    rows = people(*({} for _ in range(40)))
    request = Request(write(tmp_path / "members.csv", *rows), tmp_path / "out.csv", AS_OF)
    match_files(request, lambda name, count: told.append((name, count)))
    done: dict[str, int] = {}
    current = ""
    for name, count in told:
        current = name or current
        done[current] = done.get(current, 0) + (0 if name else count or 0)
    assert done["reading"] == 40
    assert dict(told)["matching"] == done["matching"] == 20
    assert done["writing"] > 0
