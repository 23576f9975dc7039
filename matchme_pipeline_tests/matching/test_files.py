"""The engine on files: the same matches as the week's, complaints that a person can act on, all written or nothing."""

import csv
import dataclasses
import json
from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import InputFileError
from matchme_pipeline.llm.local.encoder import MODEL
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.csv_files.columns import (
    MEMBER_COLUMNS,
    MET_COLUMNS,
    TEXT_COLUMNS,
    VECTOR_COLUMNS,
)
from matchme_pipeline.matching.csv_files.problems import SHOWN
from matchme_pipeline.matching.csv_files.run import Request, match_files
from matchme_pipeline.matching.rules.members import MemberRow
from matchme_pipeline.matching.rules.weights import WEIGHTS
from matchme_pipeline_tests.cli.test_errors import fails_with, matchme
from matchme_pipeline_tests.matching.shown import pairs_shown
from matchme_pipeline_tests.materialising import WEEKS

AS_OF = date(2026, 1, 11)
PLAIN = {"user_id": "a", "gender": "male", "age": "30"}


def write(path: Path, *rows: dict[str, Any]) -> Path:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
    return path


def matched(folder: Path, *rows: dict[str, Any], **options: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:
    request = Request(write(folder / "members.csv", *rows), folder / "matches.csv", AS_OF, **options)
    summary = match_files(request)
    with request.out.open(newline="", encoding="utf-8") as file:
        return summary, list(csv.DictReader(file))


def people(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    """Men and women in turn, thirty years old, who want nothing special, but for `changes`."""
    return [
        {"user_id": f"m{n:02}", "gender": ("male", "female")[n % 2], "gender_preference": ("female", "male")[n % 2]}
        | {"age": 30}
        | change
        for n, change in enumerate(changes)
    ]


def test_a_dump_of_the_apps_tables_gives_the_matches_that_the_week_published(finished: Connection, tmp_path: Path):
    week = WEEKS[-1]
    members = [_as_cells(row) for row in member_queries.members_as_of(finished, week.cutoff)]
    dna = member_queries.dna_scores(finished, week.sunday)
    approved = member_queries.approved_insights(finished, week.cutoff)
    for row in members:
        row["dna_score"] = dna.get(row["user_id"], "")
        row["insights"] = json.dumps([f"{i.category}: {i.title}" for i in approved.get(row["user_id"], [])])
    ids, vectors = member_queries.member_vectors(finished, week.sunday, MODEL)
    np.savez(tmp_path / "vectors.npz", user_id=np.array(ids), embedding=vectors)
    talks = "select user1_clerk_id, user2_clerk_id from conversations where created_at < %s"
    met = finished.execute(talks, [week.cutoff]).fetchall() + pairs_shown(finished, week.match_week, 26)
    write(tmp_path / "met.csv", *({"user_id": a, "match_user_id": b} for a, b in met))
    request = Request(
        write(tmp_path / "members.csv", *members),
        tmp_path / "matches.csv",
        week.match_week,
        vectors=tmp_path / "vectors.npz",
        met=tmp_path / "met.csv",
    )
    summary = match_files(request)
    with request.out.open(newline="", encoding="utf-8") as file:
        written = [
            (row["user_id"], row["match_user_id"], int(row["rank"]), Decimal(row["score"]))
            for row in csv.DictReader(file)
        ]
    published = finished.execute(
        """
        select user_id, match_user_id, rank, score from weekly_matches
        where week_start_date = %s order by user_id, rank
        """,
        [week.match_week],
    ).fetchall()
    assert written == published
    assert summary["rows"] == len(written) > 100
    assert summary["not_matchable"]


def _as_cells(row: MemberRow) -> dict[str, Any]:
    """A member as COPY would write them."""
    cells: dict[str, Any] = {}
    for name, value in dataclasses.asdict(row).items():
        if value is None:
            cells[name] = ""
        elif name in ("education_preferences", "marital_status_preferences", "religiosity_preferences", "religion"):
            cells[name] = json.dumps(value)
        elif isinstance(value, list):
            cells[name] = "{" + ",".join(f'"{item}"' for item in value) + "}"
        else:
            cells[name] = value
    return cells


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("gender", "wat", ("'wat'", "male or female")),
        ("age", "old", ("'old'", "whole number")),
        ("age", "30.5", ("'30.5'", "whole number")),
        ("age", "200", ("'200'", "between")),
        ("birthdate", "01/02/1996", ("'01/02/1996'", "YYYY-MM-DD")),
        ("lat", "north", ("'north'", "decimal point")),
        ("lat", "nan", ("'nan'", "decimal point")),
        ("lat", "91", ("'91'", "between -90 and 90")),
        ("age_range_min", "17", ("'17'", "between 18")),
        ("has_children", "maybe", ("'maybe'", "true or false")),
        ("has_children_preference", "perhaps", ("'perhaps'", "doesntMatter")),
        ("last_active_at", "yesterday", ("'yesterday'", "YYYY-MM-DD")),
        ("religion", "sunni", ("'sunni'", "not JSON")),
        ("education_preferences", "[oops", ("'[oops'", "JSON array")),
        ("embedding", "[1, NaN]", ("'[1, NaN]'", "finite numbers")),
        ("embedding", "1 2 3", ("'1 2 3'", "finite numbers")),
        ("dna_score", "101", ("'101'", "between 0 and 100")),
        ("profile_visibility", "everyone", ("'everyone'", "hidden")),
        ("user_id", "", ("is empty", "remove the row")),
        ("user_id", "a", ("'a'", "line 2")),
    ],
)
def test_a_wrong_cell_is_named_with_its_line_its_column_and_the_remedy(
    tmp_path: Path, column: str, cell: str, words: tuple[str, ...]
):
    out = tmp_path / "matches.csv"
    out.write_text("what stood here before")
    with pytest.raises(InputFileError) as caught:
        matched(tmp_path, PLAIN, {**PLAIN, "user_id": "b", column: cell})
    message = str(caught.value)
    for word in (str(tmp_path / "members.csv"), "1 problem", "line 3", *words):
        assert word in message
    assert out.read_text() == "what stood here before"


