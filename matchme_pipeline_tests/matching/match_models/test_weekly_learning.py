"""Versions are trained in shadow, judged on weeks that they never saw, and score nobody before they have earned it."""

from collections.abc import Sequence

import pytest

from matchme_pipeline.content import deletion
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching import model_queries
from matchme_pipeline.matching.engine.learned_values import Learned
from matchme_pipeline.matching.learning.features import FEATURES
from matchme_pipeline.matching.learning.promotion import Exposure
from matchme_pipeline.matching.match_models import decision_queries
from matchme_pipeline.matching.match_models.weekly_learning import LearnedWeek, learn_week
from matchme_pipeline.matching.rules.weights import WEIGHTS
from matchme_pipeline.week import Week
from matchme_pipeline_tests.matching.match_models.answering import WEEKS, Answering
from matchme_pipeline_tests.materialising import rows_of_every_table

EVEN = Exposure(100, {"all": 0.05, "female": 0.05})
LEAST = 1_000
MODEL = "made-up"


def even(now: Learned | None, then: Learned) -> tuple[Exposure, Exposure]:
    return EVEN, EVEN


def live(connection: Connection, people: Answering, weeks: Sequence[Week] = WEEKS) -> list[LearnedWeek]:
    """Week after week, members answer and the week learns."""
    done = []
    for week in weeks:
        people.answer_week(connection, week)
        done.append(learn_week(connection, week, MODEL, LEAST, even))
    return done


def states(connection: Connection) -> dict[str, str]:
    return {str(stored.week): stored.state for stored in model_queries.versions(connection)}


def test_a_version_that_beats_the_score_on_later_weeks_is_promoted_and_says_why(app_database: Connection):
    done = live(app_database, Answering(), WEEKS[:6])
    promoted = [week.decided for week in done if week.decided.decision == "promoted"]
    assert promoted
    first = promoted[0]
    stored = model_queries.version_of(app_database, first.version)
    assert stored.shown_pairs >= LEAST
    assert stored.week < first.week
    assert stored.figures["gain"]["low"] > 0
    assert stored.figures["challenger_auc"]["low"] > stored.figures["champion_auc"]["value"]
    assert "beats the untrained score" in stored.reasons[0]
    learned = model_queries.learned_of_week(app_database, first.week)
    assert learned is not None
    assert learned.week == first.version
    assert list(states(app_database).values()).count("active") == 1


def test_a_version_is_judged_only_by_weeks_after_its_training(app_database: Connection):
    for week, done in zip(WEEKS, live(app_database, Answering(), WEEKS[:5]), strict=False):
        if done.judged is not None and done.comparison is not None:
            later = (week.sunday - done.judged).days // 7
            assert done.comparison.pairs <= later * 120 * 5


def test_too_few_pairs_promote_nothing_and_the_reason_says_so(app_database: Connection):
    people = Answering()
    for week in WEEKS[:5]:
        people.answer_week(app_database, week)
        decided = learn_week(app_database, week, MODEL, 100_000, even).decided
        assert decided.version is None
    assert any("100,000 are needed" in reason for reason in decided.reasons)


def test_a_version_that_makes_exposure_less_even_for_one_group_is_not_promoted(app_database: Connection):
    def uneven(now: Learned | None, then: Learned) -> tuple[Exposure, Exposure]:
        return EVEN, Exposure(100, {"all": 0.05, "female": 0.08})

    def loses(now: Learned | None, then: Learned) -> tuple[Exposure, Exposure]:
        return EVEN, Exposure(99, EVEN.gini)

    people = Answering()
    for number, week in enumerate(WEEKS[:7]):
        people.answer_week(app_database, week)
        decided = learn_week(app_database, week, MODEL, LEAST, loses if number % 2 else uneven).decided
        assert decided.version is None
    assert any("female" in reason or "somebody" in reason for reason in decided.reasons)


def test_chance_alone_is_never_promoted(app_database: Connection):
    done = live(app_database, Answering(spread=0.0, pull=0.0, seed=3))
    assert {week.decided.version for week in done} == {None}
    assert all(week.trained is not None for week in done)


def test_a_week_trained_late_gives_what_it_gave_on_time(app_database: Connection):
    people = Answering()
    live(app_database, people, WEEKS[:6])
    before = rows_of_every_table(app_database)
    for week in WEEKS[2:5]:
        learn_week(app_database, week, MODEL, LEAST, even)
        assert rows_of_every_table(app_database) == before
    # The same where the week was left out when its time came.
    app_database.execute("delete from match_models where week = %s", [WEEKS[2].sunday])
    app_database.execute("delete from match_tendencies where week = %s", [WEEKS[2].sunday])
    stored = learn_week(app_database, WEEKS[2], MODEL, LEAST, even)
    assert stored.is_new
    after = rows_of_every_table(app_database)
    assert after["match_tendencies"] == before["match_tendencies"]
    column = "select coefficients::text from match_models where week = %s"
    assert app_database.execute(column, [WEEKS[2].sunday]).fetchone()[0] in "".join(before["match_models"]).replace(
        '""', '"'
    )


