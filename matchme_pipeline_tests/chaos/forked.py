"""Weeks through Dagster's own command and the product's executor, one run a week; ends at a failure."""

import subprocess
import sys


def main() -> int:
    """Execute the weekly job of each week named; the exit status of the last."""
    for week in sys.argv[1:]:
        tags = f'{{"dagster/partition": "{week}"}}'
        module = "matchme_pipeline.definitions"
        command = [sys.executable, "-m", "dagster", "job", "execute", "-m", module, "-j", "weekly_batch"]
        status = subprocess.run([*command, "--tags", tags], check=False).returncode
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
