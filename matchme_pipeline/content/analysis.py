"""The week's analysis as jobs of the queue: one job per member, claimed in sets, finished with its result."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from matchme_pipeline.content import insight_queries
from matchme_pipeline.content.canonical import canonical_text
from matchme_pipeline.content.claims import claims
from matchme_pipeline.content.items import POST, HashedItem
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import BudgetExceededError, PipelineError
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.lease import Lease
from matchme_pipeline.jobs.model import DEFAULT_PRIORITY, Job, JobRequest, JobType
from matchme_pipeline.llm.contracts import CallContext, ItemToAnalyse, MemberAnalysis, Models
from matchme_pipeline.week import Week

MEMBERS_CLAIMED_AT_ONCE = 500
# Members whose results are written in one transaction.
MEMBERS_SAVED_AT_ONCE = 250


@dataclass
class AnalysisOutcome:
    """Counts of the week's items by result."""

    items: int = 0
    analysed: int = 0
    reused: int = 0
    failed: int = 0
    new_insights: int = 0
    left_in_queue: int = 0
    stopped_by: str | None = None
    dropped: Counter[str] = field(default_factory=Counter)

    @property
    def done_before(self) -> int:
        """Number of items whose jobs earlier runs completed; 0 while jobs are left, because it is unknown then."""
        return 0 if self.left_in_queue else max(0, self.items - self.analysed - self.reused - self.failed)


def job_requests(items: Mapping[str, Sequence[HashedItem]], priorities: Mapping[str, int]) -> list[JobRequest]:
    """One job per member; its fingerprint covers what the member shared, so that new content reopens the job."""
    return [
        JobRequest(
            user_id,
            user_id,
            fingerprint=_fingerprint(own),
            priority=priorities.get(user_id, DEFAULT_PRIORITY),
            payload={"items": len(own)},
        )
        for user_id, own in items.items()
    ]


def by_member(items: Iterable[HashedItem]) -> dict[str, list[HashedItem]]:
    """Items that can be analysed, by member."""
    grouped: dict[str, list[HashedItem]] = defaultdict(list)
    for item in items:
        if item.content_hash is not None:
            grouped[item.raw.user_id].append(item)
    return dict(grouped)


def drain(
    connection: Connection,
    models: Models,
    week: Week,
    items: Mapping[str, Sequence[HashedItem]],
    context: CallContext,
    now: datetime,
    report: Callable[[AnalysisOutcome], None] = lambda _: None,
) -> AnalysisOutcome:
    """Work through the week's open jobs; completed jobs stay completed, whatever ends the work.

    In batch mode it claims all members at once, with a lease that is longer than a batch. Stops cleanly at the budget
    limit. Raises ModelRequestError, after releasing its claims, if no call can succeed.
    """
    outcome = AnalysisOutcome(items=sum(len(own) for own in items.values()))
    authors = authors_of_texts(items)
    limit = None if models.answers_by_batch else MEMBERS_CLAIMED_AT_ONCE
    lease_seconds = jobs.DAY_LONG_LEASE_SECONDS if models.answers_by_batch else jobs.LEASE_SECONDS
    while True:
        claimed = jobs.claim(
            connection,
            JobType.CONTENT_ANALYSIS,
            week.sunday,
            limit,
            context.dagster_run_id,
            lease_seconds=lease_seconds,
        )
        if not claimed:
            break
        open_jobs = {job.subject: job for job in claimed}
        try:
            lease = Lease(connection, open_jobs, lease_seconds)
            _work(connection, models, week, items, authors, lease, context, now, outcome, report)
        except BudgetExceededError as error:
            outcome.stopped_by = str(error)
            break
        finally:
            # Release the remaining claims, whatever ended the work.
            jobs.release(connection, open_jobs.values())
    outcome.left_in_queue = jobs.counts(connection, job_type=JobType.CONTENT_ANALYSIS, week=week.sunday).open
    return outcome


def authors_of_texts(items: Mapping[str, Sequence[HashedItem]]) -> dict[str, list[str]]:
    """The members who share each text, by its hash."""
    authors: dict[str, set[str]] = defaultdict(set)
    for user_id, own in items.items():
        for item in own:
            authors[str(item.content_hash)].add(user_id)
    return {digest: sorted(members) for digest, members in authors.items()}


def co_authors(
    user_ids: Iterable[str], items: Mapping[str, Sequence[HashedItem]], authors: Mapping[str, Sequence[str]]
) -> set[str]:
    """These members, and everybody who shares a text with one of them."""
    own = set(user_ids)
    return own | {one for user_id in own for item in items.get(user_id, ()) for one in authors[str(item.content_hash)]}


