"""Every way a request to Anthropic or its answer can go wrong, by name."""

from matchme_pipeline_tests.openai_server import faults

# Answered with an error status, or not at all; nothing is billed.
TRANSPORT = (
    "rate_limited", "rate_limited_bare", "server_error", "overloaded", "gateway_timeout", "timeout", "slow_body",
    "broken", "reset", "html", "empty_body", "half_json", "error_in_200",
)  # fmt: skip
ENDLESS = faults.ENDLESS
# Billed, and useless in whole or in part.
ANSWER = (
    "refusal", "refused_without_content", "cut_off", "context_full", "not_json", "no_content", "empty_content",
    "missing_fields", "too_long_fields", "out_of_range", "unknown_post", "ungrounded", "leaves_one_out", "duplicates",
)  # fmt: skip
# Nothing will ever help.
FATAL = (
    "unauthorized", "forbidden", "unknown_model", "no_credit", "payment_required", "own_spend_limit",
    "tier_spend_limit",
)  # fmt: skip

STATUSES: dict[str, tuple[int, str, str]] = {
    "rate_limited": (429, "rate_limit_error", "This request would exceed your organization's rate limit"),
    "rate_limited_bare": (429, "rate_limit_error", "Number of concurrent connections has exceeded your rate limit"),
    "server_error": (500, "api_error", "Internal server error"),
    "overloaded": (529, "overloaded_error", "Overloaded"),
    "gateway_timeout": (504, "timeout_error", "The request timed out"),
    "unauthorized": (401, "authentication_error", "invalid x-api-key sk-secret-of-the-test"),
    "forbidden": (403, "permission_error", "Your API key does not have permission to use the model"),
    "unknown_model": (404, "not_found_error", "model: claude-none"),
    "no_credit": (400, "invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "payment_required": (402, "billing_error", "Check your payment details"),
    "own_spend_limit": (400, "invalid_request_error", "You have reached your specified API usage limits."),
    "tier_spend_limit": (429, "rate_limit_error", "You have reached the monthly spend limit of your tier."),
    "context_too_long": (400, "invalid_request_error", "prompt is too long: 300000 tokens > 200000 maximum"),
    "request_too_large": (413, "request_too_large", "Request exceeds the maximum size"),
}
