"""Anthropic's rate-limit headers in the names that execution reads."""

from collections.abc import Mapping

_PREFIX = "anthropic-ratelimit"
# An account has limits on requests, on all tokens, on input and on output tokens.
_TOKEN_KINDS = ("tokens", "input-tokens", "output-tokens")


def standard_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """`headers` with the remaining requests and tokens as `x-ratelimit-*`; of several token limits, the scarcest."""
    found = {name.lower(): value for name, value in headers.items()}
    left = {
        kind: count for kind in _TOKEN_KINDS if (count := _count(found.get(f"{_PREFIX}-{kind}-remaining"))) is not None
    }
    sources = {"requests": "requests"} | ({"tokens": min(left, key=left.__getitem__)} if left else {})
    for standard, kind in sources.items():
        for part in ("remaining", "reset"):
            if (value := found.get(f"{_PREFIX}-{kind}-{part}")) is not None:
                found[f"x-ratelimit-{part}-{standard}"] = value
    return found


def _count(value: str | None) -> float | None:
    try:
        return float(value) if value is not None else None
    except ValueError:
        return None
