"""One malformed row never fails a page of the API, whichever column it stands in."""

from collections.abc import Callable

from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.api.conftest import ADMIN, Api
from matchme_pipeline_tests.operations.hostile_rows import plant

MEMBER_PAGES = (
    "/api/dna", "/api/dna/history", "/api/matches", "/api/insights/pending", "/api/insights/approved",
    "/api/batch/queue/{}",
)  # fmt: skip
ADMIN_PAGES = ("/api/batch/status", "/api/batch/history?limit=100", "/api/cost", "/api/cost/budget", "/metrics")


def test_the_api_shows_hostile_rows(finished_url: str, start: Callable[[str], Api]):
    api = start(finished_url)
    with connect(finished_url) as connection:
        plant(connection)
        members = [row for (row,) in connection.execute("select clerk_user_id from profiles order by 1")]
    answers = {page: api.get(page, ADMIN).status_code for page in ADMIN_PAGES}
    answers |= {
        page.format(member): api.get(page.format(member), member).status_code
        for page in MEMBER_PAGES
        for member in members
    }
    assert set(answers.values()) == {200}, [page for page, status in answers.items() if status != 200]
