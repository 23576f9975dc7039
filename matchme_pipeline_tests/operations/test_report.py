"""The week's report: true figures, what to do first, readable everywhere, and nobody's words in it."""

import re
from collections.abc import Iterator
from decimal import Decimal

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult

from matchme_pipeline.database.connection import Connection, connect
from matchme_pipeline.llm.prices import load_prices
from matchme_pipeline.matching.outcomes.funnel import STAGES
from matchme_pipeline.operations import remedies
from matchme_pipeline.operations.remedies import cause_of, without_quotations
from matchme_pipeline.operations.report import content, list_price, queries, render
from matchme_pipeline.operations.report.charts import charts
from matchme_pipeline.operations.report.collect import collect
from matchme_pipeline.operations.report.content import Failures, Figure, WarnedCheck, WeekReport, from_json
from matchme_pipeline.operations.report.queries import StageSpending
from matchme_pipeline.row_preview_queries import ROWS
from matchme_pipeline.settings import Settings, process_settings
from matchme_pipeline_tests.databases import temporary_database
from matchme_pipeline_tests.materialising import WEEKS, materialise

FIRST, SECOND = WEEKS[:2]


@pytest.fixture(scope="module")
def url(postgres_url: str, small_template: str) -> Iterator[str]:
    with temporary_database(postgres_url, small_template) as url:
        yield url


@pytest.fixture(scope="module")
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def result(url: str, instance: DagsterInstance) -> ExecuteInProcessResult:
    materialise(url, FIRST, instance=instance)
    return materialise(url, SECOND, instance=instance)


@pytest.fixture
def database(url: str, result: ExecuteInProcessResult) -> Iterator[Connection]:
    assert result.success
    with connect(url) as connection:
        yield connection


@pytest.fixture
def report(database: Connection, instance: DagsterInstance) -> WeekReport:
    return collect(database, instance, process_settings(), SECOND)


def made(**changed: object) -> WeekReport:
    plain: dict[str, object] = {
        "week": "2026-01-04",
        "match_week": "2026-01-11",
        "due_at": "2026-01-11 07:00",
        "finished_at": "2026-01-11 03:00",
        "hours_before_due": 4.0,
        "run_id": "r",
        "run_seconds": 60.0,
        "budget_usd": None,
        "spent_before_usd": None,
        "is_offline": True,
        "list_price_usd": 1.5,
        **dict.fromkeys(("score_bins", "match_score_bins"), [0] * 10),
    }
    return WeekReport(**{**plain, **changed})


def failure(jobs: int, error: str) -> Failures:
    cause = cause_of(error)
    return Failures(f"{jobs} jobs", jobs, cause.name, cause.rank, cause.meaning, cause.remedy, error)


def test_the_summary_shows_the_report_first_and_the_runs_true_cost(result: ExecuteInProcessResult):
    (event,) = result.asset_materializations_for_node("run_summary")
    assert next(iter(event.metadata)) == "summary"
    told = {name: value.value for name, value in event.metadata.items()}
    assert told["summary"].startswith(f"**Week {SECOND.key} finished")
    assert "offline models cost nothing; at list prices about" in told["summary"]
    assert told["list_price_usd"] > 0
    assert told["model_calls"] > 0
    assert len(re.findall(r"!\[[^\]]+\]\(data:image/svg", told["charts"])) == 6


def test_every_stage_shows_a_summary_first_and_no_zeros_of_models_it_never_calls(result: ExecuteInProcessResult):
    shown = {
        event.asset_key.to_user_string(): event.materialization.metadata
        for event in result.get_asset_materialization_events()
    }
    assert {next(iter(metadata)) for metadata in shown.values()} == {"summary"}
    assert {name for name, metadata in shown.items() if "tokens" not in metadata} == {
        "post_hashes",
        "trait_distribution",
        "content_originality",
        "dna_scores",
        "match_outcomes",
        "match_models",
        "match_quality",
    }


def test_the_row_count_is_that_of_the_weeks_rows(database: Connection, result: ExecuteInProcessResult):
    for asset, statement in {
        "post_hashes": "select count(*) from content_items where week = %s",
        "user_embeddings": "select count(*) from user_embeddings where week = %s",
        "trait_distribution": "select count(*) from trait_distribution where week = %s",
        "content_originality": "select count(*) from content_originality where week = %s",
        "dna_scores": "select count(*) from dna_score_history where week = %s",
        "weekly_matches": "select count(*) from weekly_matches where week_start_date = %s::date + 7",
        "chaichat_previews": "select count(*) from weekly_matches where week_start_date = %s::date + 7",
    }.items():
        (event,) = result.asset_materializations_for_node(asset)
        assert database.execute(statement, [SECOND.sunday]).fetchone() == (  # type: ignore[arg-type]
            event.metadata["dagster/row_count"].value,
        )


