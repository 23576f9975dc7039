"""The score, member by member, straight from the definitions: slow, plain, and nothing shared with the real one.

Only the lists of fields come from `weights.py`, and spellings from `profile_vocabulary.py`; every rule is written out
again, with fractions instead of fixed point and loops instead of arrays.
"""

import math
import statistics
import unicodedata
from collections import Counter
from fractions import Fraction
from typing import Any

import numpy as np

from matchme_pipeline.dna.weights import DEPTH_DIMENSIONS, NOT_STATED, TRAIT_FIELDS
from matchme_pipeline.profile_vocabulary import VOCABULARY, value_of

DAY = 86_400_000_000
HABITS = (
    "posting_span",
    "posting_regularity",
    "posting_frequency",
    "posting_depth",
    "posting_variety",
    "reviewing",
    "approving",
)


def plain_scores(facts: Any, items: list[tuple[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
    """Everyone's strands (micro-points), score, tier, percentile and named extremes, by user id."""
    members = {row["user_id"]: dict(row) for row in facts.members.to_dict("records")}
    for member in members.values():
        resolve_religion(member)
    posts = {u: [r for r in facts.posts.to_dict("records") if r["user_id"] == u] for u in members}
    insights = {u: [r for r in facts.insights.to_dict("records") if r["user_id"] == u] for u in members}
    answers = [r for r in facts.answers.to_dict("records") if r["user_id"] in members]
    traits = all_traits(members, posts, insights, answers)
    units = [(owner, of_length_one) for owner, vector in items if (of_length_one := unit(vector)) is not None]
    originality = {u: plain_originality(u, units) for u in members}
    habits = {u: plain_habits(facts.cutoff, members[u], posts[u], insights[u], traits[u]) for u in members}
    behaviour = plain_behaviour(facts.cutoff, members, posts, insights, habits)
    results = {}
    for user, member in members.items():
        strands = {
            "trait_rarity": plain_rarity(traits, user),
            "profile_depth": micro(plain_depth(member)),
            "behavioural": behaviour[user][0],
            "content_originality": micro(originality[user]) if originality[user] is not None else 50_000_000,
            "cultural_variance": micro(plain_culture(members, traits, user)),
        }
        approved = sum(row["review_status"] == "approved" for row in insights[user])
        exact = Fraction(
            35 * strands["trait_rarity"]
            + 25 * strands["profile_depth"]
            + 20 * strands["behavioural"]
            + 15 * strands["content_originality"]
            + 5 * strands["cultural_variance"],
            100 * 1_000_000,
        )
        score = math.floor(exact + Fraction(1, 2)) if approved >= 5 else 0
        results[user] = {
            **strands,
            "score": score,
            "seed_state": approved < 5,
            "approved_insights": approved,
            "tier": "Common"
            if score <= 40
            else "Uncommon"
            if score <= 60
            else "Rare"
            if score <= 80
            else "Epic"
            if score <= 95
            else "Legendary",
            "rare_traits": plain_rarest(traits, user),
            "unique_behaviours": behaviour[user][1],
        }
    scored = [one["score"] for one in results.values() if not one["seed_state"]]
    for one in results.values():
        below = sum(score < one["score"] for score in scored)
        one["percentile_rank"] = (
            None if one["seed_state"] else math.floor(Fraction(below * 10_000, len(scored)) + Fraction(1, 2))
        )
    return results


def micro(points: Any) -> int:
    return math.floor(min(Fraction(100), max(Fraction(0), Fraction(points))) * 1_000_000 + Fraction(1, 2))


def resolve_religion(member: dict[str, Any]) -> None:
    raw = member["religion"]
    if isinstance(raw, str) and raw.strip().startswith("{"):
        import json

        try:
            raw = json.loads(raw)
        except ValueError:
            raw = {}
    stated = {k: v for k, v in raw.items() if isinstance(v, str)} if isinstance(raw, dict) else {}

    def first(own: Any, other: Any) -> Any:
        return own if isinstance(own, str) and own.strip() else other

    member["sect"] = first(member["islamic_sect"], stated.get("sect"))
    member["practice_level"] = stated.get("practiceLevel")
    member["halal_preference"] = first(member["islamic_halal_preference"], stated.get("halalPreference"))


def clean(raw: Any) -> str | None:
    if not isinstance(raw, str):
        return None
    words = "".join(
        c if c.isalnum() else " "
        for c in unicodedata.normalize("NFKD", raw)
        if not unicodedata.combining(c)
        # Case last: folding may lengthen a letter.
    ).casefold()
    text = " ".join(words.split())
    return None if text in NOT_STATED else text


def looks_identifying(raw: str) -> bool:
    digits = 0
    for c in raw:
        if c.isdigit():
            digits += 1
        elif not (c.isspace() or c in "().+-"):
            digits = 0
        if digits >= 8:
            return True
    return len(raw.strip()) > 40 or "@" in raw or "://" in raw or "www." in raw


def all_traits(members: dict, posts: dict, insights: dict, answers: list) -> dict[str, set[str]]:
    stated: dict[str, set[str]] = {user: set() for user in members}
    for field in TRAIT_FIELDS:
        values: dict[str, set[str]] = {}
        for user, member in members.items():
            raw = member[field.column]
            if field.kind == "list":
                values[user] = cleaned(field.column, raw if isinstance(raw, list | tuple) else [], free=True)
            elif field.kind in ("text", "code"):
                values[user] = cleaned(field.column, [raw], free=field.kind == "text")
            elif raw is None:
                values[user] = set()
            elif field.kind == "flag":
                values[user] = {"yes" if raw else "no"}
            else:
                values[user] = set() if raw < 0 else {"4 or more" if raw >= 4 else str(raw)}
        if field.kind in ("text", "list"):
            values = established(
                values,
                {"sunni", "shia", "ahmadiyya", "other"} if field.column == "sect" else set(),
                set(VOCABULARY.get(field.column, {})),
            )
        for user, own in values.items():
            stated[user] |= {f"{field.column}={value}" for value in own}
    shared = {
        user: cleaned("post_category", [c for post in rows for c in post["categories"] or []], free=True)
        for user, rows in posts.items()
    }
    for user, own in established(shared, set(), set()).items():
        stated[user] |= {f"post_category={value}" for value in own}
    for user, rows in insights.items():
        stated[user] |= {
            f"approved_insight={clean(row['category'])}" for row in rows if row["review_status"] == "approved"
        }
    for row in answers:
        if row["type"] == "text":
            continue
        options = row["options"]
        if isinstance(options, dict):
            options = list(range(options["min"], options["max"] + 1)) if "min" in options else list(options.values())
        allowed = {label(o) for o in options} if isinstance(options, list) else set()
        chosen = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
        stated[row["user_id"]] |= {
            f"answer:{row['question_id']}={label(c)}" for c in chosen if label(c) is not None and label(c) in allowed
        }
    return stated


def label(item: Any) -> str | None:
    if isinstance(item, dict):
        item = item["value"] if "value" in item else item.get("label")
    if item is None or isinstance(item, bool | dict | list):
        return None
    return str(item).strip() or None


def cleaned(column: str, raws: Any, free: bool) -> set[str]:
    found = set()
    for raw in raws:
        listed = value_of(column, raw) if isinstance(raw, str) else None
        if listed is not None:
            found.add(listed)
            continue
        if free and isinstance(raw, str) and looks_identifying(raw):
            continue
        value = clean(raw)
        if value is not None:
            found.add(value)
    return found


def established(values: dict[str, set[str]], known: set[str], listed: set[str]) -> dict[str, set[str]]:
    holders = Counter(value for own in values.values() for value in own)
    solid = {value for value, count in holders.items() if count >= 3 or value in known}
    meant = {}
    for value in holders:
        if value in solid:
            meant[value] = value
        elif len(value) >= 5 and value not in listed:
            near = sorted(
                (other for other in solid - listed if edits(value, other) == 1), key=lambda o: (-holders[o], o)
            )
            if near:
                meant[value] = near[0]
    return {user: {meant[value] for value in own if value in meant} for user, own in values.items()}


def edits(a: str, b: str) -> int:
    """Optimal string alignment distance, the textbook's table."""
    table = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = a[i - 1] != b[j - 1]
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + cost)
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


def holders_of(traits: dict[str, set[str]]) -> Counter[str]:
    return Counter(trait for own in traits.values() for trait in own)


def plain_rarity(traits: dict[str, set[str]], user: str) -> int:
    holders, everybody = holders_of(traits), len(traits)
    worth = [
        min(Fraction(1), Fraction(round(math.log(everybody / holders[t]) * 10**8), 10**8) / 5)
        for t in traits[user]
        if holders[t] < everybody
    ]
    return micro(100 * sum(worth) / len(worth)) if worth else 0


def plain_rarest(traits: dict[str, set[str]], user: str) -> list[str]:
    holders, everybody = holders_of(traits), len(traits)
    rare = [t for t in traits[user] if Fraction(holders[t], everybody) < Fraction(1, 10)]
    return sorted(rare, key=lambda t: (holders[t], t))[:5]


def plain_depth(member: dict[str, Any]) -> Fraction:
    def filled(value: Any) -> bool:
        if value is None:
            return False
        if isinstance(value, bool):
            return True
        if isinstance(value, str):
            return clean(value) is not None
        if isinstance(value, list | tuple):
            return any(filled(item) for item in value)
        return value > 0

    total = Fraction(0)
    for fields in DEPTH_DIMENSIONS.values():
        count = sum(
            filled(member[field]) or (field == "practice_level" and filled(member["prayer_frequency"]))
            for field in fields
        )
        total += Fraction(100 * count, len(fields))
    length = len(" ".join(member["bio"].split())) if isinstance(member["bio"], str) else 0
    total += 100 if length > 50 else 50 if length > 20 else 0
    return total / 5


def plain_habits(cutoff: int, member: dict, posts: list, insights: list, traits: set[str]) -> dict[str, float | None]:
    joined = member["joined"]
    times = sorted(max(post["shared"], joined) if joined is not None else post["shared"] for post in posts)
    levels = [post["depth_level"] for post in posts if post["depth_level"] is not None]
    reviewed = [row for row in insights if row["review_status"] != "pending"]
    weeks = {(cutoff - 1 - time) // (7 * DAY) for time in times}
    return {
        "posting_span": (times[-1] - times[0]) / DAY if times else 0.0,
        "posting_regularity": len(weeks) / (max(weeks) + 1) if times else None,
        "posting_frequency": len(times) * 7 * DAY / max(1, cutoff - joined) if joined is not None else None,
        "posting_depth": sum(levels) / len(levels) if levels else None,
        "posting_variety": float(sum(trait.startswith("post_category=") for trait in traits)),
        "reviewing": len(reviewed) * 7 * DAY / max(1, cutoff - joined) if joined is not None else None,
        "approving": sum(row["review_status"] == "approved" for row in reviewed) / len(reviewed) if reviewed else None,
    }


def plain_behaviour(cutoff: int, members: dict, posts: dict, insights: dict, habits: dict) -> dict[str, Any]:
    compared = [
        user
        for user, member in members.items()
        if member["joined"] is not None
        and cutoff - member["joined"] >= 7 * DAY
        and (posts[user] or any(row["review_status"] != "pending" for row in insights[user]))
    ]
    z: dict[str, dict[str, float]] = {user: {} for user in compared}
    for habit in HABITS:
        values = {user: habits[user][habit] for user in compared if habits[user][habit] is not None}
        if not values:
            continue
        median = statistics.median(values.values())
        away = [abs(value - median) for value in values.values()]
        scale = 1.4826 * statistics.median(away)
        if scale == 0:
            scale = 1.2533 * (math.fsum(away) / len(away))
        for user, value in values.items():
            z[user][habit] = (value - median) / scale if scale else 0.0
    deviation = {}
    for user in compared:
        total = 0.0
        for value in z[user].values():
            total += min(5.0, abs(value))
        deviation[user] = math.floor(total / max(1, len(z[user])) / 1e-9 + 0.5)
    result: dict[str, Any] = {user: (0, []) for user in members}
    for user in compared:
        below = sum(other < deviation[user] for other in deviation.values())
        equal = sum(other == deviation[user] for other in deviation.values()) - 1
        points = (
            micro(Fraction(100 * (2 * below + equal), 2 * (len(compared) - 1))) if len(compared) > 1 else 50_000_000
        )
        named = sorted((h for h in z[user] if abs(z[user][h]) > 2), key=lambda h: (-abs(z[user][h]), HABITS.index(h)))
        result[user] = (points, named)
    return result


def plain_originality(user: str, units: list[tuple[str, np.ndarray]]) -> float | None:
    own = [vector for owner, vector in units if owner == user]
    others = [vector for owner, vector in units if owner != user]
    if len(own) < 3 or len(others) < 10:
        return None
    similarities = (np.stack(own) @ np.stack(others).T).ravel().tolist()
    return 100 * (1 - math.fsum(similarities) / len(similarities))


def unit(vector: np.ndarray) -> np.ndarray | None:
    exact = vector.astype(np.float64)
    length = math.sqrt(math.fsum((exact * exact).tolist()))
    return exact / length if 0 < length < math.inf else None


def plain_culture(members: dict, traits: dict[str, set[str]], user: str) -> Fraction:
    city = members[user]["city"]
    others = [u for u in members if u != user and city is not None and members[u]["city"] == city]
    if len(others) < 5:
        return Fraction(50)
    fields = (
        "ethnicity",
        "languages",
        "cultural_traditions",
        "cultural_backgrounds",
        "sect",
        "madhab",
        "family_structure",
        "family_values",
    )
    shares, states_something = [], False
    for field in fields:
        mine = {t for t in traits[user] if t.startswith(f"{field}=")}
        states_something |= bool(mine)
        stating = [u for u in others if any(t.startswith(f"{field}=") for t in traits[u])]
        differing = [Fraction(sum(t not in traits[u] for u in stating), len(stating)) for t in mine if stating]
        differing = [share for share in differing if share > 0]
        if differing:
            shares.append(sum(differing) / len(differing))
    if not states_something:
        return Fraction(50)
    return 100 * sum(shares) / len(shares) if shares else Fraction(0)
