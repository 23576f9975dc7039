"""The meaning of errors and their remedies; pure. Errors with one cause need one action, however many jobs failed.

Only the pipeline's own messages are shown verbatim: a database or a server may quote a member.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One cause of failures: `rank` orders the actions (0 first); `remedy` names a command or a setting."""

    name: str
    rank: int
    meaning: str
    remedy: str


UNKNOWN = Cause(
    "unknown", 6, "An error that the pipeline has no name for.",
    "Read the run's log in Dagster; `matchme jobs list --status failed` shows the jobs.",
)  # fmt: skip

# The first pattern that matches the error determines its cause.
_CAUSES: tuple[tuple[str, Cause], ...] = (
    (r"refuses the key|HTTP 401|invalid_api_key|OPENAI_API_KEY|ANTHROPIC_API_KEY", Cause(
        "key refused", 0, "The model provider does not accept the key.",
        "Correct the API key in the environment or .env, then `matchme run --week {week}`.")),
    (r"quota is exhausted|insufficient_quota|billing_|HTTP 402", Cause(
        "account out of credit", 0, "The model provider's account has no credit left.",
        "Add credit or raise the account's limit, then `matchme run --week {week}`; no answer is paid twice.")),
    (r"[Bb]udget", Cause(
        "budget ended", 1, "The week's budget is spent; what is left waits in the queue.",
        "Raise MATCHME_WEEKLY_BUDGET_USD if the week is worth it, then `matchme run --week {week}`.")),
    (r"knows no model|may not use the model|model_not_found|has no price|HTTP 403", Cause(
        "model not available", 1, "The model that is configured cannot be used with this key.",
        "Check MATCHME_INSIGHT_MODEL and MATCHME_EMBEDDING_MODEL, then `matchme doctor`.")),
    (r"does not answer|could not be reached|connection|Connection|server closed|OperationalError|AdminShutdown", Cause(
        "server unreachable", 2, "A database or a model server did not answer.",
        "Check that it is up (`matchme doctor`), then `matchme run --week {week}`.")),
    (r"rate_limit|429|throttl", Cause(
        "rate limited", 4, "The model provider asked to slow down.",
        "Jobs are retried by themselves. If it happens every week, lower MATCHME_LLM_CONCURRENCY.")),
    (r"timed? ?out|TimeoutError|http_5\d\d|HTTP 5\d\d", Cause(
        "provider trouble", 3, "The model provider was slow or failed.",
        "Jobs are retried by themselves; `matchme jobs retry --week {week}` reopens those that have failed.")),
    (r"process that ran it is gone|no heartbeat|no sign of life|killed|interrupted|Terminated", Cause(
        "process lost", 2, "The process that ran the week ended before its work did.",
        "Look for a restart or for missing memory on the machine, then `matchme run --week {week}`.")),
    (r"model calls failed widely|is not finished|jobs failed, more than", Cause(
        "too many failures", 2, "So many model calls failed that the week does not count as finished.",
        "`matchme jobs list --status failed` shows why; run the week again when the cause is gone.")),
    (r"nothing was published|breaks? (?:a|the) rule", Cause(
        "check refused the week", 1, "The new matches broke a rule, so nothing was published; members see last week's.",
        "Do not force it. Read the run's log in Dagster, then `matchme doctor`.")),
    (r"refus|content_filter|content_policy", Cause(
        "model refused", 7, "The model would not answer for this content.",
        "Nothing, if they are few: the members keep their other results. Else try another MATCHME_INSIGHT_MODEL.")),
    (r"too_long|context_length|max_tokens|length", Cause(
        "text too long", 7, "An item is longer than the model takes.",
        "Nothing, if they are few; `matchme jobs discard JOB_ID` takes one off the list.")),
    (r"no words to embed|empty", Cause(
        "nothing to read", 8, "The item has no words.",
        "Nothing; `matchme jobs discard JOB_ID` takes it off the list.")),
    (r"malformed|invalid|schema|JSON|json|not a|no answer|cannot be read|missing", Cause(
        "unreadable data", 5, "A row or an answer could not be read.",
        "`matchme jobs list --status failed` names the jobs; `matchme doctor` looks for odd columns.")),
)  # fmt: skip


def cause_of(error: str | None) -> Cause:
    """The cause of `error`; UNKNOWN if no pattern matches."""
    return next((cause for pattern, cause in _CAUSES if error and re.search(pattern, error)), UNKNOWN)


def remedy_for(cause: Cause, week: object) -> str:
    """The remedy, with the week that it is about."""
    return cause.remedy.replace("{week}", str(week) if week else "YYYY-MM-DD")


def without_quotations(error: str | None, longest: int = 160) -> str:
    """The error's first line without quotations: quoted texts and long numbers may come from a member.

    Commands in backticks are the pipeline's own and stay.
    """
    first = (error or "no error was recorded").strip().splitlines()[0]
    plain = re.sub(r"\"[^\"]*\"|'[^']*'|“[^”]*”|«[^»]*»|`(?!matchme )[^`]*`", "…", first)
    plain = re.sub(r"\b\w*\d{5,}\w*\b|\S+@\S+", "…", plain)
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"
