"""Every setting of the pipeline, read from the environment and `.env`, validated once at start."""

import os
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, field_validator

from matchme_pipeline.env_file import env_file_values
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.urls import is_secure_address, is_unambiguous, is_web_origin

# Attributes whose unknown value an operator may let fail a stated preference (`strict_unknown`). By default an unknown
# value fails no preference.
UNKNOWN_MAY_BE_STRICT = ("distance", "education", "marital_status", "children", "religiosity", "sect", "hijab")
# The model that the prompts were written for and tried with.
DEFAULT_INSIGHT_MODEL = "gpt-6-luna"
DEFAULT_EMBEDDING_MODEL = "text-embedding-3-small"
_BROKERS = ("redis://", "rediss://", "amqp://", "amqps://", "pyamqp://")
# Before the name of every model of a rehearsal.
REHEARSAL = "rehearsal-"
# A file under MATCHME_HOME. It stores the first week of the app's data or of the synthetic data. The environment and
# .env take precedence.
POPULATION_FILE = "population.env"


def _listed(value: object) -> object:
    """The entries of a comma-separated variable; values of another type stay unchanged."""
    return [entry.strip() for entry in value.split(",") if entry.strip()] if isinstance(value, str) else value


# In the order in which they are named, and as a set.
_Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
_ListedOnce = Annotated[frozenset[str], BeforeValidator(_listed)]