def items_to_analyse(
    user_ids: Iterable[str],
    items: Mapping[str, Sequence[HashedItem]],
    authors: Mapping[str, Sequence[str]],
    names: Mapping[str, tuple[str, ...]],
) -> list[ItemToAnalyse]:
    """What a model is asked about these members: their `items`, without the `names` of anybody who shares the text.

    A shared text is asked about once: whose job comes first does not change the question.
    """
    return [
        ItemToAnalyse(
            member_id=user_id,
            content_hash=str(item.content_hash),
            text=canonical_text(item.raw.text),
            categories=item.raw.categories,
            depth_level=item.raw.depth_level,
            names=tuple(name for one in authors[str(item.content_hash)] for name in names.get(one, ())),
        )
        for user_id in user_ids
        for item in items.get(user_id, ())
    ]


def _work(
    connection: Connection,
    models: Models,
    week: Week,
    items: Mapping[str, Sequence[HashedItem]],
    authors: Mapping[str, Sequence[str]],
    lease: Lease,
    context: CallContext,
    now: datetime,
    outcome: AnalysisOutcome,
    report: Callable[[AnalysisOutcome], None],
) -> None:
    """Analyse the claimed members and remove each saved member from the lease's jobs."""
    open_jobs = lease.open_jobs
    names = insight_queries.names_of(connection, co_authors(open_jobs, items, authors))
    asked = items_to_analyse(open_jobs, items, authors, names)
    # A member who has left meanwhile has nothing to analyse: complete the job.
    gone = [job for user_id, job in open_jobs.items() if not items.get(user_id)]
    if gone:
        jobs.complete(connection, gone)
        for job in gone:
            del open_jobs[job.subject]
    batch: list[MemberAnalysis] = []

    def save() -> None:
        _save(connection, week, items, open_jobs, batch, now, outcome)
        batch.clear()
        report(outcome)

    try:
        for analysis in models.analyse(asked, context):
            batch.append(analysis)
            if len(batch) >= MEMBERS_SAVED_AT_ONCE:
                save()
                lease.keep()
    except PipelineError:
        # Save the answers that arrived before the budget ended or the provider refused.
        if batch:
            save()
        raise
    if batch:
        save()
    if open_jobs:
        jobs.fail(connection, dict.fromkeys(open_jobs.values(), "no answer came back"))
        open_jobs.clear()


def _save(
    connection: Connection,
    week: Week,
    items: Mapping[str, Sequence[HashedItem]],
    open_jobs: dict[str, Job],
    batch: Sequence[MemberAnalysis],
    now: datetime,
    outcome: AnalysisOutcome,
) -> None:
    """Write a batch's insights, posts and jobs in one transaction."""
    offered_at = min(now, week.cutoff)
    members = [analysis.member_id for analysis in batch]
    known = insight_queries.known_quotes(connection, members)
    found = [claim for analysis in batch for claim in claims(analysis, items[analysis.member_id])]
    transient = {open_jobs[a.member_id]: _errors(a) for a in batch if any(f.retryable for f in a.failures)}
    permanent = {
        open_jobs[a.member_id]: _errors(a) for a in batch if a.failures and open_jobs[a.member_id] not in transient
    }
    with connection.transaction():
        outcome.new_insights += insight_queries.save_claims(connection, week.sunday, offered_at, found, known)
        jobs.complete(connection, [open_jobs[a.member_id] for a in batch if not a.failures])
        dead = jobs.fail(connection, transient) | jobs.fail(connection, permanent, retryable=False)
        given_up = {user_id for user_id, job in open_jobs.items() if job.id in dead}
        answered, failed = _post_outcomes(items, batch, given_up)
        insight_queries.save_outcomes(connection, offered_at, answered, failed)
    for analysis in batch:
        outcome.analysed += sum(not answer.reused for answer in analysis.analyses)
        outcome.reused += sum(answer.reused for answer in analysis.analyses)
        outcome.failed += len(analysis.failures)
        for answer in analysis.analyses:
            outcome.dropped.update(answer.dropped)
        del open_jobs[analysis.member_id]


def _errors(analysis: MemberAnalysis) -> str:
    return "; ".join(sorted({failure.error for failure in analysis.failures}))


def _post_outcomes(
    items: Mapping[str, Sequence[HashedItem]], batch: Sequence[MemberAnalysis], given_up: Collection[str]
) -> tuple[list[UUID], list[UUID]]:
    """The answered posts, and the unanswered posts of members in `given_up`; the others' wait for another attempt."""
    answered: list[UUID] = []
    failed: list[UUID] = []
    for analysis in batch:
        by_hash = {answer.content_hash: answer for answer in analysis.analyses}
        for item in items[analysis.member_id]:
            if item.raw.item_type != POST:
                continue
            if str(item.content_hash) in by_hash:
                answered.append(item.raw.item_id)
            elif analysis.member_id in given_up:
                failed.append(item.raw.item_id)
    return answered, failed


def _fingerprint(items: Sequence[HashedItem]) -> str:
    parts = sorted(f"{item.raw.item_id}:{item.content_hash}" for item in items)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
