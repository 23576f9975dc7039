"""The sentences that members read about their score."""

from collections.abc import Sequence
from typing import Any

from matchme_pipeline.dna.weights import (
    MIN_MEMBERSHIP_DAYS,
    MIN_OTHER_ITEMS,
    MIN_OTHERS_IN_CITY,
    MIN_OWN_ITEMS,
    REQUIRED_APPROVED_INSIGHTS,
)

# The name of a habit, the format of its figure, and its factor for display.
_HABITS: dict[str, tuple[str, str, float]] = {
    "posting_span": ("the time between your first and your latest post", "{:.0f} days", 1),
    "posting_regularity": ("how many weeks have a post of yours", "{:.0f} %", 100),
    "posting_frequency": ("how often you post", "{:.1f} posts a week", 1),
    "posting_depth": ("how deep your posts go", "level {:.1f}", 1),
    "posting_variety": ("how many subjects you post about", "{:.0f} subjects", 1),
    "reviewing": ("how often you review your insights", "{:.1f} reviews a week", 1),
    "approving": ("how many of the insights you review you approve", "{:.0f} %", 100),
}
_FIELDS = {
    "sect": "sect",
    "practice_level": "practice",
    "halal_preference": "halal preference",
    "education_level": "education",
    "occupation": "occupation",
    "industry": "industry",
    "annual_income_range": "income",
    "smoking": "smoking",
    "exercise_frequency": "exercise",
    "dietary_preferences": "diet",
    "hobbies": "hobbies",
    "height": "height",
    "build": "build",
    "marital_status": "marital status",
    "has_children": "children",
    "wants_children": "wish for children",
    "family_structure": "family",
    "family_values": "family values",
    "cultural_traditions": "traditions",
    "hometown": "hometown",
    "bio": "a biography of more than fifty characters",
}
_FIELDS_NAMED = 3


def seed_state(missing: int) -> str:
    """What is missing for a first score."""
    return (
        f"Approve {missing} more {'insight' if missing == 1 else 'insights'} to get your score; "
        f"it takes {REQUIRED_APPROVED_INSIGHTS}."
    )


def trait_rarity(traits: int, rare: Sequence[dict[str, Any]]) -> str:
    """`rare` as in `rare_traits`, the rarest first."""
    if traits == 0:
        return "Nothing you have stated tells you apart from other members yet."
    if not rare:
        return f"You share each of your {traits} traits with at least one member in ten."
    return (
        f"Your rarest trait, {_quoted(rare[0]['name'])}, is shared by {_per_cent(rare[0]['frequency'])} of members; "
        f"{traits} traits count."
    )


def profile_depth(missing: Sequence[str]) -> str:
    """`missing` are the names of fields."""
    if not missing:
        return "Your profile is complete."
    named = [_FIELDS.get(field, field.replace("_", " ")) for field in missing]
    more = f" and {len(named) - _FIELDS_NAMED} more" if len(named) > _FIELDS_NAMED else ""
    return f"Your profile still lacks: {', '.join(named[:_FIELDS_NAMED])}{more}."


def behaviour(days: int, active: bool, unique: Sequence[dict[str, Any]]) -> str:
    """`days` since joining, -1 where unknown; `unique` as in `unique_behaviours`."""
    if days < 0:
        return "Your habits cannot be compared: the day you joined is not known."
    if days < MIN_MEMBERSHIP_DAYS:
        return f"Your habits are compared after {MIN_MEMBERSHIP_DAYS} days; you joined {_count(days, 'day')} ago."
    if not active:
        return "You have not posted or reviewed anything yet, so there are no habits to compare."
    if unique:
        return str(unique[0]["sentence"])
    return "None of your habits is far from what is usual among members."


def habit_name(habit: str) -> str:
    """A habit as a heading: "How often you post"."""
    name = _HABITS[habit][0]
    return name[:1].upper() + name[1:]


def unique_behaviour(habit: str, value: float, typical: float) -> str:
    """One habit that is far from the population's median `typical`."""
    name, form, factor = _HABITS[habit]
    return f"You stand out in {name}: {form.format(value * factor)}, where {form.format(typical * factor)} is typical."


def content_originality(own: int, other: int, percentile: float | None) -> str:
    """`percentile` is None if too little can be compared."""
    if percentile is not None:
        return f"What you share is more original than that of {percentile:.0f} % of members; {own} items count."
    if own < MIN_OWN_ITEMS:
        return f"Originality is measured from {MIN_OWN_ITEMS} shared items on; you have {own}."
    if other < MIN_OTHER_ITEMS:
        return f"Originality is measured once other members have shared {MIN_OTHER_ITEMS} items; there are {other}."
    return "What you share has not been compared yet."


def cultural_variance(has_city: bool, others: int, enough: bool, points: float | None) -> str:
    """`points` (0-100) is None if nothing could be compared."""
    if not has_city:
        return "Choose your city to be compared with the others there."
    if not enough:
        return f"Your city needs at least {MIN_OTHERS_IN_CITY} other members to compare you with; it has {others}."
    if points is None:
        return "State something about your background to be compared with the others in your city."
    return f"On average {points:.0f} % of the {others} others in your city differ from you in background and family."


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.001 else "fewer than 0.1 %"


def _quoted(name: str) -> str:
    return f"“{name}”"
