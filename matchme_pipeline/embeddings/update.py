"""Updates members' vectors: embeds texts without a vector and recomputes members whose inputs have changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from matchme_pipeline.content.canonical import canonical_text, hash_of_canonical
from matchme_pipeline.content.insight_queries import names_of
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.embeddings import queries
from matchme_pipeline.embeddings.member_vector import Part, input_hash, mean_vectors
from matchme_pipeline.embeddings.members import MemberParts
from matchme_pipeline.embeddings.queries import ItemOfMember, VectorRow
from matchme_pipeline.errors import BudgetExceededError
from matchme_pipeline.llm.contracts import CallContext, Embeddings, Models
from matchme_pipeline.llm.store.answer_queries import hashes_with_vector
from matchme_pipeline.week import Week

# A member has some twenty texts of six kilobytes each: this many members' vectors take a few hundred megabytes.
MEMBERS_AT_ONCE = 1_000
TEXTS_AT_ONCE = 5_000


@dataclass
class EmbeddedTexts:
    """Numbers of newly embedded and stored texts, errors by text, and the reason why the work ended early."""

    computed: int = 0
    reused: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    stopped_by: str = ""


def texts_without_vector(
    connection: Connection, items: Sequence[ItemOfMember]
) -> tuple[dict[str, str], dict[str, str]]:
    """Texts to embed by content hash, and the hash of every item that had no vector, by item id."""
    open_items = [item for item in items if not item.has_vector]
    texts: dict[str, str] = {}
    hashes: dict[str, str] = {}
    raw = queries.texts_of_items(connection, [item.item_id for item in open_items])
    for item in open_items:
        text = canonical_text(raw.get(item.item_id))
        digest = hash_of_canonical(text)
        if digest is not None:
            texts[digest] = text
            hashes[str(item.item_id)] = digest
    return texts, hashes


def names_by_text(connection: Connection, authors: Mapping[str, Collection[str]]) -> dict[str, list[str]]:
    """By content hash, the names of the members who wrote the text, from each text's `authors`."""
    names = names_of(connection, {user_id for own in authors.values() for user_id in own})
    return {
        digest: [name for user_id in sorted(own) for name in names.get(user_id, ())] for digest, own in authors.items()
    }


def embed_all(
    models: Models, texts: Mapping[str, str], names: Mapping[str, Collection[str]], context: CallContext
) -> EmbeddedTexts:
    """Embed `texts` in portions, each stored before the next begins; stops cleanly at the budget limit.

    `names`: by content hash, the authors' names, which are masked. In batch mode there is one portion, because a batch
    may take a day. Raises ModelRequestError.
    """
    outcome = EmbeddedTexts()
    hashes = sorted(texts)
    at_once = max(1, len(hashes)) if models.answers_by_batch else TEXTS_AT_ONCE
    for begin in range(0, len(hashes), at_once):
        wanted = {key: texts[key] for key in hashes[begin : begin + at_once]}
        try:
            portion: Embeddings = models.embed(wanted, context, return_vectors=False, names=names)
        except BudgetExceededError as error:
            outcome.stopped_by = str(error)
            break
        outcome.computed += portion.computed
        outcome.reused += portion.reused
        outcome.failures |= portion.failures
    return outcome


def member_parts(connection: Connection, week: Week, model: str) -> MemberParts:
    """The inputs of every member's vector as of the week's cutoff."""
    return parts_as_of(connection, week.cutoff, model)


def parts_as_of(
    connection: Connection, cutoff: datetime, model: str, user_ids: Collection[str] | None = None
) -> MemberParts:
    """The inputs of these members' vectors (None: of all members) as of a moment."""
    items = queries.items_as_of(connection, cutoff, model, user_ids)
    _, hashes = texts_without_vector(connection, [item for item in items if item.content_hash is None])
    parts = MemberParts(cutoff)
    parts.add_items(_with_hash(items, hashes))
    parts.add_biographies(queries.biographies_as_of(connection, cutoff, user_ids))
    parts.add_answers(queries.answers_as_of(connection, cutoff, user_ids))
    parts.add_insights(queries.approved_insights_as_of(connection, cutoff, user_ids))
    return parts


def vector_as_of(
    connection: Connection, models: Models, user_id: str, cutoff: datetime, context: CallContext
) -> NDArray[np.float32] | None:
    """One member's vector as of a moment, float32 (1536,), as the weekly run would compute it. None for a member
    without a text.

    Embeds texts without a vector and stores those vectors, because they are paid for; writes nothing else. Raises
    ModelRequestError. If the budget is spent, it uses the stored vectors.
    """
    collected = parts_as_of(connection, cutoff, models.embedding_model, [user_id])
    parts, _ = embed_parts(connection, models, collected, context)
    made = [row for group in changed_vectors(connection, parts, {}, models.embedding_model) for row in group]
    return made[0].embedding if made else None


def embed_parts(
    connection: Connection, models: Models, collected: MemberParts, context: CallContext
) -> tuple[dict[str, list[Part]], EmbeddedTexts]:
    """Embed texts without a vector; returns each member's inputs without those that still have none.

    An input that gets its vector later changes the input hash, so the member's vector is computed again then.
    """
    model = models.embedding_model
    stored = hashes_with_vector(connection, model, {*collected.texts, *collected.unembedded})
    missing = {key: text for key, text in collected.texts.items() if key not in stored}
    names = names_by_text(connection, {key: collected.authors[key] for key in missing})
    embedded = embed_all(models, missing, names, context)
    stored |= hashes_with_vector(connection, model, missing)
    embedded.reused += len(collected.texts) - len(missing)
    return collected.of_members(without={*collected.texts, *collected.unembedded} - stored), embedded


def changed_vectors(
    connection: Connection, parts: Mapping[str, Sequence[Part]], stored: Mapping[str, str], model: str
) -> Iterator[list[VectorRow]]:
    """The vectors of members whose inputs differ from the stored ones, in groups of a thousand members."""
    hashes = {user_id: input_hash(own, model) for user_id, own in parts.items()}
    changed = [user_id for user_id in sorted(parts) if stored.get(user_id) != hashes[user_id]]
    for begin in range(0, len(changed), MEMBERS_AT_ONCE):
        group = changed[begin : begin + MEMBERS_AT_ONCE]
        wanted = sorted({part.content_hash for user_id in group for part in parts[user_id]})
        found, vectors = queries.vectors_by_hash(connection, wanted, model)
        row_of = {key: row for row, key in enumerate(found)}
        pairs = [
            [(row_of[part.content_hash], part.weight) for part in parts[user_id] if part.content_hash in row_of]
            for user_id in group
        ]
        means = mean_vectors(pairs, vectors)
        yield [
            VectorRow(
                user_id,
                vector,
                len(own),
                _sources(parts[user_id]),
                sorted({part.content_hash for part in parts[user_id]}),
                hashes[user_id],
            )
            for user_id, vector, own in zip(group, means, pairs, strict=True)
            if np.any(vector)
        ]


def _with_hash(items: Sequence[ItemOfMember], hashes: Mapping[str, str]) -> Iterator[ItemOfMember]:
    for item in items:
        if item.content_hash is not None:
            yield item
        elif (digest := hashes.get(str(item.item_id))) is not None:
            yield ItemOfMember(
                item.user_id, item.item_type, item.item_id, item.shared_at, item.depth_level, digest, item.has_vector
            )


def _sources(parts: Sequence[Part]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part in parts:
        counts[part.source] = counts.get(part.source, 0) + 1
    return dict(sorted(counts.items()))
