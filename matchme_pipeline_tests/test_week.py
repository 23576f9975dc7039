"""The week: which moments belong to which partition, and which partitions may be materialised."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matchme_pipeline.errors import WeekError
from matchme_pipeline.week import WEEK, Week
from matchme_pipeline.weekly_assets import weekly_partitions

FIRST = date(2026, 1, 4)
moments = st.datetimes(datetime(2026, 1, 18), datetime(2030, 1, 1), timezones=st.just(UTC))


def test_a_week_runs_from_sunday_two_to_sunday_two():
    week = Week(date(2026, 1, 11))
    assert week.start == datetime(2026, 1, 11, 2, tzinfo=UTC)
    assert week.cutoff == datetime(2026, 1, 18, 2, tzinfo=UTC)
    assert week.match_week == date(2026, 1, 18)


@given(moments)
def test_the_last_closed_week_is_over_and_the_next_is_not(now: datetime):
    week = Week.last_closed(now)
    assert week.cutoff <= now < week.cutoff + WEEK


@given(moments)
def test_windows_agree_with_dagsters_partitions(now: datetime):
    week = Week.last_closed(now)
    window = weekly_partitions.time_window_for_partition_key(week.key)
    assert (window.start, window.end) == (week.start, week.cutoff)


def test_only_the_first_week_takes_in_what_was_shared_before_it():
    assert Week.parse("2026-01-04", FIRST).items_from < datetime(2000, 1, 1, tzinfo=UTC)
    assert Week.parse("2026-01-11", FIRST).items_from == datetime(2026, 1, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize("key", ["2026-01-05", "yesterday", "2026-13-01", "", "2025-12-28"])
def test_a_key_that_is_no_week_is_refused_by_name(key: str):
    with pytest.raises(WeekError, match=key or "is not a week"):
        Week.parse(key, FIRST)


def test_an_open_week_cannot_be_closed_over():
    week = Week(date(2026, 1, 11))
    week.require_closed(week.cutoff)
    with pytest.raises(WeekError, match="is not over"):
        week.require_closed(week.cutoff - timedelta(seconds=1))
