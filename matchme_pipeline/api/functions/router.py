"""Routers under the app's base path; `contract.yaml` describes them, and the OpenAPI document includes it unchanged."""

from typing import Any

from fastapi import APIRouter

PREFIX = "/functions/v1"


def function_router(**options: Any) -> APIRouter:
    """A router for functions of the app; `options` as for APIRouter."""
    return APIRouter(prefix=PREFIX, include_in_schema=False, **options)
