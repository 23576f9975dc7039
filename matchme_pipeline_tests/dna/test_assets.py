"""The three assets and their checks through Dagster."""

import base64
import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    ExecuteInProcessResult,
    load_asset_checks_from_modules,
    load_assets_from_modules,
    materialize,
)

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.dna import assets, checks
from matchme_pipeline.dna.weights import ALGORITHM_VERSION, STRAND_NAMES, TIERS
from matchme_pipeline.llm.contracts import Models
from matchme_pipeline.llm.resource import ModelsResource
from matchme_pipeline_tests.dna.conftest import MODEL, WEEKS


class TestModels(ModelsResource):
    """A model layer that knows its label and nothing else."""

    __test__ = False

    @contextmanager
    def session(self, database: Any = None) -> Iterator[Models]:
        yield cast(Models, SimpleNamespace(embedding_model=MODEL))


def run(url: str) -> ExecuteInProcessResult:
    definitions = [*load_assets_from_modules([assets]), *load_asset_checks_from_modules([checks])]
    return materialize(
        cast(Any, definitions),
        partition_key=WEEKS[0].key,
        resources={"database": DatabaseResource(url=url), "models": TestModels()},
        raise_on_error=False,
    )


@pytest.fixture
def result(dna_database_url: str) -> ExecuteInProcessResult:
    return run(dna_database_url)


def test_the_assets_materialise_and_all_their_checks_pass(result: ExecuteInProcessResult) -> None:
    assert result.success
    evaluations = result.get_asset_check_evaluations()
    assert {one.check_name for one in evaluations} == {
        "distribution_adds_up",
        "originality_within_bounds",
        "weights_add_up",
        "everyone_is_scored",
        "scores_follow_from_strands",
        "percentiles_follow_from_scores",
        "scores_are_spread",
        "scores_resemble_last_weeks",
        "newest_week_is_shown",
    }
    assert [one.check_name for one in evaluations if not one.passed] == []


def test_metadata_holds_figures_and_pictures(result: ExecuteInProcessResult) -> None:
    (event,) = result.asset_materializations_for_node("dna_scores")
    metadata = {name: value.value for name, value in event.metadata.items()}
    assert metadata["items"] == metadata["members"] > 100
    assert metadata["scored_members"] + metadata["seed_state_members"] == metadata["members"]
    assert sum(metadata[f"tier_{tier.lower()}"] for tier in TIERS) == metadata["scored_members"]
    assert metadata["algorithm_version"] == ALGORITHM_VERSION
    # A stage that calls no model shows no row of zeros.
    assert "tokens" not in metadata
    pictures = re.findall(r"!\[([^\]]*)\]\(data:image/svg\+xml;base64,([^)]*)\)", metadata["scores"])
    assert {title for title, _ in pictures} >= set(STRAND_NAMES.values())
    assert all(base64.b64decode(data).startswith(b"<svg") for _, data in pictures)
    assert "| 2026-01-04 |" in metadata["week_over_week"]


def test_checks_catch_rows_that_were_tampered_with(
    result: ExecuteInProcessResult, dna_database: Connection, dna_database_url: str
) -> None:
    week = {"week": WEEKS[0].sunday}
    one = "(select user_id from dna_score_history where week = %(week)s and not seed_state order by 1 limit 1)"
    for statement in (
        f"update dna_score_history set score = score + 1, percentile_rank = 99 where user_id = {one}",
        "delete from dna_score_history where seed_state and user_id in "
        "(select user_id from dna_score_history where seed_state order by 1 limit 1)",
        "update trait_distribution set idf = idf + 1 where week = %(week)s",
        "update content_originality set score = 12 where week = %(week)s",
    ):
        dna_database.execute(statement, week)  # type: ignore[arg-type]
    database = DatabaseResource(url=dna_database_url)
    failed = {
        name: outcome.severity
        for name in (check.check_name for check in result.get_asset_check_evaluations())
        if not (outcome := evaluate(name, database)).passed
    }
    assert set(failed) == {
        "distribution_adds_up",
        "originality_within_bounds",
        "everyone_is_scored",
        "scores_follow_from_strands",
        "percentiles_follow_from_scores",
        "newest_week_is_shown",
    }
    assert failed.pop("percentiles_follow_from_scores") == AssetCheckSeverity.WARN
    assert set(failed.values()) == {AssetCheckSeverity.ERROR}


def test_dna_scores_alone_say_what_is_missing(dna_database_url: str) -> None:
    outcome = materialize(
        [assets.dna_scores],
        partition_key=WEEKS[1].key,
        resources={"database": DatabaseResource(url=dna_database_url)},
        raise_on_error=False,
    )
    assert not outcome.success
    failure = outcome.failure_data_for_node("dna_scores")
    assert failure is not None
    assert "has no trait_distribution yet" in str(failure.error)


def evaluate(name: str, database: DatabaseResource) -> AssetCheckResult:
    """One check of the first week, by itself."""
    check = getattr(checks, name).node_def.compute_fn.decorated_fn
    given = {"context": SimpleNamespace(partition_key=WEEKS[0].key), "database": database}
    outcome = check(**{argument: given[argument] for argument in inspect.signature(check).parameters})
    assert isinstance(outcome, AssetCheckResult)
    return outcome
