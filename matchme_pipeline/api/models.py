"""The shapes of the API's bodies about runs, jobs and cost, as the OpenAPI document shows them."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, WithJsonSchema, model_validator

from matchme_pipeline.api.parameters import Day, JobState

RunType = Literal["weekly_full", "daily_incremental"]
RecordedRunType = Literal["weekly_full", "daily_incremental", "manual"]
RunState = Literal["running", "completed", "failed", "cancelled"]
JobKind = Literal["content_analysis", "embedding_update", "dna_recalculation", "match_generation"]
# Money is sent as text, to keep all digits.
Usd = Annotated[
    Decimal,
    PlainSerializer(lambda amount: format(amount.normalize(), "f"), return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["0.7313"]}),
]
_RUN_ID = "8a6e0804-2bd0-4672-b79d-d97027f9071a"


class Strict(BaseModel):
    """The base of request bodies; an unknown field is an error."""

    model_config = ConfigDict(extra="forbid")


class TriggerRequest(Strict):
    """Which weeks to materialise. Without a week: the newest closed one, or for the daily run the open one."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"run_type": "weekly_full", "week": "2026-11-15"},
                {"run_type": "weekly_full", "from_week": "2026-10-18", "to_week": "2026-11-15"},
                {"run_type": "daily_incremental"},
            ]
        },
    )

    run_type: RunType = Field("weekly_full", description="The whole week, or its content so far.")
    week: Day | None = Field(None, description="One week, by its Sunday.")
    from_week: Day | None = Field(None, description="The first week of a range.")
    to_week: Day | None = Field(None, description="The last week of a range.")

    @model_validator(mode="after")
    def _one_way_of_naming_weeks(self) -> "TriggerRequest":
        if (self.from_week is None) != (self.to_week is None):
            raise ValueError("from_week and to_week go together")
        if self.week is not None and self.from_week is not None:
            raise ValueError("name either week, or from_week and to_week")
        if self.run_type == "daily_incremental" and self.from_week is not None:
            raise ValueError("the daily run takes one week, not a range")
        return self


class TriggeredRun(BaseModel):
    """One requested run."""

    week: date = Field(examples=["2026-11-15"])
    run_type: RunType
    dagster_run_id: str = Field(examples=[_RUN_ID])
    history_id: UUID = Field(description="The run's row in the history, once it has started.")
    started: bool = Field(description="False: such a run is already queued or active; this is it.")


class TriggerAnswer(BaseModel):
    """The runs, the oldest week first, and what the caller should know."""

    runs: list[TriggeredRun]
    notes: list[str] = Field(examples=[["No Dagster daemon is running: the runs wait in the queue."]])


class Run(BaseModel):
    """A run as the history has it. Tokens, cost and errors are for administrators; others get null."""

    id: UUID
    dagster_run_id: str | None = Field(examples=[_RUN_ID])
    run_type: RecordedRunType
    week: date | None = Field(examples=["2026-11-15"])
    status: RunState
    started_at: datetime
    completed_at: datetime | None
    duration_seconds: int | None = Field(examples=[412])
    total_jobs: int = Field(examples=[1830])
    completed_jobs: int = Field(examples=[1828])
    failed_jobs: int = Field(examples=[2])
    tokens_used: int | None = Field(examples=[1_204_331])
    cost_usd: Usd | None
    errors: list[dict[str, Any]] | None


class QueueSummary(BaseModel):
    """How many jobs are in each state, all types together and by type."""

    pending: int
    processing: int
    retry: int
    failed: int
    completed: int
    by_type: dict[str, dict[str, int]] = Field(examples=[{"content_analysis": {"completed": 812, "retry": 1}}])


class Status(BaseModel):
    """The current state of runs and queue."""

    as_of: datetime = Field(
        description="When the queue was counted: at most ten seconds ago, unless counting takes longer than one."
    )
    current_run: Run | None
    last_completed: Run | None
    queued_runs: int | None = Field(
        description="Runs that wait in Dagster's queue; null where its storage does not answer.", examples=[2]
    )
    queue: QueueSummary
    notes: list[str]


class RunPage(BaseModel):
    """A page of the history, the newest first."""

    runs: list[Run]
    next_cursor: str | None = Field(description="For the next page; null on the last.")


class TriggerState(BaseModel):
    """The state of a requested run."""

    dagster_run_id: str = Field(examples=[_RUN_ID])
    history_id: UUID
    state: str = Field(
        description="launching, failed (Dagster did not take it), or Dagster's status of the run.",
        examples=["queued"],
    )
    error: str | None
    run: Run | None = Field(description="The run's row in the history, once it has started.")


class Job(BaseModel):
    """One job of a member."""

    id: UUID
    job_type: JobKind
    status: JobState
    week: date | None
    priority: int
    attempts: int
    max_attempts: int
    last_error: str | None = Field(description="Administrators see the reason; members see that there is one.")
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    scheduled_for: datetime


class JobPage(BaseModel):
    """A page of a member's jobs, the newest first."""

    user_id: str = Field(examples=["user_2abcDEF"])
    jobs: list[Job]
    next_cursor: str | None


class JobAnswer(BaseModel):
    """What was done to a job."""

    job_id: UUID
    status: Literal["retry", "discarded"]


class CancelAnswer(BaseModel):
    """A run that is being cancelled."""

    dagster_run_id: str
    status: Literal["cancelling"]


class CostRow(BaseModel):
    """What calls of one week, stage, model or day cost."""

    key: str = Field(examples=["content_insights"])
    calls: int
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: Usd


class CostAnswer(BaseModel):
    """Cost by one dimension, the most expensive first (weeks and days: the newest first)."""

    by: Literal["week", "stage", "model", "day", "member"]
    since: date
    total_usd: Usd
    rows: list[CostRow]


class BudgetAnswer(BaseModel):
    """What of a week's budget is left."""

    week: date
    budget_usd: Usd | None = Field(description="Null: no limit is set.")
    spent_usd: Usd
    left_usd: Usd | None


class Health(BaseModel):
    """Whether the process is alive, and what it can reach."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str] = Field(examples=[{"database": "ok", "migrations": "ok"}])
