"""What the API says of its models: near shutdowns warn, unknown ones fail the doctor, a wrong key is named."""

import logging
from datetime import UTC, datetime, timedelta

import pytest

from matchme_pipeline.errors import ConfigurationError, ModelRequestError
from matchme_pipeline.llm.doctor import examine_models
from matchme_pipeline.llm.prices import TokenUsage, load_prices
from matchme_pipeline.settings import load_settings
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
from matchme_pipeline_tests.openai_server import faults

SOON = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()


def settings(server, **environment):
    values = {"MATCHME_LLM": "openai", "OPENAI_API_KEY": "sk-secret-of-the-test", "OPENAI_BASE_URL": server.url}
    return load_settings(None, {**values, **environment})


def test_a_model_about_to_be_shut_down_warns_and_still_answers(server, models, caplog):
    server.models = {"gpt-6-luna": SOON, "text-embedding-3-small": "2031-01-01"}
    with caplog.at_level(logging.WARNING), models() as session:
        list(session.analyse(members_items(1, 1), CONTEXT))
        list(session.analyse(members_items(2, 1), CONTEXT))
    assert [r.message for r in caplog.records if "shuts down" in r.message] == [
        f"The model 'gpt-6-luna' shuts down on {SOON}. Choose another one in MATCHME_INSIGHT_MODEL, "
        "MATCHME_EMBEDDING_MODEL or MATCHME_REVIEW_MODEL before then; what it answered stays usable."
    ]


def test_the_doctor_names_models_and_prices(server):
    server.models = {"gpt-6-luna": None, "text-embedding-3-small": None}
    assert "gpt-6-luna and text-embedding-3-small" in examine_models(settings(server))


def test_the_doctor_finds_an_unknown_model_a_dead_address_and_a_missing_key(server):
    server.models = {"gpt-6-luna": None}
    with pytest.raises(ModelRequestError, match="text-embedding-3-small"):
        examine_models(settings(server))
    with pytest.raises(ModelRequestError, match="OPENAI_BASE_URL"):
        examine_models(settings(server, OPENAI_BASE_URL="http://127.0.0.1:9/v1"))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        examine_models(settings(server, OPENAI_API_KEY=""))


def test_a_members_words_are_in_no_log(server, models, caplog):
    with caplog.at_level(logging.DEBUG), models() as session:
        list(session.analyse(members_items(2, 2), CONTEXT))
    assert "with joy" not in caplog.text
    assert "sk-secret" not in caplog.text


def test_prices_are_exact_and_cached_and_written_tokens_have_their_own():
    price = load_prices().entry("gpt-6-luna", "chat").price("standard")
    usage = TokenUsage(input_tokens=1_000, cached_input_tokens=600, cache_write_tokens=300, output_tokens=100)
    assert str(price.cost_usd(usage)) == "0.0001035000"


def test_a_price_file_comes_before_the_shipped_prices(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text('version: "own"\nmodels:\n  house-model: {kind: chat, standard: {input: "1", output: "2"}}\n')
    table = load_prices(own)
    assert table.entry("house-model", "chat").price("flex").input == 1
    assert table.version.endswith("+own")
    own.write_text("version: 1\nmodels: {x: {kind: chat}}\n")
    with pytest.raises(ConfigurationError, match="price file"):
        load_prices(own)


@pytest.mark.parametrize("fault", [f for f in faults.TRANSPORT if f not in faults.ENDLESS])
def test_a_list_of_models_that_goes_wrong_is_nobodys_trouble(server, models, fault):
    server.other_faults = {"models": [fault]}
    with models() as session:
        assert len(list(session.analyse(members_items(1, 1), CONTEXT))) == 1


@pytest.mark.parametrize("written", ["seconds since 1970", "a time"])
def test_a_shutdown_date_is_read_as_servers_write_it(server, models, caplog, written):
    midnight = datetime.fromisoformat(SOON + "T00:00:00Z")
    day = int(midnight.timestamp()) if written == "seconds since 1970" else SOON + "T00:00:00Z"
    server.models = {"gpt-6-luna": day, "text-embedding-3-small": {"no": "date"}}
    with caplog.at_level(logging.WARNING), models() as session:
        list(session.analyse(members_items(1, 1), CONTEXT))
    assert f"'gpt-6-luna' shuts down on {SOON}" in caplog.text


def test_a_price_below_nothing_is_refused(tmp_path):
    own = tmp_path / "prices.yaml"
    own.write_text('version: "own"\nmodels:\n  house-model: {kind: chat, standard: {input: "-1", output: "2"}}\n')
    with pytest.raises(ConfigurationError, match="greater than or equal to 0"):
        load_prices(own)


def test_the_default_model_has_a_price_and_is_asked_unless_another_is_set(server):
    assert load_prices().entry(settings(server).insight_model, "chat").provider == "openai"
    assert settings(server, MATCHME_INSIGHT_MODEL="gpt-4o-mini").insight_model == "gpt-4o-mini"
