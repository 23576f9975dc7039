"""An asset's code version changes with its prompt or its formula, and with nothing else."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from matchme_pipeline.definitions import defs

PACKAGE = Path(__file__).parents[1] / "matchme_pipeline"
PRINT = (
    "from matchme_pipeline.definitions import defs\n"
    "for key, spec in sorted((s.key.to_user_string(), s) for s in defs.resolve_all_asset_specs()):\n"
    "    print(key, spec.code_version)"
)


def versions(root: Path, hash_seed: str = "1") -> dict[str, str]:
    """The code versions as another process sees them, whose checkout lies elsewhere."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": hash_seed}
    result = subprocess.run(
        [sys.executable, "-c", PRINT], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return dict(line.split() for line in result.stdout.splitlines())  # type: ignore[misc]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the code under another path."""
    shutil.copytree(PACKAGE, tmp_path / PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(PACKAGE.parent / name, tmp_path)
    shutil.copytree(PACKAGE.parent / "sql", tmp_path / "sql")
    return tmp_path


def test_a_code_version_changes_with_the_prompt_or_formula_and_not_with_the_machine(checkout: Path):
    here = {spec.key.to_user_string(): spec.code_version for spec in defs.resolve_all_asset_specs()}
    assert versions(checkout, hash_seed="2") == {key: str(version) for key, version in here.items()}

    with (checkout / "matchme_pipeline/llm/prompts/insights.md").open("a") as prompt:
        prompt.write("\nBe brief.\n")
    weights = checkout / "matchme_pipeline/matching/rules/weights.py"
    weights.write_text(weights.read_text("utf-8") + "\nANOTHER_WEIGHT = 1\n", "utf-8")
    traits = checkout / "matchme_pipeline/dna/traits.py"
    traits.write_text(traits.read_text("utf-8") + "\n# A remark changes nothing.\n", "utf-8")
    changed = {key for key, version in versions(checkout).items() if version != str(here[key])}
    assert changed == {"content_insights", "weekly_matches"}


def test_every_asset_that_is_materialised_has_a_code_version():
    for spec in defs.resolve_all_asset_specs():
        if spec.partitions_def is not None:
            assert spec.code_version, f"{spec.key.to_user_string()}: name its prompt or formula (code_versions.py)"
