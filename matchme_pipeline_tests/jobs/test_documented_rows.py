"""The rows that docs/operations.md says the app may write: each is accepted as it stands there, and taken up."""

import re
from datetime import UTC, date, datetime

import pytest

from matchme_pipeline.database import files
from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs.adoption import Adoption, adopt
from matchme_pipeline.jobs.model import JobType

DOCUMENT = (files.dagster_home() / "docs" / "operations.md").read_text(encoding="utf-8")
WEEK = date(2026, 1, 11)


def documented(job_type: JobType) -> str:
    block = re.sub(r"--.*", "", "".join(re.findall(r"```sql\n(.*?)```", DOCUMENT, re.S)))
    statements = [s for s in block.split(";") if f"'{job_type}'" in s]
    assert len(statements) == 1
    return statements[0].strip()


@pytest.mark.parametrize("job_type", list(JobType))
def test_a_documented_row_becomes_the_members_job(app_database: Connection, job_type: JobType):
    app_database.execute("insert into profiles (clerk_user_id) values ('user_2abc')")
    app_database.execute(documented(job_type))
    # One example asks for a later time.
    app_database.execute("update batch_processing_queue set scheduled_for = least(scheduled_for, now())")
    for other in JobType:
        expected = Adoption(int(other is job_type), 0, 0)
        assert adopt(app_database, other, WEEK, datetime.now(UTC)) == expected
    row = app_database.execute("select subject, week, status from batch_processing_queue").fetchone()
    assert row == ("user_2abc", WEEK, "pending")


def test_every_documented_reason_is_the_one_that_is_written(app_database: Connection):
    documented_reasons = set(re.findall(r"\| `((?:malformed|the member)[^`]*)` \|", DOCUMENT))
    app_database.execute(
        """
        insert into profiles (clerk_user_id, deleted_at) values ('user_a', null), ('user_gone', now());
        insert into batch_processing_queue (user_id, job_type, payload, week, subject) values
            ('user_unknown', 'match_generation', '{}', null, null), ('user_gone', 'match_generation', '{}', null, null),
            ('user_a', 'match_generation', '[]', null, null),
            ('user_a', 'match_generation', '{}', '2026-11-24', 'user_a')
        """
    )
    assert adopt(app_database, JobType.MATCH_GENERATION, WEEK, None).rejected == len(documented_reasons) == 4
    reasons = app_database.execute("select last_error from batch_processing_queue where status = 'failed'").fetchall()
    assert {reason for (reason,) in reasons} == documented_reasons
