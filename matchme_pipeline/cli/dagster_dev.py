"""`dagster dev` with the check of `local_callers` in front of its webserver."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

UNGUARDED = "dagster_webserver"
GUARDED = "matchme_pipeline.cli.local_callers"


def with_guard(arguments: Sequence[str]) -> list[str]:
    """The command of one of `dagster dev`'s processes; the webserver's command runs the guarded webserver instead."""
    return [GUARDED if argument == UNGUARDED else argument for argument in arguments]


def main() -> None:
    """Run `dagster dev` with its own arguments."""
    # Names that Dagster does not export to type checkers.
    dev: Any = import_module("dagster._cli.dev")
    start = dev.open_ipc_subprocess
    started: list[str] = []

    def start_guarded(arguments: Sequence[str], **options: Any) -> Any:
        command = with_guard(arguments)
        started.extend(command)
        if "dagster._daemon" in command and GUARDED not in started:
            raise RuntimeError("this version of Dagster starts its webserver in another way, without the check")
        return start(command, **options)

    # `dagster dev` has no setting for the webserver that it starts.
    dev.open_ipc_subprocess = start_guarded
    sys.exit(dev.dev_command([*sys.argv[1:]]))


if __name__ == "__main__":
    main()