def test_lines_are_those_of_the_file_where_texts_have_several(tmp_path: Path):
    with pytest.raises(InputFileError, match="line 5, column age: 'x'"):
        matched(tmp_path, PLAIN | {"bio": "one\ntwo\nthree"}, {**PLAIN, "user_id": "b", "age": "x"})


def test_contradictions_are_complaints(tmp_path: Path):
    with pytest.raises(InputFileError, match=r"column lng: is empty or wrong where lat is 51.5; give both or neither"):
        matched(tmp_path, PLAIN | {"lat": "51.5", "lng": ""})
    with pytest.raises(InputFileError, match=r"column age_range_min: 40 is more than age_range_max, 30; swap"):
        matched(tmp_path, PLAIN | {"age_range_min": 40, "age_range_max": 30})


def test_all_problems_are_counted_and_the_first_ones_shown(tmp_path: Path):
    rows = [{"user_id": f"m{n}", "gender": "male", "age": f"x{n}"} for n in range(1_000)]
    with pytest.raises(InputFileError) as caught:
        matched(tmp_path, *rows)
    lines = str(caught.value).splitlines()
    assert "1000 problems" in lines[0]
    assert len(lines) == SHOWN + 2
    assert lines[-1].strip() == f"and {1_000 - SHOWN} more"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"name,gender,age\nx,male,3\n", "no column 'user_id'"),
        (b"user_id,gender\na,male\n", "'birthdate'"),
        (b"user_id,gender,age,age\na,male,3,3\n", "'age' twice"),
        (b"user_id,gender,age\n", "no member"),
        (b"user_id,gender,age\n\xff\xfe,male,30\n", "not UTF-8"),
        (b'user_id,gender,age\n"a"b,male,30\n', "line 2"),
        (b"user_id,gender,age\na,male\n", "2 cells where the header has 3"),
        (b"user_id,gender,age\na\x00,male,30\n", None),
    ],
)
def test_a_file_that_is_no_members_file(tmp_path: Path, content: bytes, words: str | None):
    path = tmp_path / "members.csv"
    path.write_bytes(content)
    if words is None:
        match_files(Request(path, tmp_path / "matches.csv", AS_OF))
        return
    with pytest.raises(InputFileError, match=words):
        match_files(Request(path, tmp_path / "matches.csv", AS_OF))
    assert not (tmp_path / "matches.csv").exists()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"user_id": st.text(max_size=3), "gender": st.sampled_from(["male", "female", "", "?"])},
            optional={
                column.name: st.one_of(st.text(max_size=12), st.sampled_from(["1", "30", "true", "[1]", "{}", "[]"]))
                for column in MEMBER_COLUMNS[2:]
            },
        ),
        max_size=4,
    )
)
def test_whatever_stands_in_a_file_it_is_matched_or_refused_in_words(tmp_path: Path, rows: list[dict[str, str]]):
    base = [{"user_id": "zz", "gender": "male", "age": "30"}, *rows]
    names = list(dict.fromkeys(name for row in base for name in row))
    path = tmp_path / "members.csv"
    with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(base)
    refused = str(path)
    try:
        match_files(Request(path, tmp_path / "matches.csv", AS_OF))
    except InputFileError as error:
        refused = str(error)
    assert str(path) in refused
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".part")] == []


