"""What seeded members share: varied, odd where life is odd, and telling of who wrote it."""

import re
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest

from matchme_pipeline.population import queries
from matchme_pipeline.population.latent import affinity
from matchme_pipeline.population.seed import generator
from matchme_pipeline.population.vocabulary import KINDS, vary, vocabulary
from matchme_pipeline_tests.population.conftest import FIRST_WEEK, USERS, WEEKS, Seeded

WINDOW = f"timestamptz '{FIRST_WEEK} 02:00+00'"


def _count(seeded: Seeded, condition: str, table: str = "posts") -> int:
    row = seeded.connection.execute(f"select count(*) from {table} where {condition}").fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("what", "least"),
    [
        ("caption is null", 3),
        ("caption = ''", 3),
        ("caption ~ '^\\s+$'", 3),
        ("caption ~ '[\\u0600-\\u06ff]'", 20),
        ("caption ~* 'j''aime|pour moi|la randonnée'", 3),
        ("caption ~ '[\\U0001f300-\\U0001faff]'", 10),
        ("length(caption) > 5000", 1),
        ("caption ~ '@example.com'", 2),
        ("caption ~ '07700 ?9|\\+44 7700'", 2),
        ("caption ~ 'https://'", 2),
        ("caption ~ '@(green|quiet|early)_'", 2),
        (
            "caption ~* 'previous instructions|forget the rules|ten insights|new instruction|AI reading'",
            3,
        ),
        ("caption = upper(caption) and length(caption) > 20 and caption ~ '[A-Z]'", 3),
        ("deleted_at is not null", 20),
        ("not is_visible", 10),
        ("not is_approved", 10),
    ],
)
def test_the_oddities_of_real_posts_are_there(seeded: Seeded, what: str, least: int):
    found = _count(seeded, what)
    assert least <= found < USERS


def test_captions_repeat_within_a_member_and_across_members(seeded: Seeded):
    rows = seeded.connection.execute("select clerk_user_id, caption from posts where length(caption) > 30").fetchall()
    assert max(Counter(rows).values()) > 1
    authors: dict[str, set[str]] = {}
    for user, caption in rows:
        authors.setdefault(caption, set()).add(user)
    shared = sum(len(users) > 1 for users in authors.values())
    assert 0 < shared < 0.05 * len(rows)
    captions = set(authors)
    assert any(f"{caption} Again!" in captions for caption in captions)


def test_posting_is_skewed_and_mostly_within_the_weeks(seeded: Seeded):
    counts = [
        row[0]
        for row in seeded.connection.execute(
            "select count(o.id) from profiles p left join posts o using (clerk_user_id) group by p.clerk_user_id"
        ).fetchall()
    ]
    assert 0.03 * USERS < counts.count(0) < 0.2 * USERS
    assert max(counts) >= 35
    before = _count(seeded, f"created_at < {WINDOW}")
    assert 0.02 < before / sum(counts) < 0.10
    assert _count(seeded, f"created_at < {WINDOW} - interval '10 weeks'") == 0
    for week in range(WEEKS):
        start = f"{WINDOW} + interval '{week} weeks'"
        assert _count(seeded, f"created_at >= {start} and created_at < {start} + interval '1 week'") > 0.75 * USERS


def test_nobody_shares_before_joining_or_after_leaving(seeded: Seeded):
    assert (
        _count(
            seeded,
            "o.created_at < p.created_at or o.created_at > p.deleted_at",
            "posts o join profiles p using (clerk_user_id)",
        )
        == 0
    )


def test_voice_introductions_are_transcribed_or_visibly_not(seeded: Seeded):
    assert _count(seeded, "true", "voice_introductions") > 0.4 * USERS
    assert _count(seeded, "(transcription is null) = (processing_status = 'completed')", "voice_introductions") == 0
    assert _count(seeded, "transcription is null", "voice_introductions") > 5
    assert _count(seeded, "not is_active", "voice_introductions") > 3


def test_the_vocabulary_is_broad():
    words = vocabulary()
    assert len(words.themes["interests"]) == 24
    assert len(words.themes["values"]) == 12
    for kind in ("interests", "values"):
        for theme in words.themes[kind].values():
            assert len(set(theme.sentences)) >= 8
            assert all(len(re.findall(r"\{[^{}]*\|[^{}]*\}", sentence)) >= 2 for sentence in theme.sentences), (
                theme.name
            )
            assert theme.subjects


@pytest.mark.parametrize("kind", KINDS)
def test_every_sentence_comes_out_whole(kind: str):
    rng = generator(1, 1)
    for theme in vocabulary().themes[kind].values():
        for sentence in theme.sentences:
            for _ in range(5):
                written = vary(rng, sentence)
                assert not set("{}|") & set(written)
                assert "  " not in written
                assert written[-1] in ".!?"


def test_affinity_is_symmetric_whole_and_bounded(seeded: Seeded):
    members = list(queries.latents(seeded.connection).values())[:60]
    for a in members:
        assert affinity(a, a) == pytest.approx(1)
        for b in members:
            assert 0 <= affinity(a, b) <= 1 + 1e-9
            assert affinity(a, b) == pytest.approx(affinity(b, a))


def test_what_members_write_tells_who_suits_whom(seeded: Seeded):
    """Plain word counts, weighted by rarity, already rank pairs by their affinity far better than chance."""
    truth = queries.latents(seeded.connection)
    rows = seeded.connection.execute(
        "select clerk_user_id, string_agg(caption, ' ') from posts where length(caption) between 20 and 1000 "
        "group by 1 having count(*) >= 4 order by 1"
    ).fetchall()
    texts = [set(re.findall(r"[a-z]{4,}", text.lower())) for _, text in rows]
    seen = Counter(word for text in texts for word in text)
    index = {word: column for column, (word, count) in enumerate(sorted(seen.items())) if 2 <= count <= len(rows) / 3}
    vectors = np.zeros((len(rows), len(seen)))
    for row, text in enumerate(texts):
        for word in text & index.keys():
            vectors[row, index[word]] = np.log(len(rows) / seen[word])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = np.triu_indices(len(rows), k=1)
    alike = (vectors @ vectors.T)[pairs]
    latents = [truth[user] for user, _ in rows]
    suits = np.array([affinity(latents[a], latents[b]) for a, b in zip(*pairs, strict=True)])
    assert np.corrcoef(alike, suits)[0, 1] > 0.35
    best = suits[alike >= np.quantile(alike, 0.99)].mean()
    assert best > 2 * suits.mean()


def test_posts_end_with_the_last_week(seeded: Seeded):
    end = FIRST_WEEK + timedelta(weeks=WEEKS)
    assert _count(seeded, f"created_at >= timestamptz '{end} 02:00+00'") == 0
