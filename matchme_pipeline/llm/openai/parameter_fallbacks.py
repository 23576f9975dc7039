"""Parameters that a request to an OpenAI-compatible server can omit, and replacements that other servers accept."""

import json

from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import ParameterFallbacks


def _schema_in_words(body: Json) -> Json:
    """Put the answer's schema into the instructions, for servers that only support plain JSON output."""
    schema = json.dumps(body["response_format"]["json_schema"]["schema"])
    system, *others = body["messages"]
    content = f"{system['content']}\n\nAnswer with one JSON object of this schema, and nothing else: {schema}"
    return {"messages": [{**system, "content": content}, *others], "response_format": {"type": "json_object"}}


# All other parameters limit the cost or make the answer readable.
FALLBACKS = ParameterFallbacks(
    optional=frozenset({"temperature", "reasoning_effort", "store", "dimensions"}),
    instead={
        "encoding_format": lambda _: {"encoding_format": "float"},
        "max_completion_tokens": lambda body: {"max_tokens": body["max_completion_tokens"]},
        "response_format": _schema_in_words,
    },
    remedies={"service_tier": "Set MATCHME_LLM_MODE=standard."},
)