def test_unknown_values_are_reported_with_their_column_and_line(tmp_path: Path):
    rows = people(
        {"education_level": "school of life", "partner_sect_preference": "sufi order;sunni"},
        {"education_level": "School of Life", "religion": '{"practiceLevel": "on Fridays"}'},
        {"education_level": "school of life", "education_preferences": '["MSc"]'},
    )
    summary, _ = matched(tmp_path, *rows)
    assert [(u["column"], u["value"], u["times"], u["first_line"]) for u in summary["unknown_values"]] == [
        ("education_level", "school of life", 2, 2),
        ("education_level", "School of Life", 1, 3),
        ("education_preferences", "MSc", 1, 4),
        ("partner_sect_preference", "sufi order", 1, 2),
        ("religion", "on Fridays", 1, 3),
    ]


def test_a_column_that_is_not_used_is_named_with_what_it_may_mean(tmp_path: Path):
    summary, _ = matched(tmp_path, PLAIN | {"martial_status": "divorced", "shoe_size": "41"})
    assert "'martial_status' (meant 'marital_status'?)" in summary["notes"][0]
    assert "'shoe_size'" in summary["notes"][0]


def test_matches_stand_in_both_lists_with_factors_that_add_up(tmp_path: Path):
    summary, rows = matched(tmp_path, *people(*({"bio": f"I like {w}"} for w in ("tea", "tea", "hills", "hills"))))
    by_pair = {(row["user_id"], row["match_user_id"]): row for row in rows}
    assert summary["matches"] * 2 == summary["rows"] == len(rows) == len(by_pair) == 8
    for (one, other), row in by_pair.items():
        assert by_pair[other, one]["score"] == row["score"]
        parts = [Decimal(row[f"{name}_contribution"]) for name in WEIGHTS]
        assert sum(parts) == Decimal(row["score"])
        assert all(row[f"{name}_sentence"] for name in WEIGHTS)
        assert row["matched"] == "true"
    assert by_pair["m00", "m01"]["similarity_value"] > by_pair["m00", "m03"]["similarity_value"]


def test_the_order_of_rows_and_the_spelling_of_lists_change_nothing(tmp_path: Path):
    label = "Master's Degree"
    rows = [
        {**row, "education_level": "MSc", "education_preferences": spelling}
        for row, spelling in zip(
            people(*({"bio": f"text {n}"} for n in range(6))),
            [f"{label};Other", f'["{label}", "Other"]', f'{{"{label}",Other}}', f"Other | {label}", label, ""],
            strict=True,
        )
    ]
    _, first = matched(tmp_path, *rows)
    _, second = matched(tmp_path, *rows[::-1])
    assert first == second
    assert len(first) == 18


def test_an_age_on_leap_day_is_that_age(tmp_path: Path):
    rows = people({"age_range_min": 30, "age_range_max": 30}, {})
    request = Request(write(tmp_path / "members.csv", *rows), tmp_path / "out.csv", date(2028, 2, 29))
    assert match_files(request)["matches"] == 1


def test_who_cannot_be_matched_is_counted_by_reason(tmp_path: Path):
    well = {"is_matchable": "true", "report_count": 0, "last_active_at": "2026-01-01"}
    summary, rows = matched(
        tmp_path,
        *people(
            well | {"is_matchable": "no"},
            well | {"report_count": 5},
            well | {"last_active_at": "2025-10-01"},
            well | {"last_active_at": ""},
            well | {"gender": ""},
            well,
        ),
    )
    assert rows == []
    assert summary["not_matchable"] == {"switched_off": 1, "reported": 1, "inactive": 1, "gender_unknown": 1}
    # Nothing is known of when the fourth was there.
    assert summary["matchable"] == 2


def test_what_kept_pairs_apart_is_counted_by_filter(tmp_path: Path):
    choosy = {"age_range_min": 31, "age_range_max": 40}
    summary, rows = matched(
        tmp_path,
        *people(choosy, {"sect": "sunni"}, {"sect": "shia", "partner_sect_preference": "shia"}, {"sect": "sunni"}),
    )
    removed = summary["pairs_removed_by_filter"]
    assert {name: count for name, count in removed.items() if count} == {"gender": 2, "age": 2, "sect": 2}
    assert (rows, summary["eligible_pairs"]) == ([], 0)


def test_pairs_who_have_met_do_not_meet_again(tmp_path: Path):
    met = write(
        tmp_path / "met.csv", {"user_id": "m01", "match_user_id": "m00"}, {"user_id": "x", "match_user_id": "y"}
    )
    summary, rows = matched(tmp_path, *people({}, {}, {}), met=met)
    assert {(row["user_id"], row["match_user_id"]) for row in rows} == {("m01", "m02"), ("m02", "m01")}
    assert summary["pairs_removed_by_filter"]["met_before"] == 1
    assert "1 rows have an unknown user_id" in summary["notes"][0]


