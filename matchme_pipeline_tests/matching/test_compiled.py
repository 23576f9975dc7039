"""Compiled rules never outlive the words that they were compiled from."""

from pathlib import Path

import numba

from matchme_pipeline import matching
from matchme_pipeline.matching.rules.jit import cache_folder


def test_a_rule_that_changes_in_any_module_is_compiled_anew(tmp_path: Path):
    (tmp_path / "a.py").write_text("one = 1\n")
    (tmp_path / "b.py").write_text("two = 2\n")
    before = cache_folder(tmp_path)
    assert before == cache_folder(tmp_path)
    (tmp_path / "b.py").write_text("two = 3\n")
    changed = cache_folder(tmp_path)
    assert changed != before
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "c.py").write_text("three = 3\n")
    deeper = cache_folder(tmp_path)
    assert deeper != changed
    (tmp_path / "rules" / "c.py").write_text("three = 4\n")
    assert cache_folder(tmp_path) != deeper


def test_compiled_rules_depend_on_every_module_of_matching():
    room = Path(matching.__file__).parent
    assert Path(numba.config.CACHE_DIR).name == cache_folder(room).name


def test_where_nothing_may_be_written_rules_are_kept_in_the_users_cache(tmp_path: Path, monkeypatch):
    sources = tmp_path / "sources"
    sources.mkdir()
    (sources / "__pycache__").write_text("a file, so that no folder can be made of it")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert (tmp_path / "cache") in cache_folder(sources).parents
