"""A member asks for a new score once a day, whichever way and however many ways at once."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from matchme_pipeline.api.queries import app_dna
from matchme_pipeline.database.connection import Connection, connect

MEMBER = "user_a"


def through_the_app(connection: Connection) -> bool:
    """The app's own insert, as the member; the policy decides."""
    try:
        with connection.transaction():
            connection.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": MEMBER})])
            connection.execute("set local role authenticated")
            connection.execute(
                "insert into batch_processing_queue (user_id, job_type, priority) values (%s, 'dna_recalculation', 1)",
                [MEMBER],
            )
    except psycopg.errors.InsufficientPrivilege:
        return False
    return True


def through_the_api(connection: Connection) -> bool:
    with connection.transaction():
        if app_dna.last_asked(connection, MEMBER) is not None:
            return False
        app_dna.ask_for_score(connection, MEMBER)
    return True


WAYS = (through_the_app, through_the_api)


@pytest.mark.parametrize("first", WAYS)
@pytest.mark.parametrize("second", WAYS)
@pytest.mark.parametrize(("hours", "may"), [(0, False), (23, False), (25, True)])
def test_a_second_request_within_a_day_is_refused_whichever_way(
    app_database: Connection,
    first: Callable[[Connection], bool],
    second: Callable[[Connection], bool],
    hours: int,
    may: bool,
):
    app_database.execute("insert into profiles (clerk_user_id) values (%s)", [MEMBER])
    assert first(app_database)
    app_database.execute(
        "update batch_processing_queue set created_at = created_at - make_interval(hours => %s)", [hours]
    )
    assert second(app_database) is may


def test_of_requests_at_the_same_moment_one_is_taken(app_database: Connection, app_database_url: str):
    app_database.execute("insert into profiles (clerk_user_id) values (%s)", [MEMBER])

    def ask(number: int) -> bool:
        with connect(app_database_url, vectors=False) as connection:
            return WAYS[number % 2](connection)

    with ThreadPoolExecutor(8) as workers:
        assert sum(workers.map(ask, range(16))) == 1
    assert app_database.execute("select count(*) from batch_processing_queue").fetchall() == [(1,)]
