"""Loading the code location imports nothing that only a step needs: each would add its time to every process."""

import subprocess
import sys

HEAVY = ("numba", "openai", "anthropic", "scipy", "sklearn", "ortools", "matplotlib", "ray", "phonenumbers")


def test_the_code_location_loads_without_what_only_a_step_needs():
    program = f"import sys, matchme_pipeline.definitions\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
