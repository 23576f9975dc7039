"""The tests' model server, which also writes down what it was paid for, answer by answer."""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

from matchme_pipeline_tests.openai_server import FakeOpenAI

# Faults that a second question mends: the row that stands in the end is the one of an undisturbed run. Silence about a
# post and quotes that nobody wrote are not among them, because a model that says so twice is believed.
ANSWER_FAULTS = ("refusal", "content_filter", "cut_off", "not_json", "no_choices", "empty_content", "missing_fields",
                 "too_long_fields", "out_of_range")  # fmt: skip
TRANSPORT_FAULTS = ("rate_limited", "rate_limited_bare", "server_error", "overloaded", "timeout", "broken", "html")


@dataclass(frozen=True)
class Delivery:
    """One billed answer: what it was about, what it cost, and whether it was spoiled."""

    request_id: str
    contents: tuple[str, ...]
    input_tokens: int
    output_tokens: int
    fault: str


class CountingServer(FakeOpenAI):
    """Keeps a delivery for every answer that it bills; answers follow from the request alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.deliveries: list[Delivery] = []

    def storm(self, rates: dict[str, float]) -> None:
        """From now on serve these faults, by their share of the requests; an empty mapping ends it."""
        self.fault_rates = rates

    def clean_payments(self, booked: set[str]) -> Counter[str]:
        """How often each content was answered without a fault, over the answers whose request id is in `booked`."""
        return Counter(c for d in self.deliveries if d.request_id in booked and not d.fault for c in d.contents)

    def _chat_answer(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        return self._deliver(chat_contents(body), super()._chat_answer(body, fault), fault)

    def _embedding_answer(self, body: dict[str, Any], fault: str) -> dict[str, Any]:
        contents = tuple(f"vector of {text}" for text in body["input"])
        return self._deliver(contents, super()._embedding_answer(body, fault), fault)

    def _deliver(self, contents: tuple[str, ...], answer: dict[str, Any], fault: str) -> dict[str, Any]:
        usage = answer["usage"]
        # The server numbers its answers right after they are made, in the same turn of its loop.
        request_id = f"req_{self._number + 1}"
        output_tokens = usage.get("completion_tokens", 0)
        self.deliveries.append(Delivery(request_id, contents, usage["prompt_tokens"], output_tokens, fault))
        return answer


def chat_contents(body: dict[str, Any]) -> tuple[str, ...]:
    """What a chat request asks about, one text for each post or pair, without the ids of that request."""
    asked = json.loads(body["messages"][1]["content"])
    (entries,) = asked.values()
    return tuple(json.dumps({k: v for k, v in entry.items() if k != "id"}, sort_keys=True) for entry in entries)
