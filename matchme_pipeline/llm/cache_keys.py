"""Cache keys of answers: content, model and prompt; pure."""

import hashlib
import json
from typing import Any


def cache_key(subject: str, model: str, parameters: str, prompt_version: str) -> str:
    """SHA-256 over content hash, model, its parameters and the version of prompt, schema, settings and parser."""
    return hash_of([subject, model, parameters, prompt_version])


def hash_of(value: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON value."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
