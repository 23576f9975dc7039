"""The questions that a worker asks in each stage: those of the run, in a different order."""

import random
from collections.abc import Callable, Mapping, Sequence

from matchme_pipeline.content import analysis, insight_queries
from matchme_pipeline.content import queries as content_queries
from matchme_pipeline.content.items import HashedItem, hash_items
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import item_jobs, update
from matchme_pipeline.embeddings import queries as embedding_queries
from matchme_pipeline.embeddings.item_jobs import OpenTexts
from matchme_pipeline.errors import BudgetExceededError
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext, Models, PairToPreview, PreviewFailure
from matchme_pipeline.matching import member_queries
from matchme_pipeline.matching.week import preview_queries
from matchme_pipeline.matching.week.previews import pairs_to_preview
from matchme_pipeline.operations import worker_queries
from matchme_pipeline.operations.week_workers import OpenQuestions
from matchme_pipeline.week import Week

MEMBERS_AT_ONCE = 500
PAIRS_AT_ONCE = 500


def stages_of(
    connection: Connection, models: Models, week: Week, seed: str
) -> dict[str, Callable[[CallContext], OpenQuestions]]:
    """The stages that a worker helps, by the name of their step; `seed` determines this worker's order."""
    order = random.Random(seed)
    return {
        "content_insights": lambda calls: _Insights(connection, models, week, calls, order),
        "post_embeddings": lambda calls: _Vectors(connection, models, week, calls, order),
        "chaichat_previews": lambda calls: _Previews(connection, models, week, calls, order),
    }


class _MemberQuestions:
    """Open jobs of a type, a portion of members at a time, no member twice."""

    job_type: JobType

    def __init__(
        self, connection: Connection, models: Models, week: Week, calls: CallContext, order: random.Random
    ) -> None:
        self._connection, self._models, self._week, self._calls = connection, models, week, calls
        self._order = order
        self._seen: set[str] = set()

    def ask_some(self) -> int:
        """Ask about members whose jobs are open."""
        open_now = worker_queries.open_subjects(self._connection, self.job_type, self._week.sunday)
        waiting = sorted(open_now - self._seen)
        chosen = self._order.sample(waiting, min(MEMBERS_AT_ONCE, len(waiting)))
        self._seen.update(chosen)
        return self._ask(chosen) if chosen else 0

    def _ask(self, user_ids: Sequence[str]) -> int:
        raise NotImplementedError


class _Insights(_MemberQuestions):
    job_type = JobType.CONTENT_ANALYSIS
    _items: Mapping[str, Sequence[HashedItem]] | None = None

    def _ask(self, user_ids: Sequence[str]) -> int:
        if self._items is None:
            live = content_queries.live_items(self._connection, self._week.items_from, self._week.cutoff)
            self._items = analysis.by_member(hash_items(live, {}))
        authors = analysis.authors_of_texts(self._items)
        names = insight_queries.names_of(self._connection, analysis.co_authors(user_ids, self._items, authors))
        asked = analysis.items_to_analyse(user_ids, self._items, authors, names)
        return sum(len(member.analyses) for member in self._models.analyse(asked, self._calls))


class _Vectors(_MemberQuestions):
    job_type = JobType.EMBEDDING_UPDATE
    _waiting: OpenTexts | None = None

    def _ask(self, user_ids: Sequence[str]) -> int:
        if self._waiting is None:
            model = self._models.embedding_model
            items = embedding_queries.items_as_of(self._connection, self._week.cutoff, model)
            self._waiting = item_jobs.open_texts(self._connection, items, model)
        digests = {digest for user_id in user_ids for digest in self._waiting.of_member.get(user_id, ())}
        texts = {digest: self._waiting.texts[digest] for digest in digests}
        authors = {digest: self._waiting.authors[digest] for digest in digests}
        names = update.names_by_text(self._connection, authors)
        done = update.embed_all(self._models, texts, names, self._calls)
        if done.stopped_by:
            raise BudgetExceededError(done.stopped_by)
        return done.computed + done.reused


class _Previews:
    """Pairs of the week, a portion at a time, no pair twice."""

    def __init__(
        self, connection: Connection, models: Models, week: Week, calls: CallContext, order: random.Random
    ) -> None:
        pairs = member_queries.pairs_of_week(connection, week.match_week)
        members = {user_id for pair in pairs for user_id in (pair.a, pair.b)}
        approved = member_queries.approved_insights(connection, week.cutoff, members)
        self._models, self._calls = models, calls
        self._left: list[PairToPreview] = pairs_to_preview(
            pairs, approved, preview_queries.common_attributes(connection, members)
        )
        order.shuffle(self._left)

    def ask_some(self) -> int:
        """Ask for previews of pairs that this worker has not asked about."""
        chosen, self._left = self._left[:PAIRS_AT_ONCE], self._left[PAIRS_AT_ONCE:]
        answers = self._models.preview(chosen, self._calls) if chosen else ()
        return sum(not isinstance(answer, PreviewFailure) for answer in answers)
