"""What a request to a Claude model can do without, and how it says the answer's schema in words."""

import json

from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import ParameterFallbacks


def _schema_in_words(body: Json) -> Json:
    """The answer's schema among the instructions, for models and proxies without structured output."""
    schema = json.dumps(body["output_config"]["format"]["schema"])
    words = f"Answer with one JSON object of this schema, and nothing else: {schema}"
    return {"system": [*body["system"], {"type": "text", "text": words}]}


# Anything else bounds the cost or makes the answer readable.
FALLBACKS = ParameterFallbacks(
    optional=frozenset({"temperature", "thinking"}), instead={"output_config": _schema_in_words}
)
