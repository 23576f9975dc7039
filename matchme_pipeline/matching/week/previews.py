"""The inputs of conversation starters: approved insights and openly shown common attributes, nothing else."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from matchme_pipeline.llm.contracts import PairToPreview, Preview, SharedInsight
from matchme_pipeline.llm.text.contact_masking import mask_if_named
from matchme_pipeline.matching.member_queries import PairRow

# An earlier batch stored this many.
EARLIER_STARTERS = 3
# Hobbies are free text; longer entries and lists are cut.
MAX_HOBBY, MAX_HOBBIES = 200, 50


def pairs_to_preview(
    pairs: Sequence[PairRow],
    approved: Mapping[str, Sequence[SharedInsight]],
    attributes: Mapping[str, Mapping[str, Sequence[str]]],
) -> list[PairToPreview]:
    """Each pair with all its approved insights and common hobbies, without names, member ids and preferences.

    `llm/tasks/questions.shown_insights` selects the insights that a model sees.
    """
    return [
        PairToPreview(
            pair_id=str(number),
            members=(pair.a, pair.b),
            a=tuple(approved.get(pair.a, ())),
            b=tuple(approved.get(pair.b, ())),
            common_ground=_common_ground(attributes.get(pair.a, {}), attributes.get(pair.b, {})),
        )
        for number, pair in enumerate(pairs)
    ]


def as_json(preview: Preview, match_week: date) -> dict[str, Any]:
    """The preview as stored in `weekly_matches.chaichat_preview`.

    `level`, `starters` (at most three, light ones first) and `timestamp` (the cutoff) are keys of an earlier batch that
    the app may read.
    """
    return {
        "level": 1,
        "starters": [*preview.level_1, *preview.level_2][:EARLIER_STARTERS],
        "timestamp": f"{match_week.isoformat()}T02:00:00Z",
        "level_1": list(preview.level_1),
        "level_2": list(preview.level_2),
        "insights_used": list(preview.insights_used),
        "model": preview.model,
        "cache_key": preview.cache_key,
    }


def _common_ground(a: Mapping[str, Sequence[str]], b: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    names = (*a.get("names", ()), *b.get("names", ()))
    # PostgreSQL's arrays may hold nulls, and further arrays.
    mine, theirs = ({one for one in side.get("hobbies", ()) if isinstance(one, str)} for side in (a, b))
    both = sorted(mine & theirs)
    return tuple(mask_if_named(hobby[:MAX_HOBBY], names) for hobby in both[:MAX_HOBBIES])
