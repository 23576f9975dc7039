"""Dagster's storage on a database that nobody has used yet."""

import os
import subprocess
import sys
from pathlib import Path

OPEN = (
    "from matchme_pipeline.cli.environment import prepare_dagster; prepare_dagster();"
    "from dagster import DagsterInstance; print(DagsterInstance.get().get_runs_count())"
)


def test_processes_that_begin_at_once_create_it_once(empty_database_url: str, tmp_path: Path):
    environment = os.environ | {"MATCHME_DATABASE_URL": empty_database_url, "MATCHME_HOME": str(tmp_path)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    answers = [process.communicate() for process in processes]
    assert [shown.strip() for shown, _ in answers] == ["0"] * 5, answers
