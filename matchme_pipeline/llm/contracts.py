"""What stages ask of the model layer and what they get back. No stage knows which model answers or how it is paid."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class CallContext:
    """What calls are made for: written to every row of the ledger."""

    stage: str
    week: date | None
    dagster_run_id: str | None


@dataclass(frozen=True)
class ItemToAnalyse:
    """One content item for insights. `member_id` groups items into requests and never leaves the process.

    `names` are the member's own, which are masked where they stand in the text.
    """

    member_id: str
    content_hash: str
    text: str
    categories: tuple[str, ...] = ()
    depth_level: int = 1
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Insight:
    """One claim about a member; `source_quote` stands word for word in the item's text, `confidence` is 0-100."""

    category: str
    title: str
    description: str
    source_quote: str
    confidence: int


@dataclass(frozen=True)
class ItemAnalysis:
    """The valid insights of one item (there may be none), stored under `cache_key`; `reused`: nothing was paid."""

    content_hash: str
    cache_key: str
    insights: tuple[Insight, ...]
    reused: bool
    # Why insights of this answer were dropped, by reason; the grounding rule's are under "ungrounded".
    dropped: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ItemFailure:
    """One item without an answer, why, and whether asking again later can help."""

    content_hash: str
    error: str
    retryable: bool = True


@dataclass(frozen=True)
class MemberAnalysis:
    """The outcome of one member's items; committed to cache and ledger before the stage gets it."""

    member_id: str
    analyses: tuple[ItemAnalysis, ...]
    failures: tuple[ItemFailure, ...] = ()


@dataclass(frozen=True)
class Embeddings:
    """Unit-length vectors by content hash: float32 of shape (1536,), all of the same `model`.

    `vectors` is empty where the caller wanted them stored, not handed out.
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
    # The member's own names, which are masked where they stand in title or description.
    names: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class PairToPreview:
    """Two members as a preview may see them: approved insights and the attributes that both have made visible.

    `members` are the two ids, so that the offline models tell nobody the same thing twice; no request holds them.
    """

    pair_id: str
    a: tuple[SharedInsight, ...]
    b: tuple[SharedInsight, ...]
    common_ground: tuple[str, ...] = ()
    members: tuple[str, str] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Preview:
    """ChaiChat starters of a pair: 2-3 light ones (level 1), 2-3 that reach for values (level 2).

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
    """Two members as a review may see them: insights that they have approved, nothing else."""

    pair_id: str
    a: tuple[SharedInsight, ...]
    b: tuple[SharedInsight, ...]


@dataclass(frozen=True)
class Review:
    """A model's judgement of a pair: `fit` 0-100; 50 speaks neither for the match nor against it."""

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
    """What calls consumed: tokens (input includes the cached ones) and USD."""

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
    """The model layer as the stages see it.

    Every method reuses stored answers, books what it pays in the ledger, commits answer and booking in one
    transaction before it yields, and raises ModelRequestError (no retry will help) and BudgetExceededError (the
    week's limit) as soon as that is certain. The failure of one item is returned, never raised.
    """

    @property
    def insight_model(self) -> str:
        """The label of the model that finds insights and writes previews."""

    @property
    def embedding_model(self) -> str:
        """The label of the model that embeds; vectors are compared only under the same label."""

    @property
    def review_model(self) -> str | None:
        """The label of the model that reviews close calls; None where nothing is reviewed."""

    @property
    def answers_by_batch(self) -> bool:
        """Whether answers come by batch, up to a day later: stages should then ask for everything due at once."""

    def analyse(self, items: Sequence[ItemToAnalyse], context: CallContext) -> Iterator[MemberAnalysis]:
        """Insights for `items`, one member per request; members are yielded as they finish."""

    def embed(
        self,
        texts: dict[str, str],
        context: CallContext,
        *,
        hand_out: bool = True,
        names: Mapping[str, Collection[str]] | None = None,
    ) -> Embeddings:
        """Vectors for `texts`, by content hash; stored, and returned only with `hand_out` (a million take 6 GB).

        `names`: by content hash the names of who wrote a text, which are masked in it.
        """

    def preview(self, pairs: Sequence[PairToPreview], context: CallContext) -> Iterator[Preview | PreviewFailure]:
        """Starters for `pairs`; pairs are yielded as they finish."""

    def review(self, pairs: Sequence[PairToReview], context: CallContext) -> Iterator[Review | ReviewFailure]:
        """Reviews of `pairs` as they finish; none without a review model."""

    def usage(self, context: CallContext) -> Usage:
        """What the ledger holds for this run, week and stage."""
