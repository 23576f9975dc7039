"""The tests' own folders: in memory only where there is room, and none outlives its session for long."""

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from matchme_pipeline_tests import memory_folder


def test_folders_of_ended_sessions_are_found_and_those_of_others_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    own = memory_folder.session_folder()
    program = f"import tempfile; tempfile.tempdir = {str(tmp_path)!r}\n"
    program += "from matchme_pipeline_tests.memory_folder import session_folder; print(session_folder())"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert memory_folder.abandoned_folders() == [Path(result.stdout.strip())]
    assert own.is_dir()


def test_a_folder_that_is_missing_or_too_small_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert memory_folder.memory_folder(tmp_path / "missing") is None
    monkeypatch.setattr(memory_folder, "NEEDED_BYTES", 1)
    assert memory_folder.memory_folder(tmp_path) == tmp_path
    monkeypatch.setattr(memory_folder, "NEEDED_BYTES", 2**60)
    assert memory_folder.memory_folder(tmp_path) is None
