"""SQL of a week's random pairs; members cannot read which pairs these are."""

from collections.abc import Collection, Mapping
from datetime import date

from matchme_pipeline.database.connection import Connection

Pair = tuple[str, str]


def replace_random_places(
    connection: Connection, match_week: date, drawn: Mapping[Pair, float], touched: Collection[Pair]
) -> None:
    """Store which of a week's pairs were drawn, with their probabilities; unchanged rows are not written.

    The rows of `touched` pairs stay as they were when first shown.
    """
    probability_of = {_ordered(*pair): probability for pair, probability in drawn.items()}
    pairs, shown = sorted(probability_of), sorted(_ordered(*pair) for pair in touched)
    parameters = {
        "week": match_week,
        "a": [a for a, _ in pairs],
        "b": [b for _, b in pairs],
        "probability": [probability_of[pair] for pair in pairs],
        "touched_a": [a for a, _ in shown],
        "touched_b": [b for _, b in shown],
    }
    connection.execute(
        """
        delete from match_random_places r
        where r.match_week = %(week)s and (r.user_id, r.match_user_id) not in (
            select * from unnest(%(a)s::text[], %(b)s::text[])
            union all
            select * from unnest(%(touched_a)s::text[], %(touched_b)s::text[])
        )
        """,
        parameters,
    )
    connection.execute(
        """
        insert into match_random_places as r (match_week, user_id, match_user_id, chosen_probability)
        select %(week)s, d.a, d.b, d.probability
        from unnest(%(a)s::text[], %(b)s::text[], %(probability)s::double precision[]) as d (a, b, probability)
        on conflict (match_week, user_id, match_user_id) do update
        set chosen_probability = excluded.chosen_probability
        where r.chosen_probability is distinct from excluded.chosen_probability
        """,
        parameters,
    )


def _ordered(a: str, b: str) -> Pair:
    return (a, b) if a < b else (b, a)