def test_a_report_says_how_well_the_score_told_who_likes_each_other_and_reads_older_reports():
    report = made(quality=[("AUC of the score", "0.571 (0.540 to 0.602)", "too few")])
    for shown in (render.markdown(report, ()), render.html(report)):
        assert "0.571 (0.540 to 0.602)" in shown
        assert "How well the score predicts mutual likes" in shown
    assert "How well the score predicts mutual likes" not in render.html(made())
    kept = {name: value for name, value in made().as_json().items() if name != "quality"}
    assert from_json(kept) == made()


def test_weeks_that_cost_nothing_show_what_they_would_have_cost(report: WeekReport):
    assert report.is_offline
    assert [week for week, _ in report.cost_by_week] == [FIRST.key, SECOND.key]
    assert report.cost_by_week[-1][1] == pytest.approx(report.list_price_usd, abs=1e-6)
    # The stages' list prices add up to the headline's, and the charts show as many scores as the table tells of.
    assert sum(row.list_usd for row in report.spending) == pytest.approx(report.list_price_usd, abs=1e-6)
    shown = next(figure.now for figure in report.figures if figure.name == "members who see their score")
    assert shown == sum(report.score_bins) == sum(members for _, members in report.tiers)
    assert report.cost_by_week[0][1] > 0
    assert charts(report)[0].title == "Cost by week at list prices (USD)"


def test_a_stage_shows_a_few_rows_without_any_members_word_or_id(database: Connection, result: ExecuteInProcessResult):
    members = {row[0] for row in database.execute("select distinct clerk_user_id from profiles").fetchall()}
    for asset in ("post_hashes", "trait_distribution", "dna_scores", "weekly_matches", "match_outcomes"):
        (event,) = result.asset_materializations_for_node(asset)
        rows = [record.data for record in event.metadata["rows"].records]
        assert 1 <= len(rows) <= ROWS, asset
        cells = {str(cell) for row in rows for cell in row.values()}
        assert cells - {"None"}
        assert not cells & members


def test_figures_are_those_of_the_tables_beside_last_weeks(database: Connection, report: WeekReport):
    matches, before = (
        database.execute("select count(*) from weekly_matches where week_start_date = %s", [week.match_week]).fetchone()
        for week in (SECOND, FIRST)
    )
    figures = {figure.name: figure for figure in report.figures}
    assert matches is not None
    assert before is not None
    assert figures["matches"] == Figure("matches", matches[0], before[0])
    assert figures["insights"].now > 0
    shown = {figure.name: figure.now for figure in report.funnel}
    # During the week members saw the matches of the week before.
    assert shown["shown"] == before[0]
    assert list(shown) == [stage.name for stage in STAGES]
    quality = {name: now for name, now, _ in report.quality}
    assert quality["AUC of the score"] == "too few"
    assert 0 < float(quality["members in a list, of those with an eligible partner"].rstrip("%")) <= 100
    assert sum(report.match_score_bins) == matches[0]
    assert sum(size * members for size, members in report.members_by_list_size) == matches[0]
    assert {stage for stage, _ in report.seconds_by_stage} >= {"content_insights", "weekly_matches", "dna_scores"}
    assert from_json(report.as_json()) == report
    kept = queries.stored_report(database, SECOND.sunday)
    assert kept is not None
    assert kept["figures"] == report.as_json()["figures"]


def test_the_list_price_of_a_sample_is_that_of_the_whole_week(database: Connection):
    # Nobody's items are a sample of everybody's: that some write more than others moves it.
    settings = process_settings()
    whole = list_price.of_offline_week(database, settings, SECOND, 10_000, 10_000)
    sampled = list_price.of_offline_week(database, settings, SECOND, 60, 100)
    assert [row.stage for row in whole] == ["content_insights", "post_embeddings", "chaichat_previews"]
    for one, other in zip(whole, sampled, strict=True):
        assert float(other.cost_usd) == pytest.approx(float(one.cost_usd), rel=0.25)
        assert one.tokens > 0
    prices = load_prices()
    paid = StageSpending("s", "openai", "gpt-4.1", 1, 1_000_000, 500_000, 0, Decimal("0.5"))
    assert list_price.of_spending(prices, paid) == Decimal(2)


def test_no_member_stands_in_the_report(database: Connection, report: WeekReport):
    database.execute(
        """
        update batch_processing_queue set status = 'failed', last_error = 'invalid: "I love the sea", user_abc12345'
        where id = (select min(id::text)::uuid from batch_processing_queue where week = %s)
        """,
        [SECOND.sunday],
    )
    with DagsterInstance.ephemeral() as instance:
        told = collect(database, instance, process_settings(), SECOND)
    shown = render.html(told) + render.markdown(told) + content.message(told)
    assert "unreadable data" in shown
    assert "the sea" not in shown
    assert "abc12345" not in shown
    members = database.execute("select clerk_user_id, first_name, bio from profiles").fetchall()
    captions = database.execute("select caption from posts where length(caption) > 15").fetchall()
    for (words,) in [*((word,) for row in members for word in row if word and len(word) > 8), *captions]:
        assert words not in shown


