"""OpenAI's format of embeddings: a request for vectors, and its answer."""

import base64
import binascii
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.copy import VECTOR_DIMENSIONS
from matchme_pipeline.llm.execution.exchange import Json
from matchme_pipeline.llm.execution.wire_format import EmbeddingLimits
from matchme_pipeline.llm.openai.usage import reported_usage
from matchme_pipeline.llm.prices import ModelEntry, TokenUsage

# The API counts UTF-8 bytes / 4 as tokens of a request.
LIMITS = EmbeddingLimits(inputs=2_048, request_tokens=300_000, input_tokens=8_192)


class OpenAIEmbeddingFormat:
    """Implements wire_format.EmbeddingFormat for `POST /v1/embeddings`."""

    limits = LIMITS

    def body(self, model: str, entry: ModelEntry, texts: list[str]) -> Json:
        """Floats are sent as base64, a quarter of their size in digits."""
        body: Json = {"model": model, "input": texts, "encoding_format": "base64"}
        if entry.dimensions:
            body["dimensions"] = VECTOR_DIMENSIONS
        return body

    def vectors(self, data: Json | None, asked: int) -> dict[int, NDArray[np.float32]]:
        """The valid vectors of an answer by their input's position; the server may send any order."""
        entries = (data or {}).get("data")
        found: dict[int, NDArray[np.float32]] = {}
        entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
        if len(entries) == asked and not any("index" in entry for entry in entries):
            # A server that sends no index, and omits no vector, keeps the order.
            entries = [{**entry, "index": place} for place, entry in enumerate(entries)]
        for entry in entries:
            index = entry.get("index")
            if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < asked or index in found:
                continue
            vector = _vector(entry.get("embedding"))
            if vector is not None:
                found[index] = vector
        return found

    def usage(self, data: Json) -> TokenUsage | None:
        """The tokens in the answer's `usage`."""
        return reported_usage(data)


def _vector(value: Any) -> NDArray[np.float32] | None:
    try:
        if isinstance(value, str):
            vector = np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4").astype(np.float64)
        else:
            vector = np.asarray(value, dtype=np.float64)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        return None
    length = float(np.linalg.norm(vector)) if vector.ndim == 1 and vector.size else 0.0
    if not np.isfinite(length) or length == 0:
        return None
    return (vector / length).astype(np.float32)
