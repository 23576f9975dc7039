"""Answers of the rehearsal's server: the offline models in the format of the chat and embeddings APIs."""

import json
import threading
from typing import Any

import numpy as np

from matchme_pipeline.llm.local.encoder import item_vectors, process_encoder
from matchme_pipeline.llm.local.insights import answer_insights
from matchme_pipeline.llm.local.previews import answer_previews
from matchme_pipeline.llm.local.themes import load_themes
from matchme_pipeline.llm.rehearsal.wire import Json

# The encoder is one model in memory; requests use it one at a time.
_ENCODER = threading.Lock()
_DIMENSIONS = 1_536


def complete(user_message: str) -> Json:
    """The answer to the user message of a chat completion. Raises ValueError for a message of another shape."""
    data = json.loads(user_message)
    with _ENCODER:
        if isinstance(data, dict) and "posts" in data:
            return answer_insights([data], load_themes(), process_encoder())[0]
        if isinstance(data, dict) and "pairs" in data:
            if any(isinstance(pair["a"], list) for pair in data["pairs"]):
                return {"reviews": [_review(pair) for pair in data["pairs"]]}
            return answer_previews(data, process_encoder())
    raise ValueError("the message holds neither posts nor pairs")


def vectors(texts: list[str]) -> list[Any]:
    """A unit vector for each text; a text without words gets a constant one, as from a real server."""
    with _ENCODER:
        found = item_vectors(texts, process_encoder())
    nothing = np.full(_DIMENSIONS, _DIMENSIONS**-0.5, dtype=np.float32)
    return [vector if vector.any() else nothing for vector in found]


def _review(pair: Json) -> Json:
    """Fit by the similarity of what the two show: 50 if there is none."""
    titles = [[str(insight.get("title", "")) for insight in pair[side]] for side in ("a", "b")]
    if not all(titles):
        return {"pair_id": pair["id"], "fit": 50}
    a, b = (process_encoder().unit_vectors(side).mean(axis=0) for side in titles)
    likeness = float(a @ b) / float(np.linalg.norm(a) * np.linalg.norm(b) or 1.0)
    return {"pair_id": pair["id"], "fit": round(100 * min(1.0, max(0.0, 0.5 + likeness / 2)))}
