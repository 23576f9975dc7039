"""The OpenAI provider against the fake server: what is asked, what is kept, what every fault costs."""

import json
from decimal import Decimal

import pytest

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, ConfigurationError, ModelRequestError
from matchme_pipeline_tests.llm.conftest import CONTEXT, item, members_items
from matchme_pipeline_tests.openai_server import faults


def ledger_tokens(connection: Connection):
    return connection.execute(
        "select sum(input_tokens), sum(cached_input_tokens), sum(output_tokens) from llm_calls"
    ).fetchone()


def answered(analyses):
    return {a.content_hash: a.insights for member in analyses for a in member.analyses}


def test_every_post_is_answered_in_one_request_a_member(server, models, app_database):
    with models() as session:
        results = list(session.analyse(members_items(3, 4), CONTEXT))
    assert len(server.requests) == 3
    assert [len(member.analyses) for member in results] == [4, 4, 4]
    assert all(len(a.insights) == 1 for member in results for a in member.analyses)
    assert ledger_tokens(app_database) == server.tokens


def test_a_second_run_pays_for_nothing(server, models):
    with models() as session:
        first = list(session.analyse(members_items(2, 3), CONTEXT))
    asked = len(server.requests)
    with models() as session:
        second = list(session.analyse(members_items(2, 3), CONTEXT))
    assert len(server.requests) == asked
    assert answered(first) == answered(second)
    assert all(a.reused for member in second for a in member.analyses)


def test_a_text_that_two_members_wrote_is_paid_once(server, models):
    text = "We walked by the river until dusk and talked about everything."
    with models() as session:
        results = list(session.analyse([item("user_a", text), item("user_b", text)], CONTEXT))
    assert len(server.requests) == 1
    assert {member.member_id for member in results} == {"user_a", "user_b"}


def test_a_request_holds_instructions_data_and_nothing_else_of_the_member(server, models):
    text = "I love hiking. Mail me at sara@example.com or @sara_h or +44 7700 900123, https://sara.example.org/x"
    with models() as session:
        list(session.analyse([item("user_secret_id", text)], CONTEXT))
    body = server.requests[0]["body"]
    sent = json.dumps(body, ensure_ascii=False)
    assert json.loads(body["messages"][1]["content"])["posts"][0].keys() == {
        "id", "text", "categories", "depth_level",
    }  # fmt: skip
    for secret in ("user_secret_id", "sara@example.com", "@sara_h", "7700", "sara.example.org"):
        assert secret not in sent
    assert body["store"] is False
    assert body["reasoning_effort"] == "none"
    assert "temperature" not in body
    assert body["response_format"]["json_schema"]["strict"] is True


def test_a_server_that_takes_neither_schemas_nor_base64_gets_what_it_takes(server, models, app_database):
    server.unsupported_parameters = ("response_format", "max_completion_tokens", "encoding_format")
    with models() as session:
        results = list(session.analyse(members_items(4, 2), CONTEXT))
        embedded = session.embed({"a": "one text", "b": "another text"}, CONTEXT)
    assert sum(len(member.analyses) for member in results) == 8
    assert len(embedded.vectors) == 2
    asked = [r["body"] for r in server.requests if r["kind"] == "chat"][-1]
    assert asked["response_format"] == {"type": "json_object"}
    assert '"source_quote"' in asked["messages"][0]["content"]
    assert asked["max_tokens"] > 0
    assert server.requests[-1]["body"]["encoding_format"] == "float"
    assert ledger_tokens(app_database) == server.tokens


def test_a_parameter_that_must_be_there_stops_with_its_remedy(server, models):
    server.unsupported_parameters = ("service_tier",)
    with (
        models(MATCHME_LLM_MODE="flex") as session,
        pytest.raises(ModelRequestError, match="MATCHME_LLM_MODE=standard"),
    ):
        list(session.analyse(members_items(20, 1), CONTEXT))


def test_odd_names_and_numbers_in_an_answer_leave_the_books_in_order(server, models, app_database):
    server.change_answer = lambda answer: {
        **answer, "id": "chat\u0000\ud800 1", "usage": {**answer["usage"], "prompt_tokens": 10**30, "extra": {"a": []}},
    }  # fmt: skip
    server.request_ids = False
    with models() as session:
        results = list(session.analyse(members_items(1, 2), CONTEXT))
    assert len(results[0].analyses) == 2
    calls = app_database.execute("select request_id, input_tokens between 1 and 10000, error from llm_calls").fetchall()
    # No request has so many tokens: they are estimated by its bytes.
    assert calls == [("chat 1", True, "usage_estimated")]