def test_the_page_needs_nothing_else_and_suits_the_dark_and_a_phone(report: WeekReport):
    page = render.html(report)
    assert "<script" not in page
    assert re.findall(r"(?:src|href|srcset)=\"(?!data:)", page) == []
    assert 'name="viewport"' in page
    assert page.count("prefers-color-scheme: dark") == 1 + 6
    for alt in re.findall(r'<img [^>]*alt="([^"]*)"', page):
        assert ":" in alt


def test_first_things_stand_first():
    steps = content.to_do(
        made(
            finished_at=None,
            hours_before_due=None,
            failures=[failure(300, "rate_limit_exceeded"), failure(2, "The API refuses the key (HTTP 401).")],
            checks=[WarnedCheck("weekly_matches", "matches_keep_the_rules", True, "3 rows break one")],
        )
    )
    assert [
        next(word for word in ("key", "matches_keep_the_rules", "not finished", "rate") if word in step)
        for step in steps
    ] == ["key", "matches_keep_the_rules", "not finished", "rate"]
    assert content.to_do(made()) == []


def test_the_first_sentence_says_whether_it_was_in_time():
    assert content.headline(made()).endswith("4.0 hours before members open the app.")
    assert "2.5 hours after it was due" in content.headline(made(hours_before_due=-2.5))
    assert "is not finished" in content.headline(made(finished_at=None, hours_before_due=None))
    told = content.message(made(figures=[Figure("items", 10, 5)]), [("The run", "https://dagster.example/runs/r")])
    assert told.splitlines()[-1] == "The run: https://dagster.example/runs/r"
    assert "Nothing to do." in told


def test_money_is_told_beside_budget_list_price_and_last_week():
    spending = content.Spending("content_insights", "gpt-5-nano", 3, 900, 0, 100, 0.5, 1.0)
    told = content.money(
        made(is_offline=False, spending=[spending], list_price_usd=1.0, budget_usd=2.0, spent_before_usd=0.25)
    )
    assert told == "0.5000 USD for 1,000 tokens, list price 1.0000, budget 2.00 (25%), last week 0.2500."


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        ("The API refuses the key (HTTP 401). Correct OPENAI_API_KEY in the environment or .env.", "key refused"),
        ("The API account's quota is exhausted (HTTP 429, insufficient_quota).", "account out of credit"),
        ("The budget of 1.00 USD for week 2026-01-04 is spent.", "budget ended"),
        ("rate_limited", "rate limited"),
        ("http_503", "provider trouble"),
        ("the process that ran it is gone", "process lost"),
        ("The API knows no model 'gpt' at this address (HTTP 404).", "model not available"),
        ("nothing was published: gender: 2 rows", "check refused the week"),
        ("content_filter", "model refused"),
        ("something else happened", "unknown"),
        (None, "unknown"),
    ],
)
def test_every_error_has_a_cause_and_a_remedy(error: str | None, cause: str):
    found = cause_of(error)
    assert found.name == cause
    assert "{week}" not in remedies.remedy_for(found, SECOND.sunday)


def test_an_error_is_shown_without_what_it_quotes():
    shown = without_quotations('invalid input syntax for type integer: "call me 0171 2345678"\nmore')
    assert shown == "invalid input syntax for type integer: …"
    assert "@" not in without_quotations("cannot write to someone@example.org")


def test_a_finished_week_is_told_by_choice(url: str, instance: DagsterInstance, result, monkeypatch):
    assert result.success
    monkeypatch.setenv("MATCHME_TELL_FINISHED_WEEKS", "true")
    monkeypatch.setenv("MATCHME_OPERATIONS_URL", "https://ops.example")
    process_settings.cache_clear()
    try:
        assert materialise(url, SECOND, "run_summary", instance=instance).success
    finally:
        monkeypatch.undo()
        process_settings.cache_clear()
    with connect(url) as connection:
        (kind, body), *others = connection.execute("select kind, body from pipeline_alerts").fetchall()
    assert (kind, others) == ("week_finished", [])
    assert f"Week {SECOND.key} finished" in body


def test_base_addresses_are_checked():
    assert Settings(MATCHME_DAGSTER_URL="https://dagster.example/").dagster_url == "https://dagster.example"
    for wrong in ("dagster.example", "ftp://x", "https://user@x", "https://x/?a=b"):
        with pytest.raises(ValueError, match="must be https"):
            Settings(MATCHME_OPERATIONS_URL=wrong)