def test_outcomes_of_other_factors_teach_nothing(app_database: Connection):
    people = Answering()
    people.answer_week(app_database, WEEKS[0], version="c4")
    assert learn_week(app_database, WEEKS[0], MODEL, LEAST, even).trained is None
    people.answer_week(app_database, WEEKS[1])
    trained = learn_week(app_database, WEEKS[1], MODEL, LEAST, even).trained
    assert trained is not None
    assert trained.shown_pairs == 120 * 5


def test_a_week_that_members_see_is_not_decided_again(app_database: Connection):
    people = Answering()
    live(app_database, people, WEEKS[:2])
    app_database.execute(
        """
        insert into weekly_matches (
            id, user_id, match_user_id, score, rank, week_start_date, compatibility_factors, embedding_model
        )
        values (gen_random_uuid(), 'a', 'b', 50, 1, %s, '{}', 'm')
        """,
        [WEEKS[1].match_week],
    )
    version = WEEKS[0].sunday
    decision_queries.set_active(app_database, version, "somebody", "pinned")
    assert learn_week(app_database, WEEKS[1], MODEL, LEAST, even).decided.version is None
    people.answer_week(app_database, WEEKS[2])
    assert learn_week(app_database, WEEKS[2], MODEL, LEAST, even).decided.version == version


def test_a_pinned_version_stays_and_a_fallen_one_is_rolled_back(app_database: Connection):
    people = Answering()
    done = live(app_database, people, WEEKS[:6])
    version = done[-1].decided.version
    assert version is not None
    # The truth turns round: who was liked is not, who was choosy is not.
    people.likes, people.liked, people.pull = -people.likes, -people.liked, 0.0
    decision_queries.set_active(app_database, version, "somebody", "pinned")
    people.answer_week(app_database, WEEKS[6])
    assert learn_week(app_database, WEEKS[6], MODEL, LEAST, even).decided.version == version
    decision_queries.set_active(app_database, version, "somebody")
    people.answer_week(app_database, WEEKS[7])
    decided = learn_week(app_database, WEEKS[7], MODEL, LEAST, even).decided
    assert (decided.version, decided.decision) == (None, "rolled_back")
    assert "fallen below the untrained score" in decided.reasons[0]
    assert states(app_database)[str(version)] == "retired"


def test_a_deleted_members_tendencies_are_gone_and_come_from_no_later_training(app_database: Connection):
    people = Answering()
    live(app_database, people, WEEKS[:3])
    gone = people.ids(7)
    deletion.forget(app_database, [gone])
    for table in ("match_tendencies", "match_outcomes"):
        assert app_database.execute(f"select count(*) from {table} where user_id = %s", [gone]).fetchone()[0] == 0
    people.answer_week(app_database, WEEKS[3])
    deletion.forget(app_database, [gone])
    learned = learn_week(app_database, WEEKS[3], MODEL, LEAST, even)
    assert gone not in learned.seen.user_ids
    found = model_queries.tendencies_as_of(app_database, WEEKS[3].sunday)
    assert found is not None
    assert gone not in found[1]
    assert gone not in str(rows_of_every_table(app_database)["match_models"])


def test_a_version_says_nothing_of_any_one_member(app_database: Connection):
    live(app_database, Answering(), WEEKS[:2])
    assert "user_" not in str(rows_of_every_table(app_database)["match_models"])


def test_the_model_looks_at_nothing_but_what_is_named_here():
    """No ethnicity, income, looks, photos or messages: what is added here has to be added there knowingly."""
    factors = ("similarity", "age", "distance", "practice", "family_values", "children", "stated", "shared", "dna")
    shared = ("shared_values", "shared_personality", "shared_lifestyle", "shared_interests", "shared_family")
    assert (*factors, "age_gap", *shared, "profile", "tendency") == FEATURES
    assert set(WEIGHTS) < set(FEATURES)


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_members_read_nothing_of_what_was_learned(app_database: Connection, role: str):
    for table in ("match_models", "match_tendencies", "match_week_models"):
        row = app_database.execute(
            "select has_any_column_privilege(%s, %s, 'select, insert, update, references'), relrowsecurity "
            "from pg_class where oid = %s::regclass",
            [role, table, table],
        ).fetchone()
        assert row == (False, True), table