def test_an_answer_in_parts_after_thoughts_is_read(server, models):
    def in_parts(answer):
        message = answer["choices"][0]["message"]
        parts = ["<think>Hm {", "}</think>" + message["content"]]
        message["content"] = [{"type": "text", "text": part} for part in parts]
        return answer

    server.change_answer = in_parts
    with models() as session:
        results = list(session.analyse(members_items(1, 3), CONTEXT))
    assert len(results[0].analyses) == 3
    assert len(server.requests) == 1


def test_characters_that_no_table_holds_are_not_kept(server, models, app_database):
    def spoil(answer):
        content = json.loads(answer["choices"][0]["message"]["content"])
        for entry in content["insights"]:
            entry["title"] = "Loves\u0000 \ud800craft"
        answer["choices"][0]["message"]["content"] = json.dumps(content)
        return answer

    server.change_answer = spoil
    with models() as session:
        results = list(session.analyse(members_items(1, 2), CONTEXT))
    assert [a.insights[0].title for a in results[0].analyses] == ["Loves craft"] * 2


def test_a_key_that_no_header_can_hold_is_not_shown(models):
    with pytest.raises(ConfigurationError) as caught, models(OPENAI_API_KEY="sk-secret\u2026 of the test"):
        pass
    assert "sk-secret" not in str(caught.value)


def test_an_answer_that_is_valid_in_part_is_kept_and_only_the_rest_asked_again(server, models):
    server.next_faults = ["missing_fields"]
    with models() as session:
        list(session.analyse(members_items(1, 4), CONTEXT))
    again = json.loads(server.requests[1]["body"]["messages"][1]["content"])["posts"]
    assert len(server.requests) == 2
    assert len(again) == 2


def test_a_cut_off_answer_is_asked_again_in_halves(server, models):
    server.next_faults = ["cut_off"]
    with models() as session:
        list(session.analyse(members_items(1, 4), CONTEXT))
    sizes = [len(json.loads(r["body"]["messages"][1]["content"])["posts"]) for r in server.requests]
    assert sizes == [4, 2, 2]


def test_requests_that_are_all_too_long_stop_before_a_thousand_fail_alike(server, models):
    server.fault_rates = {"context_too_long": 1.0}
    with models(MATCHME_LLM_CONCURRENCY=4) as session, pytest.raises(ModelRequestError, match="context_length"):
        list(session.analyse(members_items(100, 2), CONTEXT))
    assert len(server.requests) <= 16


def test_a_request_refused_once_by_a_server_that_stumbles_is_answered(server, models):
    with models(MATCHME_LLM_CONCURRENCY=1) as session:
        list(session.analyse(members_items(1, 1), CONTEXT))
        server.next_faults = ["context_too_long"]
        results = list(session.analyse([item("user_x", "Something that nobody has written before.")], CONTEXT))
        server.next_faults = ["context_too_long"]
        embedded = session.embed({"a": "a text"}, CONTEXT)
    assert not results[0].failures
    assert len(embedded.vectors) == 1


def test_a_model_without_a_price_is_refused_before_anything_is_sent(server, models):
    with pytest.raises(ConfigurationError, match="gpt-9-nova"), models(MATCHME_INSIGHT_MODEL="gpt-9-nova"):
        pass
    assert not server.requests


def test_the_budget_is_never_passed_and_what_is_answered_stays(server, models, app_database):
    items = members_items(60, 2)
    with models(MATCHME_WEEKLY_BUDGET_USD="0.0055", MATCHME_LLM_CONCURRENCY=8) as session:
        results = []
        with pytest.raises(BudgetExceededError):
            results.extend(session.analyse(items, CONTEXT))
    spent, calls = app_database.execute("select sum(cost_usd), count(*) from llm_calls").fetchone()
    assert 0 < calls < 60
    assert len(results) == calls
    assert spent <= Decimal("0.0055")
    assert app_database.execute("select count(*) from llm_budget_holdings").fetchone() == (0,)
    with models() as session:
        assert len(list(session.analyse(items, CONTEXT))) == 60
    assert len(server.requests) == 60


def test_flex_asks_at_the_flex_tier_and_costs_half(server, models, app_database):
    with models() as session:
        list(session.analyse(members_items(1, 1), CONTEXT))
    with models(MATCHME_LLM_MODE="flex") as session:
        list(
            session.analyse(
                [item("user_x", "Member 0 writes about subject 9 with joy. It is number 9 of many, honestly.")], CONTEXT
            )
        )
    assert [r["body"].get("service_tier") for r in server.requests] == [None, "flex"]
    rows = app_database.execute("select mode, cost_usd / (input_tokens + 5 * output_tokens) from llm_calls").fetchall()
    prices = dict(rows)
    assert round(prices["standard"] / prices["flex"], 3) == 2


