"""Which missing weeks are launched, and when: oldest first, after a pause that doubles, three times at most."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.operations.missing_weeks import (
    FIRST_WAIT,
    MAX_FAILED_RUNS,
    FailedRuns,
    Plan,
    closed_missing_weeks,
    plan,
)
from matchme_pipeline.week import WEEK, Week

FIRST = date(2026, 1, 4)
WEEKS = [FIRST + n * WEEK for n in range(6)]
# All six weeks are closed, the last one for half a day.
NOW = Week(WEEKS[-1]).cutoff + timedelta(hours=12)


def failed(times: int, ago: timedelta) -> FailedRuns:
    return FailedRuns(times, times, NOW - ago)


def test_closed_weeks_that_no_run_has_finished_are_missing():
    assert closed_missing_weeks(FIRST, set(), NOW) == WEEKS
    assert closed_missing_weeks(FIRST, {WEEKS[1], WEEKS[5]}, NOW) == [WEEKS[0], *WEEKS[2:5]]
    assert closed_missing_weeks(WEEKS[4], set(), NOW) == WEEKS[4:]
    # The week that is open, and one whose cutoff is this very moment.
    assert closed_missing_weeks(WEEKS[5], set(), Week(WEEKS[5]).cutoff - timedelta(seconds=1)) == []
    assert closed_missing_weeks(WEEKS[5], set(), Week(WEEKS[5]).cutoff) == [WEEKS[5]]


def test_the_oldest_missing_week_is_launched_alone():
    assert plan(FIRST, set(), {}, set(), NOW) == Plan(launch=[WEEKS[0]])
    assert plan(FIRST, set(WEEKS[:3]), {}, set(), NOW) == Plan(launch=[WEEKS[3]])
    assert plan(FIRST, set(WEEKS), {}, set(), NOW) == Plan()


def test_nothing_is_launched_while_a_week_is_in_flight():
    assert plan(FIRST, set(), {}, {WEEKS[0]}, NOW) == Plan()
    assert plan(FIRST, set(), {}, {WEEKS[2]}, NOW) == Plan()


def test_the_week_that_has_just_closed_is_left_to_its_schedule_for_an_hour():
    finished = set(WEEKS[:5])
    cutoff = Week(WEEKS[5]).cutoff
    assert plan(FIRST, finished, {}, set(), cutoff + timedelta(minutes=59)) == Plan()
    assert plan(FIRST, finished, {}, set(), cutoff + timedelta(hours=1)) == Plan(launch=[WEEKS[5]])
    # An older week does not wait for it.
    assert plan(FIRST, set(WEEKS[:4]), {}, set(), cutoff) == Plan(launch=[WEEKS[4]])


@given(st.integers(1, MAX_FAILED_RUNS - 1))
def test_the_pause_after_a_failure_doubles_and_no_later_week_starts_meanwhile(failures: int):
    pause = FIRST_WAIT * 2 ** (failures - 1)
    early = {FIRST: failed(failures, pause - timedelta(seconds=1))}
    assert plan(FIRST, set(), early, set(), NOW) == Plan()
    late = {FIRST: failed(failures, pause)}
    assert plan(FIRST, set(), late, set(), NOW) == Plan(launch=[FIRST])


def test_a_run_that_was_declined_delays_nothing():
    assert plan(FIRST, set(), {FIRST: FailedRuns(0, 5, NOW)}, set(), NOW) == Plan(launch=[FIRST])


def test_a_week_that_failed_three_times_waits_for_a_person_and_the_next_one_is_launched():
    tried = {WEEKS[0]: failed(3, timedelta(days=9)), WEEKS[1]: failed(4, timedelta(0))}
    assert plan(FIRST, set(), tried, set(), NOW) == Plan(launch=[WEEKS[2]], given_up=WEEKS[:2])
    # Finished by hand meanwhile.
    assert plan(FIRST, {WEEKS[0]}, tried, set(), NOW) == Plan(launch=[WEEKS[2]], given_up=[WEEKS[1]])


def test_a_cancelled_week_waits_for_a_person_and_the_next_one_is_launched():
    tried = {WEEKS[0]: FailedRuns(0, 1, NOW, cancelled=True)}
    assert plan(FIRST, set(), tried, set(), NOW) == Plan(launch=[WEEKS[1]])


def test_no_week_before_the_first_or_after_the_last_closed_one_is_launched():
    finished = set(WEEKS[:5])
    at = datetime(2026, 2, 12, tzinfo=UTC)
    assert Week.last_closed(at).sunday == WEEKS[4]
    assert plan(FIRST, finished, {}, set(), at) == Plan()
