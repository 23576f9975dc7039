"""The checks of an asset in one step: a process per check would cost more than most checks."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from inspect import signature
from typing import Any

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSpec,
    AssetKey,
    multi_asset_check,
)


def one_step_an_asset(checks: Sequence[AssetChecksDefinition]) -> list[AssetChecksDefinition]:
    """`checks` with those of one asset joined into one step, which also runs any of them alone.

    Names, descriptions, partitions and what blocks stay as each check states them. If a check raises, the
    others still run, and the step then fails.
    """
    of_asset: dict[AssetKey, list[AssetChecksDefinition]] = defaultdict(list)
    for check in checks:
        (key,) = check.check_keys
        of_asset[key.asset_key].append(check)
    return [own[0] if len(own) == 1 else _joined(key, own) for key, own in of_asset.items()]


def _joined(asset_key: AssetKey, checks: Sequence[AssetChecksDefinition]) -> AssetChecksDefinition:
    specs = [spec for check in checks for spec in check.check_specs]
    functions = {spec.name: _function(check) for check in checks for spec in check.check_specs}

    @multi_asset_check(
        name=f"{asset_key.to_python_identifier()}_checks",
        description=f"The {len(specs)} checks of {asset_key.to_user_string()}.",
        specs=specs,
        can_subset=True,
        required_resource_keys={key for check in checks for key in check.required_resource_keys} - {"io_manager"},
    )
    def run_checks(context: AssetCheckExecutionContext) -> Iterator[AssetCheckResult]:
        wanted = context.op_execution_context.selected_asset_check_keys
        errors = []
        for spec in specs:
            if spec.key in wanted:
                try:
                    yield _named(_call(functions[spec.name], context), spec)
                except Exception as error:
                    error.add_note(f"raised by the check {spec.name}")
                    errors.append(error)
        if errors:
            raise errors[0]

    joined: AssetChecksDefinition = run_checks
    return joined


def _function(check: AssetChecksDefinition) -> Callable[..., AssetCheckResult]:
    # Dagster has no public access to the decorated function.
    compute: Any = check.op.compute_fn
    function: Callable[..., AssetCheckResult] = compute.decorated_fn
    return function


def _call(function: Callable[..., AssetCheckResult], context: AssetCheckExecutionContext) -> AssetCheckResult:
    resources = context.op_execution_context.resources
    given = {
        name: context if name == "context" else getattr(resources, name) for name in signature(function).parameters
    }
    return function(**given)


def _named(result: AssetCheckResult, spec: AssetCheckSpec) -> AssetCheckResult:
    return AssetCheckResult(
        passed=result.passed,
        asset_key=spec.asset_key,
        check_name=spec.name,
        metadata=result.metadata,
        severity=result.severity,
        description=result.description,
    )
