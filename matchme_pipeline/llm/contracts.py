"""The interface between the stages and the model layer. A stage does not know the model or the cost."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CallContext:
    """The purpose of calls, stored with every row of the ledger."""

    stage: str
    week: date | None
    dagster_run_id: str | None


@dataclass(frozen=True)
class ItemToAnalyse:
    """One content item to analyse. `member_id` groups items into requests and is never sent.

    `names` are the member's own names, which are masked in the text.
    """

    member_id: str
    content_hash: str
    text: str
    categories: tuple[str, ...] = ()
    depth_level: int = 1
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Insight:
    """One claim about a member; `source_quote` occurs word for word in the item's text, `confidence` is 0-100."""

    category: str
    title: str
    description: str
    source_quote: str
    confidence: int


@dataclass(frozen=True)
class ItemAnalysis:
    """The valid insights of one item (possibly none), stored under `cache_key`; `reused`: nothing was paid."""

    content_hash: str
    cache_key: str
    insights: tuple[Insight, ...]
    reused: bool
    # The numbers of dropped insights of this answer by reason; "ungrounded" counts those without a valid quote.
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemFailure:
    """One item without an answer, why, and whether asking again later can help."""

    content_hash: str
    error: str
    retryable: bool = True


@dataclass(frozen=True)
class MemberAnalysis:
    """The outcome of one member's items; committed to cache and ledger before the stage receives it."""

    member_id: str
    analyses: tuple[ItemAnalysis, ...]
    failures: tuple[ItemFailure, ...] = ()


@dataclass(frozen=True)
class Embeddings:
    """Unit vectors by content hash: float32 of shape (1536,), all of the same `model`.

    `vectors` is empty if the caller only wants them stored.
    """

    model: str
    vectors: dict[str, NDArray[np.float32]]
    failures: dict[str, str]
    reused: int
    computed: int


@dataclass(frozen=True)
class SharedInsight:
    """One approved insight of one side of a pair, as the preview's model may see it."""

    insight_id: str
    category: str
    title: str
    description: str
    # The member's own names, which are masked in title and description.
    names: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class PairToPreview:
    """The data of two members for a preview: approved insights and openly shown common attributes.

    `members` are the two ids, so that the offline models repeat nothing to the same member; no request contains them.
    """

    pair_id: str
    a: tuple[SharedInsight, ...]
    b: tuple[SharedInsight, ...]
    common_ground: tuple[str, ...] = ()
    members: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Preview:
    """ChaiChat starters of a pair: 2-3 light ones (level 1), 2-3 about values (level 2).

    `insights_used` lists the ids of the approved insights that the starters are built on.
    """

    pair_id: str
    level_1: tuple[str, ...]
    level_2: tuple[str, ...]
    insights_used: tuple[str, ...]
    model: str
    cache_key: str
    reused: bool


@dataclass(frozen=True)
class PreviewFailure:
    """One pair without a preview, and why."""

    pair_id: str
    error: str
    retryable: bool = True


@dataclass(frozen=True)
class PairToReview:
    """The data of two members for a review: only approved insights."""

    pair_id: str
    a: tuple[SharedInsight, ...]
    b: tuple[SharedInsight, ...]


@dataclass(frozen=True)
class Review:
    """A model's review of a pair: `fit` 0-100; 50 is neutral."""

    pair_id: str
    fit: int
    model: str
    cache_key: str
    reused: bool


@dataclass(frozen=True)
class ReviewFailure:
    """One pair without a review, and why."""

    pair_id: str
    error: str
    retryable: bool = True


@dataclass(frozen=True)
class Usage:
    """The usage of calls: tokens (input includes cached ones) and USD."""

    calls: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: Decimal = Decimal(0)

    @property
    def tokens(self) -> int:
        """Input and output tokens together."""
        return self.input_tokens + self.output_tokens


class Models(Protocol):
    """The model layer for the stages.

    Every method reuses stored answers, records payments in the ledger, commits answer and ledger row in one transaction
    before it yields, and raises ModelRequestError (a retry cannot help) or BudgetExceededError (the week's limit) as
    soon as that is certain. An item's failure is returned and never raised.
    """

    @property
    def insight_model(self) -> str:
        """The label of the model that finds insights and writes previews."""

    @property
    def embedding_model(self) -> str:
        """The label of the embedding model; only vectors with the same label are compared."""

    @property
    def review_model(self) -> str | None:
        """The label of the review model; None without reviews."""

    @property
    def answers_by_batch(self) -> bool:
        """Do answers come by batch, up to a day later? Then a stage should ask for everything due at once."""

    def analyse(self, items: Sequence[ItemToAnalyse], context: CallContext) -> Iterator[MemberAnalysis]:
        """Insights for `items`, one member per request; yields members as they finish."""

    def embed(
        self,
        texts: dict[str, str],
        context: CallContext,
        *,
        return_vectors: bool = True,
        names: Mapping[str, Collection[str]] | None = None,
    ) -> Embeddings:
        """Vectors for `texts` by content hash; stored, and returned only with `return_vectors` (a million take 6 GB).

        `names`: by content hash, the authors' names, which are masked.
        """

    def preview(self, pairs: Sequence[PairToPreview], context: CallContext) -> Iterator[Preview | PreviewFailure]:
        """Starters for `pairs`; yields pairs as they finish."""

    def review(self, pairs: Sequence[PairToReview], context: CallContext) -> Iterator[Review | ReviewFailure]:
        """Reviews of `pairs` as they finish; none without a review model."""

    def usage(self, context: CallContext) -> Usage:
        """The ledger's sums for this run, week and stage."""
