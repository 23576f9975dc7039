"""Parameters that several endpoints take."""

import re
from datetime import date
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Path, Query
from pydantic import BeforeValidator

from matchme_pipeline.api.cursors import MAX_CURSOR_CHARACTERS

JobState = Literal["pending", "processing", "completed", "failed", "retry"]
USER_ID = r"^[A-Za-z0-9_.:|-]{1,128}$"
UserId = Annotated[str, Path(pattern=USER_ID, description="A Clerk user id.")]
JobId = Annotated[UUID, Path(description="A job's id.")]
RunId = Annotated[UUID, Path(description="A Dagster run's id.")]
PageSize = Annotated[int, Query(ge=1, le=100, description="Rows per page.")]
JobFilter = Annotated[JobState | None, Query(description="Only jobs in this state.")]
Cursor = Annotated[
    str | None, Query(max_length=MAX_CURSOR_CHARACTERS, description="`next_cursor` of the previous page.")
]


def _written_out(given: object) -> object:
    # By default the library reads numbers as seconds since 1970.
    if isinstance(given, date) or (isinstance(given, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", given)):
        return given
    raise ValueError("write a day as YYYY-MM-DD")


Day = Annotated[date, BeforeValidator(_written_out)]
