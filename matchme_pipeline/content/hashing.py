"""The week's content items with hashes and duplicates, read from the app's tables."""

from datetime import UTC, datetime
from uuid import UUID

from matchme_pipeline.content import queries
from matchme_pipeline.content.canonical import content_hash
from matchme_pipeline.content.items import HashedItem, hash_items
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.week import Week

_EVER = datetime(1970, 1, 1, tzinfo=UTC)


def hashed_items(connection: Connection, week: Week) -> list[HashedItem]:
    """Items that members shared in `week` and still show; a duplicate text points to its earliest item.

    Items of earlier weeks that were never materialised are included, so that a missed week changes no later one.
    """
    raw = queries.live_items(connection, week.items_from, week.cutoff)
    hashes = {digest for item in raw if (digest := content_hash(item.text)) is not None}
    return hash_items(raw, _first_items(connection, hashes, week.items_from))


def _first_items(connection: Connection, hashes: set[str], before: datetime) -> dict[str, UUID]:
    first = queries.first_items_by_hash(connection, hashes, before)
    for item in queries.live_items(connection, _EVER, before, only_unhashed=True):
        digest = content_hash(item.text)
        if digest in hashes:
            first[digest] = min(first.get(digest, (item.shared_at, item.item_id)), (item.shared_at, item.item_id))
    return {digest: item_id for digest, (_, item_id) in first.items()}
