"""Embeds content items: one job per member with new texts, completed when the vectors are stored."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import update
from matchme_pipeline.embeddings.queries import ItemOfMember
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import DEFAULT_PRIORITY, Job, JobRequest, JobType
from matchme_pipeline.llm.contracts import CallContext, Models
from matchme_pipeline.llm.store.answer_queries import hashes_with_vector
from matchme_pipeline.week import Week

MEMBERS_CLAIMED_AT_ONCE = 1_000


@dataclass
class EmbeddingOutcome:
    """Counts of texts that had no vector; `failures` by content hash."""

    computed: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    stopped_by: str = ""
    left_in_queue: int = 0


@dataclass(frozen=True)
class OpenTexts:
    """Texts without a vector by content hash, their authors, and a fingerprint of everything that each member has
    shared.

    `authors` are all members who share a text, also those whose jobs another worker claims: all their names are masked.
    """

    texts: dict[str, str]
    of_member: dict[str, set[str]]
    authors: dict[str, set[str]]
    fingerprints: dict[str, str]


def open_texts(connection: Connection, items: Sequence[ItemOfMember], model: str) -> OpenTexts:
    """Which of `items` have no vector of `model` yet?"""
    texts, hashes = update.texts_without_vector(connection, items)
    stored = hashes_with_vector(connection, model, texts)
    waiting: dict[str, set[str]] = defaultdict(set)
    authors: dict[str, set[str]] = defaultdict(set)
    shared: dict[str, list[str]] = defaultdict(list)
    for item in items:
        digest = item.content_hash or hashes.get(str(item.item_id))
        if digest is not None:
            shared[item.user_id].append(f"{item.item_id}:{digest}")
            if digest in texts and digest not in stored:
                waiting[item.user_id].add(digest)
                authors[digest].add(item.user_id)
    # The fingerprint covers everything that the member has shared, not only waiting texts: a failing text leaves it
    # unchanged, so the job uses up its attempts.
    fingerprints = {user_id: _fingerprint(model, shared[user_id]) for user_id in waiting}
    open_ones = {key: text for key, text in texts.items() if key not in stored}
    return OpenTexts(open_ones, dict(waiting), dict(authors), fingerprints)


def job_requests(waiting: OpenTexts, priorities: Mapping[str, int]) -> list[JobRequest]:
    """One job for each member with a text without a vector."""
    return [
        JobRequest(
            user_id,
            user_id,
            fingerprint=waiting.fingerprints[user_id],
            priority=priorities.get(user_id, DEFAULT_PRIORITY),
            payload={"texts": len(own)},
        )
        for user_id, own in waiting.of_member.items()
    ]


def drain(
    connection: Connection,
    models: Models,
    week: Week,
    waiting: OpenTexts,
    context: CallContext,
    report: Callable[[EmbeddingOutcome], None] = lambda _: None,
) -> EmbeddingOutcome:
    """Work through the week's open jobs; stored vectors stay, whatever ends the work.

    In batch mode it claims all members at once, with a lease that is longer than a batch. Stops cleanly at the budget
    limit. Raises ModelRequestError, after releasing its claims, if no call can succeed.
    """
    outcome = EmbeddingOutcome()
    while not outcome.stopped_by:
        claimed = jobs.claim(
            connection,
            JobType.EMBEDDING_UPDATE,
            week.sunday,
            None if models.answers_by_batch else MEMBERS_CLAIMED_AT_ONCE,
            context.dagster_run_id,
            lease_seconds=jobs.DAY_LONG_LEASE_SECONDS if models.answers_by_batch else jobs.LEASE_SECONDS,
        )
        if not claimed:
            break
        try:
            _work(connection, models, waiting, claimed, context, outcome)
        finally:
            # Finished jobs are already completed in the queue; release the others without a lost attempt.
            jobs.release(connection, claimed)
        report(outcome)
    outcome.left_in_queue = jobs.counts(connection, job_type=JobType.EMBEDDING_UPDATE, week=week.sunday).open
    return outcome


def _work(
    connection: Connection,
    models: Models,
    waiting: OpenTexts,
    claimed: Sequence[Job],
    context: CallContext,
    outcome: EmbeddingOutcome,
) -> None:
    wanted = {job: waiting.of_member.get(job.subject, set()) for job in claimed}
    texts = {digest: waiting.texts[digest] for own in wanted.values() for digest in own}
    authors = {digest: waiting.authors[digest] for digest in texts}
    embedded = update.embed_all(models, texts, update.names_by_text(connection, authors), context)
    stored = hashes_with_vector(connection, models.embedding_model, texts)
    errors = {
        job: "; ".join(sorted({embedded.failures.get(digest, "no vector came back") for digest in own - stored}))
        for job, own in wanted.items()
        # If the budget ended, texts with neither vector nor error were never sent.
        if (own & embedded.failures.keys()) or (own - stored and not embedded.stopped_by)
    }
    with connection.transaction():
        jobs.complete(connection, [job for job, own in wanted.items() if own <= stored])
        jobs.fail(connection, errors)
    outcome.computed += embedded.computed
    outcome.failures |= embedded.failures
    outcome.stopped_by = embedded.stopped_by


def _fingerprint(model: str, shared: Sequence[str]) -> str:
    return hashlib.sha256("\n".join([model, *sorted(shared)]).encode()).hexdigest()[:32]
