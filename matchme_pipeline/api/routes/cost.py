"""The cost of the models, for administrators: by week, stage, model, day and member, and the rest of a budget."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from matchme_pipeline.api.callers import ADMINISTRATORS, Shared
from matchme_pipeline.api.models import BudgetAnswer, CostAnswer, CostRow
from matchme_pipeline.api.parameters import Day
from matchme_pipeline.api.problems import ProblemError
from matchme_pipeline.api.queries import cost as cost_queries
from matchme_pipeline.api.queries.cost import Dimension
from matchme_pipeline.api.responses import problems
from matchme_pipeline.errors import WeekError
from matchme_pipeline.week import WEEK, Week

router = APIRouter(prefix="/api/cost", tags=["cost"])

DEFAULT_SPAN = timedelta(days=90)
EARLIEST = date(2000, 1, 1)


@router.get("", dependencies=ADMINISTRATORS, responses=problems(401, 403, 422))
def cost(
    shared: Shared,
    by: Annotated[
        Dimension, Query(description="The dimension of the rows; `member`: the most expensive members.")
    ] = "week",
    since: Annotated[Day | None, Query(description="From this day on (UTC); 90 days ago if left out.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="The largest number of rows.")] = 100,
) -> CostAnswer:
    """The ledger, summed."""
    first = max(EARLIEST, since or datetime.now(UTC).date() - DEFAULT_SPAN)
    with shared.connection() as connection:
        rows = cost_queries.cost_by(connection, by, first, limit)
        total = cost_queries.total_cost(connection, first)
    return CostAnswer(by=by, since=first, total_usd=total, rows=[CostRow.model_validate(vars(row)) for row in rows])


@router.get("/budget", dependencies=ADMINISTRATORS, responses=problems(401, 403, 422))
def budget(
    shared: Shared,
    week: Annotated[Day | None, Query(description="A week by its Sunday; the open one if left out.")] = None,
) -> BudgetAnswer:
    """The cost of a week so far, and the rest of its budget."""
    sunday = week or Week.last_closed(datetime.now(UTC)).sunday + WEEK
    try:
        Week(sunday)
    except WeekError as error:
        raise ProblemError(422, "wrong-weeks", str(error)) from None
    with shared.connection() as connection:
        spent = cost_queries.spent_in_week(connection, sunday)
    limit = shared.settings.weekly_budget_usd
    left = None if limit is None else max(limit - spent, limit * 0)
    return BudgetAnswer(week=sunday, budget_usd=limit, spent_usd=spent, left_usd=left)
