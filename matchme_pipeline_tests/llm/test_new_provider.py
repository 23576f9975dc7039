"""A provider that does not exist: one module and a price are all that a new one takes."""

import json
import sys
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.execution.exchange import Reply
from matchme_pipeline.llm.execution.wire_format import ChatAnswer, ParameterFallbacks, RateLimits
from matchme_pipeline.llm.prices import TokenUsage
from matchme_pipeline_tests.llm.conftest import CONTEXT, members_items
from matchme_pipeline_tests.openai_server import answers

PRICES = """
version: "house"
models:
  house-model: {kind: chat, provider: house, standard: {input: "2", output: "4"}}
  house-vectors: {kind: embedding, provider: house, standard: {input: "1"}}
  lost-model: {kind: chat, provider: lost, standard: {input: "2", output: "4"}}
"""


class HouseFormat:
    def body(self, model, entry, mode, task, data, output_limit):
        return {"model": model, "said": json.dumps(data), "most": output_limit}

    def answer(self, data):
        return ChatAnswer(data["written"])

    def usage(self, data):
        return TokenUsage(data["read_tokens"], 0, 0, data["written_tokens"])

    def billed_mode(self, asked, data):
        return asked


class HouseApi:
    name: ClassVar[str] = "house"
    address_setting: ClassVar[str] = "HOUSE_URL"
    chat_format: ClassVar[Any] = HouseFormat()
    embedding_format: ClassVar[Any] = None
    fallbacks: ClassVar[ParameterFallbacks] = ParameterFallbacks()
    batches: Any = SimpleNamespace()

    def __init__(self, settings):
        self.asked = 0

    @staticmethod
    def rate_limits(settings):
        return RateLimits()

    async def chat(self, body):
        self.asked += 1
        written = json.dumps(answers.complete(body["said"]))
        usage = {"read_tokens": len(body["said"]) // 4, "written_tokens": len(written) // 4}
        return Reply({"written": written, **usage}, f"house-{self.asked}", {}, 0.1)

    async def models(self):
        return []

    async def close(self):
        return


@pytest.fixture
def house(monkeypatch, tmp_path):
    module = ModuleType("matchme_pipeline.llm.house.provider")
    module.API = HouseApi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "matchme_pipeline.llm.house", ModuleType("matchme_pipeline.llm.house"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    prices = tmp_path / "prices.yaml"
    prices.write_text(PRICES)
    return {"MATCHME_PRICES_FILE": str(prices)}


def test_a_new_provider_answers_and_is_booked_by_its_folder_and_its_price_alone(server, models, app_database, house):
    with models(MATCHME_INSIGHT_MODEL="house-model", **house) as session:
        results = list(session.analyse(members_items(3, 2), CONTEXT))
        embedded = session.embed({"h": "a text"}, CONTEXT)
    assert sum(len(member.analyses) for member in results) == 6
    assert len(embedded.vectors) == 1
    booked = "select provider, count(*), sum(cost_usd) = sum(2 * input_tokens + 4 * output_tokens) / 1e6 from llm_calls"
    rows = app_database.execute(f"{booked} where provider = 'house' group by 1").fetchall()
    assert rows == [("house", 3, True)]
    assert {request["kind"] for request in server.requests} == {"embeddings"}


def test_a_provider_without_a_folder_or_without_vectors_is_named_before_anything_is_sent(server, models, house):
    with pytest.raises(ConfigurationError, match="'lost'"), models(MATCHME_INSIGHT_MODEL="lost-model", **house):
        pass
    with (
        pytest.raises(ConfigurationError, match="house, which offers no vectors"),
        models(MATCHME_EMBEDDING_MODEL="house-vectors", **house),
    ):
        pass
    assert not server.requests
