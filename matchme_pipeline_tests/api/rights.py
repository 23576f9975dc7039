"""What each caller may do: one table, which the tests walk through and docs/api.md shows."""

from dataclasses import dataclass

CALLERS = ("anonymous", "member", "other member", "admin")


@dataclass(frozen=True)
class Endpoint:
    """An endpoint and the status that each of `CALLERS` gets; `{…}` are filled in by the test.

    `member` owns the queue, insight and match that the path names.
    """

    method: str
    path: str
    expected: tuple[int, int, int, int]
    body: dict[str, str] | None = None


RIGHTS = (
    Endpoint("GET", "/health", (200, 200, 200, 200)),
    Endpoint("GET", "/ready", (200, 200, 200, 200)),
    Endpoint("GET", "/openapi.json", (200, 200, 200, 200)),
    Endpoint("GET", "/metrics", (401, 403, 403, 200)),
    Endpoint("POST", "/api/batch/trigger", (401, 403, 403, 202), {"week": "2026-01-04"}),
    Endpoint("GET", "/api/batch/status", (401, 200, 200, 200)),
    Endpoint("GET", "/api/batch/history", (401, 403, 403, 200)),
    Endpoint("GET", "/api/batch/runs/{run}", (401, 403, 403, 200)),
    Endpoint("POST", "/api/batch/runs/{run}/cancel", (401, 403, 403, 409)),
    Endpoint("GET", "/api/batch/queue/{member}", (401, 200, 403, 200)),
    Endpoint("POST", "/api/batch/retry/{failed_job}", (401, 403, 403, 200)),
    Endpoint("POST", "/api/batch/discard/{other_failed_job}", (401, 403, 403, 200)),
    Endpoint("GET", "/api/insights/pending", (401, 200, 200, 200)),
    Endpoint("GET", "/api/insights/approved", (401, 200, 200, 200)),
    Endpoint("POST", "/api/insights/{insight}/approve", (401, 200, 404, 404)),
    Endpoint("POST", "/api/insights/{other_insight}/reject", (401, 200, 404, 404)),
    Endpoint("GET", "/api/matches", (401, 200, 200, 200)),
    Endpoint("POST", "/api/matches/{match}/viewed", (401, 200, 404, 404)),
    Endpoint("POST", "/api/matches/{match}/actioned", (401, 200, 404, 404)),
    Endpoint("GET", "/api/dna", (401, 200, 200, 200)),
    Endpoint("GET", "/api/dna/history", (401, 200, 200, 200)),
    Endpoint("GET", "/api/cost", (401, 403, 403, 200)),
    Endpoint("GET", "/api/cost/budget", (401, 403, 403, 200)),
    Endpoint("POST", "/functions/v1/batch-trigger", (401, 403, 403, 200), {"run_type": "manual"}),
    Endpoint("GET", "/functions/v1/batch-status", (401, 200, 200, 200)),
    Endpoint("GET", "/functions/v1/batch-history", (401, 403, 403, 200)),
    Endpoint("GET", "/functions/v1/batch-queue?userId={member}", (401, 200, 403, 200)),
    Endpoint("POST", "/functions/v1/batch-retry", (401, 403, 403, 200), {"jobId": "{third_failed_job}"}),
    Endpoint("GET", "/functions/v1/insights-pending", (401, 200, 200, 200)),
    Endpoint("POST", "/functions/v1/insights-approve", (401, 200, 404, 404), {"insightId": "{third_insight}"}),
    Endpoint("POST", "/functions/v1/insights-reject", (401, 200, 404, 404), {"id": "{fourth_insight}"}),
    Endpoint("GET", "/functions/v1/insights-approved", (401, 200, 200, 200)),
    Endpoint("GET", "/functions/v1/dna-score", (401, 200, 200, 200)),
    # `member` is on Gold Plus, `other member` on the free tier, the administrator has no profile.
    Endpoint("GET", "/functions/v1/dna-breakdown", (401, 200, 403, 403)),
    Endpoint("POST", "/functions/v1/dna-calculate", (401, 202, 403, 403)),
    Endpoint("GET", "/functions/v1/dna-history", (401, 200, 403, 403)),
    Endpoint("GET", "/functions/v1/dna-originality", (401, 200, 200, 200)),
    Endpoint("GET", "/functions/v1/dna-rare-traits", (401, 200, 200, 200)),
    Endpoint("GET", "/functions/v1/dna-leaderboard?scope=global", (401, 200, 200, 200)),
    Endpoint("GET", "/functions/v1/dna-achievements", (401, 200, 403, 403)),
    Endpoint("GET", "/functions/v1/weekly-matches", (401, 200, 200, 200)),
    Endpoint("POST", "/functions/v1/match-action", (401, 200, 404, 404), {"matchId": "{match}", "action": "liked"}),
    Endpoint("GET", "/functions/v1/admin-governance-cost", (401, 403, 403, 200)),
    Endpoint("GET", "/functions/v1/admin-governance-alerts", (401, 403, 403, 200)),
    Endpoint("GET", "/functions/v1/admin-governance-rules", (401, 403, 403, 200)),
    Endpoint("PUT", "/functions/v1/admin-governance-rules", (401, 403, 403, 200), {"id": "{rule}", "action": "warn"}),
)


def as_markdown() -> str:
    """The table of the documentation."""
    lines = ["| endpoint | " + " | ".join(CALLERS) + " |", "| --- " * (len(CALLERS) + 1) + "|"]
    for endpoint in RIGHTS:
        statuses = " | ".join(str(status) for status in endpoint.expected)
        lines.append(f"| `{endpoint.method} {endpoint.path}` | {statuses} |")
    return "\n".join(lines)
