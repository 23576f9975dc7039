"""Seeds the population: the same arguments give the same rows, in one transaction or not at all."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.population import queries, sharing
from matchme_pipeline.population.people import CITIES, Member, member
from matchme_pipeline.population.queries import SeededPopulation
from matchme_pipeline.week import WEEK, Week

Progress = Callable[[str, int, int], None]
# How many captions of earlier members are remembered, to be copied word for word by later ones.
_REMEMBERED = 400


@dataclass(frozen=True)
class SeedReport:
    """What was seeded, or what was there already."""

    seed: int
    users: int
    weeks: int
    first_week: date
    members: int
    posts: int
    insights: int
    already_seeded: bool


def seed_population(
    connection: Connection,
    *,
    users: int,
    weeks: int,
    first_week: date,
    seed: int,
    progress: Progress | None = None,
) -> SeedReport:
    """Fill the app's tables with `users` members who share over `weeks` weeks from `first_week` on.

    A population that is already there is left as it is. Raises ConfigurationError when the database holds another
    population or real members.
    """
    wanted = SeededPopulation(seed, users, weeks, first_week)
    present = queries.seeded_population(connection)
    if present is not None:
        if present != wanted:
            raise ConfigurationError(
                f"The database holds another seeded population ({present.users} members, {present.weeks} weeks from "
                f"{present.first_week}, seed {present.seed}). Use an empty database, or the same arguments."
            )
        return _report(connection, wanted, already_seeded=True)
    if queries.counts(connection)[0] > 0:
        raise ConfigurationError(
            "The database holds members of the app already; a seeded population is for an empty database only. "
            "Unset MATCHME_DATABASE_URL or point it at an empty database."
        )
    with connection.transaction():
        _write(connection, wanted, progress or (lambda *_: None))
    queries.analyse_tables(connection)
    return _report(connection, wanted, already_seeded=False)


def seeded_first_week(connection: Connection) -> date | None:
    """The first week of the population in the database; None where there is none."""
    present = queries.seeded_population(connection)
    return present.first_week if present else None


def generator(seed: int, index: int) -> np.random.Generator:
    """The randomness of one member: its own, so that a larger population keeps its first members."""
    return np.random.default_rng([seed, index])


def user_id(seed: int, index: int) -> str:
    """A Clerk-like id."""
    return f"user_2{uuid.uuid5(sharing.NAMESPACE, f'{seed}/member/{index}').hex[:26]}"


def _write(connection: Connection, wanted: SeededPopulation, progress: Progress) -> None:
    start = Week(wanted.first_week).start
    end = start + wanted.weeks * WEEK
    members: list[Member] = []
    everything: list[sharing.Shared] = []
    remembered: list[str] = []
    for index in range(wanted.users):
        rng = generator(wanted.seed, index)
        one = member(rng, index, user_id(wanted.seed, index), start, end)
        members.append(one)
        everything.append(sharing.shared(rng, one, wanted.seed, start, end, tuple(remembered)))
        if len(remembered) < _REMEMBERED:
            remembered += [post["caption"] for post in everything[-1].posts if post["caption"]][:2]
        if index % 50 == 49 or index == wanted.users - 1:
            progress("members", index + 1, wanted.users)
    tables = list(_tables(wanted, members, everything, start))
    queries.create_truth(connection)
    for number, (table, rows) in enumerate(tables):
        queries.copy_dicts(connection, table, rows)
        progress("tables", number + 1, len(tables))
    queries.fill_gamification(connection)


def _tables(
    wanted: SeededPopulation, members: list[Member], everything: list[sharing.Shared], start: datetime
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    seed = wanted.seed
    yield "seed_truth.population", [vars(wanted)]
    yield "seed_truth.members", [_truth(one) for one in members]
    yield "city_clusters", [{"city_key": c[0], "city_name": c[1], "region": c[0], "timezone": "UTC"} for c in CITIES]
    yield "profiles", [one.profile for one in members]
    yield "islamic_preferences", [one.islamic for one in members if one.islamic]
    yield "match_preferences", [one.match for one in members if one.match]
    yield (
        "user_city_assignments",
        [
            {
                "clerk_user_id": one.user_id,
                "city_key": one.city_key,
                "assignment_method": "auto",
                "created_at": one.joined_at,
            }
            for one in members
            if one.city_key
        ],
    )
    yield (
        "cultural_profiles",
        [
            {
                "clerk_user_id": one.user_id,
                "primary_background": one.culture,
                "strength": ("weak", "moderate", "strong")[one.index % 3],
                "strength_value": 2 + 3 * (one.index % 3),
                "created_at": one.joined_at,
            }
            for one in members
        ],
    )
    yield (
        "dna_questionnaires",
        [
            {
                "id": sharing.question_id(seed, n),
                "category": c,
                "question": q,
                "type": t,
                "options": list(o),
                "created_at": start,
            }
            for n, (c, q, t, o) in enumerate(sharing.QUESTIONS)
        ],
    )
    yield "dna_answers", [row for shared in everything for row in shared.answers]
    yield "posts", [row for shared in everything for row in shared.posts]
    yield "voice_introductions", [row for shared in everything for row in shared.voices]
    yield "user_insights", [row for shared in everything for row in shared.insights]
    yield "conversations", list(_conversations(wanted, members, start))


def _conversations(wanted: SeededPopulation, members: list[Member], start: datetime) -> Iterator[dict[str, Any]]:
    """One member in twelve already talks with somebody of the other gender."""
    rng = generator(wanted.seed, wanted.users + 1_000_000)
    seen = set()
    for index in range(0, len(members) - 1, 12):
        other = int(rng.integers(len(members) // 2)) * 2 + 1
        pair = sorted((members[index].user_id, members[min(other, len(members) - 1)].user_id))
        at = start + timedelta(days=float(rng.uniform(-60, 7 * wanted.weeks)))
        if pair[0] == pair[1] or tuple(pair) in seen:
            continue
        seen.add(tuple(pair))
        yield {"user1_clerk_id": pair[0], "user2_clerk_id": pair[1], "created_at": at, "updated_at": at}


def _truth(one: Member) -> dict[str, Any]:
    return {
        "user_id": one.user_id,
        "interests": dict(one.latent.interests),
        "values": dict(one.latent.values),
        "personality": one.latent.personality,
        "family": one.latent.family,
        "reviews": one.reviews,
    }


def _report(connection: Connection, wanted: SeededPopulation, already_seeded: bool) -> SeedReport:
    members, posts, insights = queries.counts(connection)
    return SeedReport(
        wanted.seed, wanted.users, wanted.weeks, wanted.first_week, members, posts, insights, already_seeded
    )
