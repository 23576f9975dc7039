"""The preferences of seeded members, in the labels of the app's screens, and how they practise their faith."""

import numpy as np

from matchme_pipeline.population.ids import row_id
from matchme_pipeline.population.people import PRAYER, Member, Row
from matchme_pipeline.population.random_draws import happens, one, weighted, whole

EDUCATION_LABELS = ("High School", "Trade/Vocational", "Bachelor's Degree", "Master's Degree", "Doctorate/PhD")
MARITAL_LABELS = {"never_married": "Never Married", "divorced": "Divorced", "widowed": "Widowed"}
RELIGIOSITY_LABELS = ("Very Practicing", "Practicing", "Moderate", "Cultural", "Flexible")
# Kilometres on the app's slider, whose far end it calls "Anywhere".
_DISTANCES_KM = {"10": 0.02, "25": 0.06, "50": 0.12, "75": 0.1, "100": 0.7}
_SELECTIVE_SHARE = 0.05
_NEARLY_IMPOSSIBLE_SHARE = 0.008
_MADHABS = {"hanafi": 0.6, "shafi": 0.2, "maliki": 0.15, "hanbali": 0.05}
_CHILDREN = {"doesntMatter": 0.6, "no": 0.15, "yes": 0.25}


def match_preferences(rng: np.random.Generator, member: Member, seed: int) -> Row | None:
    """The member's match preferences; None for the few who have never opened that screen."""
    if happens(rng, 0.02):
        return None
    row: Row = {"id": row_id(seed, "match", member.index), "clerk_user_id": member.user_id}
    row |= _nearly_impossible() if happens(rng, _NEARLY_IMPOSSIBLE_SHARE) else _soft_preferences(rng, member)
    return row | {"created_at": member.joined_at, "updated_at": member.joined_at}


def islamic_preferences(rng: np.random.Generator, member: Member, seed: int) -> Row | None:
    """The member's practice and their preferences on a partner's; None for the few who skipped it."""
    if happens(rng, 0.04):
        return None
    revert = member.culture == "western_convert" or happens(rng, 0.02)
    devout = PRAYER.index(member.prayer) < 2
    limits = happens(rng, 0.1)
    return {
        "id": row_id(seed, "islamic", member.index),
        "clerk_user_id": member.user_id,
        "muslim_since": "revert" if revert else "birth",
        "revert_year": member.joined_at.year - whole(rng, 1, 14) if revert else None,
        "sect": member.sect,
        "madhab": weighted(rng, _MADHABS),
        "prayer_frequency": member.prayer,
        "quran_reading_frequency": one(rng, ("daily", "weekly") if devout else ("weekly", "monthly", "rarely")),
        "islamic_education_level": one(rng, ("basic", "intermediate", "advanced") if devout else ("none", "basic")),
        "halal_importance": whole(rng, 7, 10) if devout else whole(rng, 3, 9),
        "halal_preference": "strict" if devout else one(rng, ("strict", "flexible", None)),
        "masjid_attendance": one(rng, ("daily", "weekly") if devout else ("jummah_only", "rarely")),
        "wali_involvement": one(rng, ("required", "preferred", "optional")) if happens(rng, 0.9) else None,
        "polygamy_acceptance": weighted(rng, {"no": 0.9, "maybe": 0.07, "yes": 0.03}),
        "relocate_for_spouse": happens(rng, 0.4) if happens(rng, 0.8) else None,
        "partner_sect_preference": [member.sect] if happens(rng, 0.25) else [],
        "partner_prayer_importance": whole(rng, 6, 10) if devout else whole(rng, 1, 7),
        "partner_hijab_required": _hijab_required(rng, member, devout=devout),
        "partner_age_min": max(18, int(member.age) - 12) if limits else None,
        "partner_age_max": int(member.age) + 14 if limits else None,
        "marriage_timeline_expectations": one(rng, ("this year", "one to two years", "no hurry", None)),
        "family_planning_desires": one(rng, ("soon", "in a few years", "not sure")),
        "living_arrangement_preferences": one(rng, ("own home", "with parents", "open")),
        "created_at": member.joined_at,
        "updated_at": member.joined_at,
    }


def _soft_preferences(rng: np.random.Generator, member: Member) -> Row:
    is_selective = happens(rng, _SELECTIVE_SHARE)
    younger, older = (14, 7) if member.gender == "male" else (6, 16)
    spread = 0.15 if is_selective else 1.0
    low = max(18, int(member.age - younger * spread * float(rng.uniform(0.6, 1.4))))
    high = max(low, int(member.age + older * spread * float(rng.uniform(0.6, 1.4))))
    level = PRAYER.index(member.prayer)
    # The screen asks for a selection; most members select nearly everything.
    education = EDUCATION_LABELS[whole(rng, 1, 2) if happens(rng, 0.25) else 0 :]
    return {
        "age_range_min": low,
        "age_range_max": high,
        "max_distance": one(rng, (5, 25)) if is_selective else int(weighted(rng, _DISTANCES_KM)),
        "education_preferences": list(education[-1:] if is_selective else education),
        "marital_status_preferences": _statuses(rng, member),
        "has_children_preference": weighted(rng, _CHILDREN),
        "religiosity_preferences": _practice(rng, level),
    }


def _practice(rng: np.random.Generator, level: int) -> list[str]:
    kind = rng.random()
    if kind < 0.15:
        return ["Similar to mine"]
    if kind < 0.4:
        return list(RELIGIOSITY_LABELS[max(0, level - 1) : level + 3])
    return list(RELIGIOSITY_LABELS)


def _nearly_impossible() -> Row:
    return {
        "age_range_min": 58,
        "age_range_max": 59,
        "max_distance": 5,
        "education_preferences": ["Doctorate/PhD"],
        "marital_status_preferences": ["Widowed"],
        "has_children_preference": "no",
        "religiosity_preferences": ["Very Practicing"],
    }


def _statuses(rng: np.random.Generator, member: Member) -> list[str]:
    if not happens(rng, 0.18):
        return sorted(MARITAL_LABELS.values())
    own = MARITAL_LABELS[member.profile["marital_status"] or "never_married"]
    return sorted({own, "Never Married", "Divorced"}) if happens(rng, 0.5) else [own]


def _hijab_required(rng: np.random.Generator, member: Member, *, devout: bool) -> bool | None:
    if member.gender == "male" and devout and happens(rng, 0.1):
        return True
    return False if happens(rng, 0.9) else None