class Settings(BaseModel):
    """The pipeline's settings; each field's environment variable is its alias."""

    model_config = ConfigDict(frozen=True)

    database_url: str | None = Field(None, alias="MATCHME_DATABASE_URL")
    dagster_database_url: str | None = Field(None, alias="MATCHME_DAGSTER_DATABASE_URL")
    home: Path = Field(Path(".matchme"), alias="MATCHME_HOME")
    llm: Literal["rehearsal", "openai", "local"] | None = Field(None, alias="MATCHME_LLM")
    llm_mode: Literal["standard", "flex", "batch"] = Field("standard", alias="MATCHME_LLM_MODE")
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, alias="OPENAI_BASE_URL")
    # For the models that the price file gives to `anthropic`.
    anthropic_api_key: SecretStr | None = Field(None, alias="ANTHROPIC_API_KEY")
    anthropic_base_url: str | None = Field(None, alias="ANTHROPIC_BASE_URL")
    anthropic_requests_per_minute: int | None = Field(None, alias="MATCHME_ANTHROPIC_REQUESTS_PER_MINUTE", ge=1)
    anthropic_tokens_per_minute: int | None = Field(None, alias="MATCHME_ANTHROPIC_TOKENS_PER_MINUTE", ge=1)
    insight_model: str = Field(DEFAULT_INSIGHT_MODEL, alias="MATCHME_INSIGHT_MODEL")
    embedding_model: str = Field(DEFAULT_EMBEDDING_MODEL, alias="MATCHME_EMBEDDING_MODEL")
    review_model: str | None = Field(None, alias="MATCHME_REVIEW_MODEL")
    # The app's screens show cost in pence; the ledger is in USD.
    pence_per_usd: Decimal = Field(Decimal(79), alias="MATCHME_PENCE_PER_USD", gt=0)
    weekly_budget_usd: Decimal | None = Field(None, alias="MATCHME_WEEKLY_BUDGET_USD", ge=0)
    llm_concurrency: int = Field(32, alias="MATCHME_LLM_CONCURRENCY", ge=1, le=1000)
    llm_requests_per_minute: int | None = Field(None, alias="MATCHME_LLM_REQUESTS_PER_MINUTE", ge=1)
    llm_tokens_per_minute: int | None = Field(None, alias="MATCHME_LLM_TOKENS_PER_MINUTE", ge=1)
    # How long to wait for a model server that answers nothing.
    llm_outage_minutes: float = Field(30.0, alias="MATCHME_LLM_OUTAGE_MINUTES", gt=0, le=1_440)
    llm_timeout_seconds: float | None = Field(None, alias="MATCHME_LLM_TIMEOUT_SECONDS", gt=0)
    # Behaviour of the rehearsal's server. A real server takes about two seconds per call and at most a day per batch.
    rehearsal_latency_seconds: float = Field(0.3, alias="MATCHME_REHEARSAL_LATENCY_SECONDS", ge=0, le=60)
    rehearsal_requests_per_minute: int = Field(5_000, alias="MATCHME_REHEARSAL_REQUESTS_PER_MINUTE", ge=1)
    rehearsal_batch_seconds: float = Field(60.0, alias="MATCHME_REHEARSAL_BATCH_SECONDS", ge=0)
    prices_file: Path | None = Field(None, alias="MATCHME_PRICES_FILE")
    first_week: date = Field(date(2026, 1, 4), alias="MATCHME_FIRST_WEEK")
    # Whether the environment or .env sets the first week, as opposed to this machine's stored file.
    is_first_week_stated: bool = False
    # Members who have not opened the app for longer would leave a match unanswered.
    active_within_days: int = Field(60, alias="MATCHME_ACTIVE_WITHIN_DAYS", ge=1, le=36_500)
    # With this many reports, an administrator reviews the member first.
    report_threshold: int = Field(5, alias="MATCHME_REPORT_THRESHOLD", ge=1)
    # Half a year.
    no_repeat_weeks: int = Field(26, alias="MATCHME_NO_REPEAT_WEEKS", ge=1, le=5_200)
    # The far end of the app's slider, which its screen calls "Anywhere".
    anywhere_km: int = Field(100, alias="MATCHME_ANYWHERE_KM", ge=1, le=20_000)
    strict_unknown: _ListedOnce = Field(frozenset(), alias="MATCHME_STRICT_UNKNOWN")
    # In points, as members see it.
    least_score: float | None = Field(None, alias="MATCHME_LEAST_SCORE", ge=0, le=100)
    # The share of places whose partner is drawn at random, so that the score can be compared with chance.
    random_places: float = Field(0.02, alias="MATCHME_RANDOM_PLACES", ge=0, le=0.2)
    # Learning from members' answers. The untrained score stays in use until a learned version is promoted.
    learning: bool = Field(True, alias="MATCHME_LEARNING")
    learn_least_pairs: int = Field(2_000, alias="MATCHME_LEARN_LEAST_PAIRS", ge=1)
    # Retention: how long the pipeline keeps data that can be computed again, run events and the API's audit.
    keep_vector_weeks: int = Field(8, alias="MATCHME_KEEP_VECTOR_WEEKS", ge=2, le=5_200)
    keep_outcome_weeks: int = Field(8, alias="MATCHME_KEEP_OUTCOME_WEEKS", ge=2, le=5_200)
    keep_job_weeks: int = Field(26, alias="MATCHME_KEEP_JOB_WEEKS", ge=4, le=5_200)
    keep_audit_days: int = Field(365, alias="MATCHME_KEEP_AUDIT_DAYS", ge=30, le=36_500)
    keep_event_days: int = Field(90, alias="MATCHME_KEEP_EVENT_DAYS", ge=8, le=36_500)
    automation: bool = Field(False, alias="MATCHME_AUTOMATION")
    # Where Dagster executes the steps of its runs; `operations/executors.py` says what each needs.
    executor: Literal["multiprocess", "in_process", "celery", "k8s", "docker"] = Field(
        "multiprocess", alias="MATCHME_EXECUTOR"
    )
    matching_fan_out: Literal["threads", "ray"] = Field("threads", alias="MATCHME_MATCHING_FAN_OUT")
    executor_config: Path | None = Field(None, alias="MATCHME_EXECUTOR_CONFIG")
    executor_image: str | None = Field(None, alias="MATCHME_EXECUTOR_IMAGE")
    celery_broker: SecretStr | None = Field(None, alias="MATCHME_CELERY_BROKER")
    # Output of steps: under this machine's MATCHME_HOME, under a MATCHME_HOME that all machines share, or not stored.
    compute_logs: Literal["local", "shared", "off"] = Field("local", alias="MATCHME_COMPUTE_LOGS")
    alert_webhook_url: SecretStr | None = Field(None, alias="MATCHME_ALERT_WEBHOOK_URL")
    # Public addresses of Dagster's UI and the operations page, for links in alerts and reports.
    dagster_url: str | None = Field(None, alias="MATCHME_DAGSTER_URL")
    operations_url: str | None = Field(None, alias="MATCHME_OPERATIONS_URL")
    # Also send a message for each successful week.
    tell_finished_weeks: bool = Field(False, alias="MATCHME_TELL_FINISHED_WEEKS")
    admin_user_ids: _ListedOnce = Field(frozenset(), alias="ADMIN_USER_IDS")
    clerk_issuer: str | None = Field(None, alias="MATCHME_CLERK_ISSUER")
    development_tokens: bool = Field(False, alias="MATCHME_DEVELOPMENT_TOKENS")
    clerk_jwks_url: str | None = Field(None, alias="MATCHME_CLERK_JWKS_URL")
    clerk_public_key: str | None = Field(None, alias="MATCHME_CLERK_PUBLIC_KEY")
    clerk_authorized_parties: _ListedOnce = Field(frozenset(), alias="MATCHME_CLERK_AUTHORIZED_PARTIES")
    cors_origins: _Listed = Field((), alias="MATCHME_CORS_ORIGINS")
    metrics_token: SecretStr | None = Field(None, alias="MATCHME_METRICS_TOKEN")
    api_requests_per_minute: int = Field(300, alias="MATCHME_API_REQUESTS_PER_MINUTE", ge=1)

    @field_validator("database_url", "dagster_database_url")
    @classmethod
    def _is_postgres(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError(
                "must start with postgresql:// (for instance postgresql://user:password@host:5432/postgres)"
            )
        if url is not None and not is_unambiguous(url):
            raise ValueError(
                "cannot be read as a PostgreSQL URL; percent-encode what is special in its user and password "
                "(@ as %40, / as %2F, % as %25, ? as %3F)"
            )
        return url

    @field_validator("alert_webhook_url")
    @classmethod
    def _is_web_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("https://", "http://")):
            raise ValueError("must start with https:// (a Slack-compatible incoming webhook)")
        return url

    @field_validator("celery_broker")
    @classmethod
    def _is_broker(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(_BROKERS):
            raise ValueError(f"must start with one of {', '.join(_BROKERS)} (for instance redis://host:6379/0)")
        return url

    @field_validator("dagster_url", "operations_url")
    @classmethod
    def _is_base_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.netloc or parts.query or parts.fragment:
            raise ValueError("must be https://HOST or https://HOST/PATH: links in alerts and reports begin with it")
        if "@" in parts.netloc or any(character.isspace() for character in url):
            raise ValueError("must be https://HOST without a user name: it appears in messages")
        return url.rstrip("/")

    @field_validator("metrics_token")
    @classmethod
    def _is_hard_to_guess(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value()) < 32:
            raise ValueError("must have 32 characters or more (openssl rand -hex 32)")
        return token

    @field_validator("clerk_issuer", "clerk_jwks_url")
    @classmethod
    def _is_issuer(cls, url: str | None) -> str | None:
        if url is not None and not is_secure_address(url):
            raise ValueError("must be https://HOST (the Frontend API URL of your Clerk instance), without a user name")
        return url

    @field_validator("cors_origins")
    @classmethod
    def _names_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not is_web_origin(origin):
                raise ValueError(
                    f"'{origin}' is not an origin; name the app's as https://HOST, separated by commas "
                    "(* and null would let other sites in)"
                )
        return tuple(origin.rstrip("/") for origin in origins)

    @field_validator("clerk_authorized_parties")
    @classmethod
    def _names_parties(cls, parties: frozenset[str]) -> frozenset[str]:
        for party in sorted(parties):
            if not is_web_origin(party):
                raise ValueError(f"'{party}' is not an origin; name the app's as https://HOST, separated by commas")
        return parties

    @field_validator("strict_unknown")
    @classmethod
    def _names_attributes(cls, names: frozenset[str]) -> frozenset[str]:
        if unknown := sorted(names - set(UNKNOWN_MAY_BE_STRICT)):
            raise ValueError(f"'{unknown[0]}' is not one of {', '.join(UNKNOWN_MAY_BE_STRICT)}")
        return names

    @field_validator("first_week")
    @classmethod
    def _is_sunday(cls, day: date) -> date:
        if day.isoweekday() != 7:
            raise ValueError(f"{day} is a {day:%A}; weeks start on a Sunday")
        return day

    @property
    def provider(self) -> Literal["rehearsal", "openai", "local"]:
        """The implementation of model calls: the setting, otherwise OpenAI if a key is set, otherwise local."""
        return self.llm or ("openai" if self.openai_api_key else "local")


def load_settings(env_file: Path | None = Path(".env"), environment: Mapping[str, str] | None = None) -> Settings:
    """Read settings from `environment` (default: the process's) and `env_file`; the environment takes precedence.

    Raises ConfigurationError for a malformed file or value; its sentence names the variable and the remedy.
    """
    values = {**env_file_values(env_file), **(os.environ if environment is None else environment)}
    home = Path(values.get("MATCHME_HOME") or ".matchme")
    # An empty variable counts as unset.
    is_first_week_stated = bool(values.get("MATCHME_FIRST_WEEK"))
    values = {**env_file_values(home / POPULATION_FILE), **{name: value for name, value in values.items() if value}}
    try:
        known = {
            field.alias: values[field.alias]
            for field in Settings.model_fields.values()
            if field.alias is not None and values.get(field.alias)
        }
        return as_rehearsal(Settings.model_validate({**known, "is_first_week_stated": is_first_week_stated}))
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(
            f"{first['loc'][0]} is wrong: {first['msg'].removeprefix('Value error, ')}. "
            "Correct it in the environment or in .env."
        ) from None


def as_rehearsal(settings: Settings) -> Settings:
    """Label the model names of a rehearsal, so that cache, vectors and ledger keep its rows apart.

    Other settings are returned unchanged.
    """
    if settings.llm != "rehearsal":
        return settings
    names = {name: getattr(settings, name) for name in ("insight_model", "embedding_model", "review_model")}
    labels = {
        name: model if model is None or model.startswith(REHEARSAL) else REHEARSAL + model
        for name, model in names.items()
    }
    return settings.model_copy(update=labels)


@lru_cache(maxsize=1)
def process_settings() -> Settings:
    """The settings of this process; they are read once."""
    return load_settings()
