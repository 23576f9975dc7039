"""Seeds the population: the same arguments give the same rows, in one transaction or not at all."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.population import queries
from matchme_pipeline.population.answers import answers, personality_assessment, questionnaire
from matchme_pipeline.population.belonging import (
    city_assignments,
    city_clusters,
    cultural_backgrounds,
    cultural_profile,
)
from matchme_pipeline.population.conversations import conversation
from matchme_pipeline.population.insights import insights
from matchme_pipeline.population.people import Member, Row, as_stored, member
from matchme_pipeline.population.posts import posts
from matchme_pipeline.population.preferences import islamic_preferences, match_preferences
from matchme_pipeline.population.queries import SeededPopulation
from matchme_pipeline.population.voices import voices
from matchme_pipeline.week import WEEK, Week

Progress = Callable[[str, int, int], None]
Tables = dict[str, list[Row]]
# Captions of earlier members in memory, which later members copy word for word.
_MAX_REMEMBERED = 400
# Members are written in blocks, so that a hundred thousand of them need only the memory of one block.
_BLOCK = 500
# Parents before children.
_TABLES = (
    "seed_truth.members",
    "profiles",
    "islamic_preferences",
    "match_preferences",
    "user_city_assignments",
    "cultural_profiles",
    "cultural_backgrounds",
    "personality_assessments",
    "dna_answers",
    "posts",
    "voice_introductions",
    "user_insights",
    "conversations",
    "messages",
)


@dataclass(frozen=True)
class SeedReport:
    """The seeded or existing population."""

    seed: int
    users: int
    weeks: int
    first_week: date
    members: int
    posts: int
    voice_introductions: int
    answers: int
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

    An existing population stays unchanged. Raises ConfigurationError if the database holds another population or real
    members, and WeekError if `first_week` is not a Sunday.
    """
    if users < 1 or weeks < 1 or seed < 0:
        raise ConfigurationError("A population needs at least one user and one week, and a seed of 0 or more.")
    start = Week(first_week).start
    wanted = SeededPopulation(seed, users, weeks, first_week)
    present = queries.seeded_population(connection)
    if present is not None:
        _require_same(present, wanted)
        return _report(connection, wanted, already_seeded=True)
    if queries.counts(connection).members > 0:
        raise ConfigurationError(
            "The database holds members of the app already; a seeded population is for an empty database only. "
            "Unset MATCHME_DATABASE_URL or point it at an empty database."
        )
    with connection.transaction():
        _write(connection, wanted, start, progress or (lambda *_: None))
    queries.analyse_tables(connection)
    return _report(connection, wanted, already_seeded=False)


def seeded_first_week(connection: Connection) -> date | None:
    """The first week of the population in the database; None if there is none."""
    present = queries.seeded_population(connection)
    return present.first_week if present else None


def generator(seed: int, index: int) -> np.random.Generator:
    """The random generator of one member: separate, so that a larger population keeps its first members."""
    return np.random.default_rng([seed, index])


def _require_same(present: SeededPopulation, wanted: SeededPopulation) -> None:
    if present != wanted:
        raise ConfigurationError(
            f"The database holds another seeded population ({present.users} members, {present.weeks} weeks from "
            f"{present.first_week}, seed {present.seed}, version {present.version}). Point MATCHME_DATABASE_URL or "
            "MATCHME_HOME at an empty database, or give the same arguments."
        )


def _write(connection: Connection, wanted: SeededPopulation, start: datetime, progress: Progress) -> None:
    queries.create_truth(connection)
    queries.copy_dicts(connection, "seed_truth.population", [vars(wanted)])
    queries.copy_dicts(connection, "city_clusters", city_clusters(start))
    queries.copy_dicts(connection, "dna_questionnaires", questionnaire(wanted.seed, start))
    queries.silence_message_trigger(connection, silent=True)
    done = 0
    # Reported before the work, so that a clock that starts with the first report includes the first block.
    progress("members", done, wanted.users)
    for block in _blocks(wanted, start):
        for table in _TABLES:
            queries.copy_dicts(connection, table, block[table])
        done += len(block["profiles"])
        progress("members", done, wanted.users)
    queries.silence_message_trigger(connection, silent=False)
    queries.fill_gamification(connection)


def _blocks(wanted: SeededPopulation, start: datetime) -> Iterator[Tables]:
    end = start + wanted.weeks * WEEK
    remembered: list[str] = []
    for first in range(0, wanted.users, _BLOCK):
        tables: Tables = {table: [] for table in _TABLES}
        for index in range(first, min(first + _BLOCK, wanted.users)):
            _add_member(tables, wanted.seed, index, start, end, remembered)
        yield tables


def _add_member(tables: Tables, seed: int, index: int, start: datetime, end: datetime, remembered: list[str]) -> None:
    rng = generator(seed, index)
    one = member(rng, seed, index, start, end)
    shared, sources = posts(rng, one, seed, start, end, remembered)
    voice_rows, voice_sources = voices(rng, one, seed, start, end)
    talk = conversation(rng, one, seed, start, end)
    tables["seed_truth.members"].append(_truth(one))
    tables["profiles"].append(as_stored(one))
    tables["islamic_preferences"] += _if_any(islamic_preferences(rng, one, seed))
    tables["match_preferences"] += _if_any(match_preferences(rng, one, seed))
    tables["user_city_assignments"] += city_assignments(rng, one, seed)
    tables["cultural_profiles"] += _if_any(cultural_profile(rng, one, seed))
    tables["cultural_backgrounds"] += cultural_backgrounds(rng, one, seed)
    tables["personality_assessments"] += _if_any(personality_assessment(rng, one, seed, end))
    tables["dna_answers"] += answers(rng, one, seed, start, end)
    tables["posts"] += shared
    tables["voice_introductions"] += voice_rows
    tables["user_insights"] += insights(rng, one, seed, start, end, sources + voice_sources)
    tables["conversations"] += [talk[0]] if talk else []
    tables["messages"] += talk[1] if talk else []
    if len(remembered) < _MAX_REMEMBERED:
        remembered += [post["caption"] for post in shared if post["caption"]][:2]


def _if_any(row: Row | None) -> list[Row]:
    return [] if row is None else [row]


def _truth(one: Member) -> Row:
    return {
        "user_id": one.user_id,
        "interests": one.latent.interests,
        "values": one.latent.values,
        "personality": one.latent.personality,
        "family": one.latent.family,
        "reviews": one.reviews,
    }


def _report(connection: Connection, wanted: SeededPopulation, *, already_seeded: bool) -> SeedReport:
    counts = queries.counts(connection)
    return SeedReport(
        seed=wanted.seed,
        users=wanted.users,
        weeks=wanted.weeks,
        first_week=wanted.first_week,
        already_seeded=already_seeded,
        **vars(counts),
    )
