"""Answers in a file: what `matchme match --outcomes` learns from them."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from matchme_pipeline.errors import InputFileError
from matchme_pipeline.matching.csv_files.columns import OUTCOME_COLUMNS
from matchme_pipeline_tests.matching.test_files import matched, people, write

MEMBERS = people(*[{} for _ in range(60)])
IDS = [member["user_id"] for member in MEMBERS]


def answers(seed: int = 1) -> list[dict[str, Any]]:
    """Everybody about everybody: some members are liked by most, some like most."""
    rng = np.random.default_rng(seed)
    likes, liked = rng.normal(0, 1.2, (2, len(IDS)))
    return [
        {
            "user_id": IDS[a],
            "match_user_id": IDS[b],
            "liked": str(bool(rng.random() < 1 / (1 + np.exp(-(likes[a] + liked[b]))))).lower(),
        }
        for a in range(len(IDS))
        for b in range(len(IDS))
        if (a - b) % 2
    ]


def split(given: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[tuple[str, str], bool]]:
    """The answers of half of the pairs as rows, and of the other half whether both liked each other."""
    rng = np.random.default_rng(9)
    said = {(row["user_id"], row["match_user_id"]): row["liked"] == "true" for row in given}
    pairs = sorted({tuple(sorted(pair)) for pair in said})
    later = {pair for pair in pairs if rng.random() < 0.5}
    first = [row for row in given if tuple(sorted((row["user_id"], row["match_user_id"]))) not in later]
    return first, {(a, b): said[a, b] and said[b, a] for a, b in later}


def test_the_first_half_of_the_answers_orders_the_second(tmp_path: Path):
    first, later = split(answers())
    outcomes = write(tmp_path / "outcomes.csv", *first)
    summary, rows = matched(tmp_path, *MEMBERS, outcomes=outcomes, candidates=60)
    score = {(row["user_id"], row["match_user_id"]): float(row["score"]) for row in rows}
    known = sorted(later)
    assert roc_auc_score([later[pair] for pair in known], [score[pair] for pair in known]) > 0.68
    assert summary["learned"]["answers"] == len(first)
    assert summary["learned"]["liked_variance"] > 0.3
    # One score a pair, and ranks that follow it.
    assert all(score[a, b] == score[b, a] for a, b in score)
    own = [float(row["score"]) for row in rows if row["user_id"] == IDS[0]]
    assert own == sorted(own, reverse=True)


def test_factors_and_answers_add_up_to_the_score(tmp_path: Path):
    outcomes = write(tmp_path / "outcomes.csv", *answers())
    _, rows = matched(tmp_path, *MEMBERS, outcomes=outcomes)
    assert rows
    for row in rows:
        parts = [Decimal(value) for name, value in row.items() if name.endswith("_contribution")]
        assert sum(parts) == Decimal(row["score"])
        assert 0 <= Decimal(row["score"]) <= 100


def test_everybody_still_has_a_list_as_long_as_before(tmp_path: Path):
    before, _ = matched(tmp_path, *MEMBERS)
    after, _ = matched(tmp_path, *MEMBERS, outcomes=write(tmp_path / "outcomes.csv", *answers()))
    for figure in ("coverage", "lists_by_size", "largest_list"):
        assert after[figure] == before[figure]
    assert after["exposure_gini"] <= before["exposure_gini"] + 0.02


def test_the_order_of_answers_and_answers_of_strangers_change_nothing(tmp_path: Path):
    given = answers()
    _, rows = matched(tmp_path, *MEMBERS, outcomes=write(tmp_path / "outcomes.csv", *given))
    strange = [{"user_id": "stranger", "match_user_id": IDS[0], "liked": "true"}, {**given[0], "match_user_id": "x"}]
    mixed = write(tmp_path / "outcomes.csv", *reversed(given), *strange)
    summary, again = matched(tmp_path, *MEMBERS, outcomes=mixed)
    assert again == rows
    assert summary["learned"]["answers"] == len(given)


@pytest.mark.parametrize("liked", ["true", "false"])
def test_answers_that_are_all_alike_change_nothing(tmp_path: Path, liked: str):
    _, rows = matched(tmp_path, *MEMBERS)
    outcomes = write(tmp_path / "outcomes.csv", *[{**row, "liked": liked} for row in answers()])
    summary, same = matched(tmp_path, *MEMBERS, outcomes=outcomes)
    assert same == rows
    assert summary["learned"] == {"answers": 0}


def test_of_repeated_answers_the_last_counts_and_the_summary_says_so(tmp_path: Path):
    given = answers()
    turned = [{**row, "liked": "false" if row["liked"] == "true" else "true"} for row in given]
    _, rows = matched(tmp_path, *MEMBERS, outcomes=write(tmp_path / "outcomes.csv", *given))
    repeated = write(tmp_path / "outcomes.csv", *turned, *given)
    summary, again = matched(tmp_path, *MEMBERS, outcomes=repeated)
    assert again == rows
    assert any(f"{len(given)} rows repeat a pair" in note for note in summary["notes"])


def test_an_answer_that_cannot_be_read_is_refused_with_its_line(tmp_path: Path):
    outcomes = write(tmp_path / "outcomes.csv", {"user_id": IDS[0], "match_user_id": IDS[1], "liked": "perhaps"})
    with pytest.raises(InputFileError, match="line 2") as refused:
        matched(tmp_path, *MEMBERS, outcomes=outcomes)
    assert "liked" in str(refused.value)
    assert {column.name for column in OUTCOME_COLUMNS} == {"user_id", "match_user_id", "liked"}
