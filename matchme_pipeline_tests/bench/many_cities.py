"""A million members over 400 cities in the app's tables: those of `million`, written column by column."""

from collections.abc import Iterator
from itertools import repeat

import numpy as np

from matchme_pipeline.database import binary_fields as fields
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.database.copy import VECTOR_DIMENSIONS, copy_fields, stage_rows
from matchme_pipeline.matching.rules.members import NO_LIMIT
from matchme_pipeline.week import Week
from matchme_pipeline_tests.bench import million

_SCALARS = ("gender", "age", "age_min", "age_max", "religiosity", "sect", "family_values", "wants_children", "children")
_PLACES = ("lat", "lng", "max_distance")
_VECTOR_BYTES = 4 * VECTOR_DIMENSIONS
# The length of the field, the number of dimensions and a reserved number.
_VECTOR_HEAD = (_VECTOR_BYTES + 4).to_bytes(4, "big") + VECTOR_DIMENSIONS.to_bytes(2, "big") + bytes(2)
_INSERTS = (
    """
    insert into profiles (
        clerk_user_id, gender, birthdate, lat, lng, has_children, wants_children, family_values, onboarding_completed,
        is_matchable, profile_visibility, last_active_at, created_at
    )
    select user_id, (array['male', 'female'])[gender + 1], %(on)s::date - age * 366, lat, lng, children = 1,
        wants_children = 1, (array['traditional', 'balanced', 'modern'])[family_values + 1], true, true, 'members',
        %(at)s::timestamptz - interval '1 day', %(at)s::timestamptz - interval '90 days'
    from drawn
    """,
    """
    insert into match_preferences (clerk_user_id, age_range_min, age_range_max, max_distance)
    select user_id, age_min, age_max, max_distance::integer from drawn
    """,
    """
    insert into islamic_preferences (clerk_user_id, muslim_since, madhab, sect, prayer_frequency)
    select user_id, 'birth', 'hanafi', (array['sunni', 'shia'])[sect + 1],
        (array['five_daily', 'most', 'some', 'jummah', 'learning'])[religiosity + 1]
    from drawn
    """,
    # Four approved insights each, of 150 titles.
    """
    insert into user_insights (
        clerk_user_id, insight_category, title, description, status, reviewed_at, created_at
    )
    select user_id, (array['values', 'personality', 'lifestyle', 'interests', 'family'])[title %% 5 + 1],
        'Theme number ' || title, 'Drawn for a measurement.', 'approved', %(at)s::timestamptz - interval '20 days',
        %(at)s::timestamptz - interval '21 days'
    from drawn
    cross join generate_series(1, 4) as n
    cross join lateral (select abs(hashint8(number * 4 + n)) %% 150 as title) t
    """,
    """
    insert into dna_score_history (
        user_id, week, score, tier, seed_state, algorithm_version, trait_rarity, profile_depth, behavioural,
        content_originality, cultural_variance
    )
    select user_id, %(week)s, score, 'Common', false, 'b', score, score, score, score, score
    from drawn
    cross join lateral (select abs(hashint8(number)) %% 101 as score) s
    """,
)


def fill(connection: Connection, members: int, week: Week, model: str, seed: int = 3) -> None:
    """Write so many members with everything that `weekly_matches` of `week` reads; the same seed, the same rows."""
    rng = np.random.default_rng(seed)
    columns = million.drawn_members(rng, members)
    with connection.transaction():
        stage_rows(
            connection,
            "drawn",
            [
                ("number", "int4"),
                ("user_id", "text"),
                *((name, "int4") for name in _SCALARS),
                *((name, "float8") for name in _PLACES),
            ],
            zip(
                range(members),
                map(_user_id, range(members)),
                *(getattr(columns, name).tolist() for name in _SCALARS),
                columns.lat.tolist(),
                columns.lng.tolist(),
                np.minimum(columns.max_distance, NO_LIMIT).tolist(),
                strict=True,
            ),
        )
        for statement in _INSERTS:
            connection.execute(statement, {"on": week.cutoff.date(), "at": week.cutoff, "week": week.sunday})
        copy_fields(
            connection,
            "user_embeddings",
            ("user_id", "week", "model", "embedding", "input_hash"),
            _vector_blocks(rng, members, week, model),
        )
    connection.execute(
        "analyze profiles; analyze match_preferences; analyze islamic_preferences; analyze user_insights; "
        "analyze user_embeddings; analyze dna_score_history"
    )


def show_pairs(connection: Connection, week: Week, weeks: int) -> int:
    """Fill the match weeks before `week` with shown pairs, five for every man, in both lists; returns the rows."""
    return connection.execute(
        """
        with sides as materialized (
            select clerk_user_id as id, gender,
                row_number() over (partition by gender order by clerk_user_id) - 1 as number
            from profiles where gender in ('male', 'female')
        ),
        women as materialized (
            select greatest(count(*), 1) as count from sides where gender = 'female'
        )
        insert into weekly_matches (user_id, match_user_id, score, rank, week_start_date, created_at, embedding_model)
        select pair.one, pair.other, 50, place, shown, shown::timestamptz, 'drawn'
        from generate_series(1, %(weeks)s) as back
        cross join lateral (select %(week)s::date - 7 * back::integer as shown) s
        cross join generate_series(1, 5) as place
        cross join women w
        join sides m on m.gender = 'male'
        join sides f on f.gender = 'female' and f.number = (m.number * 7 + 5 * back + place) %% w.count
        cross join lateral (values (m.id, f.id), (f.id, m.id)) as pair (one, other)
        on conflict do nothing
        """,
        {"week": week.match_week, "weeks": weeks},
    ).rowcount


def _vector_blocks(rng: np.random.Generator, members: int, week: Week, model: str) -> Iterator[list[Iterator[bytes]]]:
    begin = 0
    day, name, hashed = fields.day(week.sunday), fields.text(model), fields.text("drawn")
    for block in million.unit_vectors(rng, members):
        sent = block.astype(">f4").tobytes()
        ids = (fields.text(_user_id(number)) for number in range(begin, begin + len(block)))
        vectors = (_VECTOR_HEAD + sent[at : at + _VECTOR_BYTES] for at in range(0, len(sent), _VECTOR_BYTES))
        yield [ids, repeat(day), repeat(name), vectors, repeat(hashed)]
        begin += len(block)


def _user_id(number: int) -> str:
    return f"user_{number:08}"
