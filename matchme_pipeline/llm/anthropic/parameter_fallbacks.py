"""Parameters that a Claude request can omit, and the schema in words as a replacement for structured output."""

import json

from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import ParameterFallbacks


def _schema_in_words(body: Json) -> Json:
    """Put the answer's schema into the instructions, for models and proxies without structured output."""
    schema = json.dumps(body["output_config"]["format"]["schema"])
    words = f"Answer with one JSON object of this schema, and nothing else: {schema}"
    return {"system": [*body["system"], {"type": "text", "text": words}]}


# All other parameters limit the cost or make the answer readable.
FALLBACKS = ParameterFallbacks(
    optional=frozenset({"temperature", "thinking"}), instead={"output_config": _schema_in_words}
)
