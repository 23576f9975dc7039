"""One worker process: drains a week's analyses and vectors through the stages' own functions, then ends."""

import sys
from datetime import UTC, datetime

from matchme_pipeline.content import analysis, queries
from matchme_pipeline.content.items import hash_items
from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect
from matchme_pipeline.embeddings import item_jobs
from matchme_pipeline.embeddings import queries as embedding_queries
from matchme_pipeline.jobs import queries as jobs
from matchme_pipeline.jobs.model import JobType
from matchme_pipeline.llm.contracts import CallContext
from matchme_pipeline.llm.resource import open_models
from matchme_pipeline.settings import process_settings
from matchme_pipeline.week import Week

# Small sets, so that several workers have something to share.
MEMBERS_AT_ONCE = 10


def main() -> None:
    """Work through the week named by the first argument as the worker numbered by the second."""
    week, name = Week.parse(sys.argv[1]), f"worker-{sys.argv[2]}"
    url = database_url(process_settings())
    analysis.MEMBERS_CLAIMED_AT_ONCE = item_jobs.MEMBERS_CLAIMED_AT_ONCE = MEMBERS_AT_ONCE
    with connect(url) as connection, open_models(process_settings(), url) as models:
        items = analysis.by_member(hash_items(queries.live_items(connection, week.items_from, week.cutoff), {}))
        requests = analysis.job_requests(items, jobs.member_priorities(connection, items))
        jobs.enqueue(connection, JobType.CONTENT_ANALYSIS, week.sunday, requests)
        context = CallContext("content_insights", week.sunday, name)
        analysis.drain(connection, models, week, items, context, datetime.now(UTC))

        shared = embedding_queries.items_as_of(connection, week.cutoff, models.embedding_model)
        waiting = item_jobs.open_texts(connection, shared, models.embedding_model)
        wanted = item_jobs.job_requests(waiting, jobs.member_priorities(connection, waiting.of_member))
        jobs.enqueue(connection, JobType.EMBEDDING_UPDATE, week.sunday, wanted)
        item_jobs.drain(connection, models, week, waiting, CallContext("post_embeddings", week.sunday, name))


if __name__ == "__main__":
    main()
