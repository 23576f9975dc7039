"""Loading the code location imports nothing that only a step needs: each would add its time to every process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("numba", "openai", "anthropic", "scipy", "sklearn", "ortools", "matplotlib", "ray", "phonenumbers")


def test_the_code_location_loads_without_what_only_a_step_needs():
    program = f"import sys, matchme_pipeline.definitions\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []


@pytest.mark.parametrize(
    "command", ["status", "jobs list", "alerts list", "matches user_1", "db status"], ids=lambda c: c.split()[0]
)
def test_a_command_that_only_reads_starts_without_dagster(command: str, app_database_url: str, tmp_path: Path):
    """Dagster takes half a second to import: `status` answers in less, and a monitor asks it every minute."""
    program = (
        "import sys\nfrom matchme_pipeline.cli.main import main\ntry:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('imported' if 'dagster' in sys.modules else 'absent', file=sys.stderr)"
    )
    environment = os.environ | {"MATCHME_DATABASE_URL": app_database_url, "MATCHME_HOME": str(tmp_path)}
    result = subprocess.run(
        [sys.executable, "-c", program, *command.split()], capture_output=True, text=True, check=True, env=environment
    )
    assert result.stderr.split()[-1] == "absent", result.stderr