def test_all_best_candidates_are_written_with_the_matches_marked(tmp_path: Path):
    rows = people(*({"bio": f"I write about {n} and {n * n}"} for n in range(16)))
    _, only = matched(tmp_path, *rows)
    _, best = matched(tmp_path, *rows, candidates=8)
    assert {(r["user_id"], r["match_user_id"]) for r in best if r["matched"] == "true"} == {
        (r["user_id"], r["match_user_id"]) for r in only
    }
    lists = defaultdict(list)
    for row in best:
        lists[row["user_id"]].append((int(row["rank"]), -Decimal(row["score"]), row["match_user_id"]))
    assert set(map(len, lists.values())) == {8}
    for own in lists.values():
        assert [rank for rank, _, _ in own] == list(range(1, 9))
        assert [entry[1:] for entry in own] == sorted(entry[1:] for entry in own)
    assert [row["user_id"] for row in best] == sorted(row["user_id"] for row in best)


def test_texts_and_vectors_from_files_decide_who_is_alike(tmp_path: Path):
    words = {"m00": "My garden and its roses", "m01": "Growing roses in the garden", "m03": "Motor racing on Sundays"}
    texts = write(
        tmp_path / "texts.csv",
        *({"user_id": user_id, "text": text, "shared_at": "2026-01-01"} for user_id, text in words.items()),
        {"user_id": "m03", "text": words["m00"], "shared_at": "2026-01-12"},
    )
    summary, rows = matched(tmp_path, *people({}, {}, {}, {}), texts=texts)
    assert summary["vectors"] == 3
    assert "1 texts were shared after" in summary["notes"][0]
    alike = {(row["user_id"], row["match_user_id"]): float(row["similarity_value"]) for row in rows}
    assert alike["m00", "m01"] > alike["m00", "m03"]
    vectors = write(
        tmp_path / "vectors.csv",
        {"user_id": "m00", "embedding": "[1, 0]"},
        {"user_id": "m01", "embedding": "[-1, 0.1]"},
        {"user_id": "m03", "embedding": "[1, 0.1]"},
    )
    summary, rows = matched(tmp_path, *people({}, {}, {}, {}), vectors=vectors)
    alike = {(row["user_id"], row["match_user_id"]): float(row["similarity_value"]) for row in rows}
    assert (summary["vectors"], summary["vectors_from"]) == (3, "given")
    assert alike["m00", "m01"] < alike["m00", "m03"]


def test_vectors_of_different_lengths_are_refused(tmp_path: Path):
    vectors = write(
        tmp_path / "vectors.csv", {"user_id": "m00", "embedding": "[1, 0]"}, {"user_id": "m01", "embedding": "[1]"}
    )
    with pytest.raises(InputFileError, match="line 3, column embedding: 1 numbers where line 2 has 2"):
        matched(tmp_path, *people({}, {}), vectors=vectors)


@pytest.mark.parametrize("out", ["nowhere/matches.csv", ".", "members.csv"])
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path, out: str):
    members = write(tmp_path / "members.csv", PLAIN)
    with pytest.raises(InputFileError, match="--out"):
        match_files(Request(members, tmp_path / out, AS_OF))
    assert members.read_text().startswith("user_id")


def test_the_command_matches_and_refuses_in_one_sentence(tmp_path: Path):
    write(tmp_path / "members.csv", *people({"bio": "tea"}, {"bio": "tea"}, {"martial_status": "x"}))
    done = matchme(
        "match", "--members", "members.csv", "--out", "m.csv", "--as-of", "2026-01-11", "--json", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert (summary["matches"], summary["as_of"]) == (2, "2026-01-11")
    assert (tmp_path / "m.csv").read_text().count("\n") == 1 + summary["rows"]
    assert not (tmp_path / ".matchme").exists()
    fails_with(matchme("match", "--members", "nobody.csv", "--out", "m.csv", cwd=tmp_path), "nobody.csv")
    fails_with(matchme("match", "--members", "members.csv", cwd=tmp_path), "--out", code=2)


def test_the_command_lists_every_column(tmp_path: Path):
    listed = matchme("match", "--columns", cwd=tmp_path)
    assert listed.returncode == 0, listed.stderr
    documented = (Path(__file__).parents[2] / "docs" / "matching.md").read_text(encoding="utf-8")
    for column in (*MEMBER_COLUMNS, *TEXT_COLUMNS, *VECTOR_COLUMNS, *MET_COLUMNS):
        assert column.name in listed.stdout
        assert f"`{column.name}`" in documented
    assert Counter(column.name for column in MEMBER_COLUMNS).most_common(1)[0][1] == 1
