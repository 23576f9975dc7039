"""The undisturbed week that the tests of this folder compare with."""

import pytest

from matchme_pipeline.database.connection import connect
from matchme_pipeline_tests.chaos.rows import Rows, result_rows
from matchme_pipeline_tests.databases import copy_database
from matchme_pipeline_tests.materialising import WEEKS, materialise


@pytest.fixture(scope="session")
def of_one_process(postgres_url: str, seeded_template: str) -> Rows:
    """The rows of the first week, materialised by one process."""
    url = copy_database(postgres_url, "of_one_process", seeded_template)
    assert materialise(url, WEEKS[0]).success
    with connect(url) as connection:
        return result_rows(connection)