def test_embeddings_go_many_to_a_request_and_come_back_in_order(server, models, app_database):
    texts = {f"hash-{n}": f"subject {n} is what this text is about" for n in range(3_000)}
    with models() as session:
        embedded = session.embed(texts, CONTEXT)
        again = session.embed(texts, CONTEXT)
    assert [len(r["body"]["input"]) for r in server.requests] == [2_048, 952]
    assert server.requests[0]["body"]["encoding_format"] == "base64"
    assert embedded.computed == 3_000
    assert again.reused == 3_000
    assert all((embedded.vectors[key] == again.vectors[key]).all() for key in texts)
    from matchme_pipeline_tests.openai_server.answers import embedding

    assert all(embedded.vectors[f"hash-{n}"] @ embedding(texts[f"hash-{n}"], 1536) > 0.999 for n in range(0, 3_000, 97))
    assert ledger_tokens(app_database) == server.tokens


@pytest.mark.parametrize("fault", [*faults.EMBEDDING, *(f for f in faults.TRANSPORT if f not in faults.ENDLESS)])
def test_a_faulty_embeddings_answer_loses_no_text(server, models, app_database, fault):
    server.next_faults = [fault]
    texts = {f"hash-{n}": f"subject {n}" for n in range(10)}
    with models() as session:
        embedded = session.embed(texts, CONTEXT)
    assert len(embedded.vectors) == 10
    assert ledger_tokens(app_database) == server.tokens


def test_a_text_too_long_to_embed_is_cut_at_a_boundary(server, models):
    with models() as session:
        embedded = session.embed({"long": "A sentence of a very long post. " * 4_000, "empty": "  "}, CONTEXT)
    assert server.requests[0]["body"]["input"][0].endswith("post.")
    assert list(embedded.vectors) == ["long"]
    assert list(embedded.failures) == ["empty"]


def test_dimensions_are_asked_for_only_where_the_model_takes_them(server, models):
    with models(MATCHME_EMBEDDING_MODEL="text-embedding-ada-002") as session:
        session.embed({"a": "a text"}, CONTEXT)
    with models() as session:
        session.embed({"a": "a text"}, CONTEXT)
    assert [r["body"].get("dimensions") for r in server.requests] == [None, 1536]


def test_a_server_that_takes_few_at_once_is_found_out_and_obeyed(server, models, app_database):
    server.latency_seconds, server.most_concurrent, server.retry_after = 0.05, 6, "0.05"
    with models(MATCHME_LLM_CONCURRENCY=64) as session:
        results = list(session.analyse(members_items(150, 1), CONTEXT))
    assert sum(len(member.analyses) for member in results) == 150
    assert not any(member.failures for member in results)
    # Turned away now and then while the limit is sought, not again and again.
    assert server.faults_served["rate_limited"] < 150 * 2


def test_a_model_whose_vectors_are_all_of_another_length_stops_at_once(server, models):
    server.fault_rates = {"other_length": 1.0}
    with models() as session, pytest.raises(ModelRequestError, match="768 dimensions"):
        session.embed({f"hash-{n}": f"subject {n}" for n in range(9_000)}, CONTEXT)
    assert len(server.requests) <= 6


def test_a_server_that_knows_no_schema_and_lists_no_models_is_used_all_the_same(server, models, app_database):
    server.fault_rates, server.lists_models = {"fenced": 1.0}, False
    with models() as session:
        results = list(session.analyse(members_items(3, 3), CONTEXT))
    assert sum(len(a.insights) for member in results for a in member.analyses) == 9
    assert len(server.requests) == 3
    assert ledger_tokens(app_database) == server.tokens


def test_tokens_that_a_server_does_not_report_are_estimated_so_that_the_budget_holds(server, models, app_database):
    server.fault_rates = {"no_usage": 1.0}
    items = members_items(60, 2)
    with models(MATCHME_WEEKLY_BUDGET_USD="0.0055") as session, pytest.raises(BudgetExceededError):
        list(session.analyse(items, CONTEXT))
    booked = ledger_tokens(app_database)
    assert booked[0] == pytest.approx(server.tokens[0], rel=0.2)
    assert booked[2] == pytest.approx(server.tokens[2], rel=0.05)
    assert app_database.execute("select distinct outcome, error from llm_calls").fetchall() == [
        ("ok", "usage_estimated")
    ]


def test_an_empty_list_is_a_fine_answer(server, models):
    server.fault_rates = {"empty_list": 1.0}
    with models() as session:
        results = list(session.analyse(members_items(2, 3), CONTEXT))
    assert [len(member.analyses) for member in results] == [3, 3]
    assert len(server.requests) == 2
