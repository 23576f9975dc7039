"""Settings fail at the door, in one sentence that names the variable and the remedy."""

from datetime import date
from pathlib import Path

import pytest

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import POPULATION_FILE, load_settings


def test_without_a_key_the_offline_models_answer():
    assert load_settings(None, {}).provider == "local"
    assert load_settings(None, {"OPENAI_API_KEY": "sk-test"}).provider == "openai"
    assert load_settings(None, {"OPENAI_API_KEY": "sk-test", "MATCHME_LLM": "local"}).provider == "local"


def test_the_environment_comes_before_the_env_file(tmp_path: Path):
    env_file = tmp_path / ".env"
    env_file.write_text("MATCHME_INSIGHT_MODEL=from-file\nMATCHME_EMBEDDING_MODEL=from-file\n")
    settings = load_settings(env_file, {"MATCHME_INSIGHT_MODEL": "from-environment"})
    assert (settings.insight_model, settings.embedding_model) == ("from-environment", "from-file")


def test_the_home_variable_of_the_shell_is_not_the_pipelines_home():
    assert load_settings(None, {"HOME": "/somewhere"}).home == Path(".matchme")


def test_an_empty_variable_counts_as_unset():
    assert load_settings(None, {"MATCHME_DATABASE_URL": ""}).database_url is None


def test_the_seeded_populations_first_week_is_remembered_under_home(tmp_path: Path):
    (tmp_path / POPULATION_FILE).write_text("MATCHME_FIRST_WEEK=2026-10-11\n")
    assert load_settings(None, {"MATCHME_HOME": str(tmp_path)}).first_week == date(2026, 10, 11)
    explicit = {"MATCHME_HOME": str(tmp_path), "MATCHME_FIRST_WEEK": "2026-10-18"}
    assert load_settings(None, explicit).first_week == date(2026, 10, 18)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("MATCHME_DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("MATCHME_LLM", "oracle", "'openai' or 'local'"),
        ("MATCHME_FIRST_WEEK", "2026-01-05", "Monday"),
        ("MATCHME_FIRST_WEEK", "next sunday", "date"),
        ("MATCHME_LLM_CONCURRENCY", "0", "greater than or equal to 1"),
        ("MATCHME_WEEKLY_BUDGET_USD", "-1", "greater than or equal to 0"),
        ("MATCHME_WEEKLY_BUDGET_USD", "cheap", "decimal"),
    ],
)
def test_a_wrong_value_is_named_with_its_variable(variable: str, value: str, says: str):
    with pytest.raises(ConfigurationError) as error:
        load_settings(None, {variable: value})
    assert variable in str(error.value)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_a_malformed_env_file_is_named_with_its_line(tmp_path: Path):
    env_file = tmp_path / ".env"
    env_file.write_text('MATCHME_LLM=local\n"unfinished\n')
    with pytest.raises(ConfigurationError, match=r"\.env, line 2"):
        load_settings(env_file, {})


def test_an_env_file_that_is_no_text_is_refused(tmp_path: Path):
    env_file = tmp_path / ".env"
    env_file.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(ConfigurationError, match="UTF-8"):
        load_settings(env_file, {})


def test_a_key_never_shows_in_the_settings_text():
    settings = load_settings(None, {"OPENAI_API_KEY": "sk-very-secret"})
    assert "sk-very-secret" not in repr(settings)
    assert "sk-very-secret" not in str(settings.model_dump())


@pytest.mark.parametrize(
    ("variable", "entries"),
    [
        ("ADMIN_USER_IDS", ["user_a", "user_b"]),
        ("MATCHME_CLERK_AUTHORIZED_PARTIES", ["https://a.example", "https://b.example"]),
        ("MATCHME_CORS_ORIGINS", ["https://a.example", "https://b.example"]),
        ("MATCHME_STRICT_UNKNOWN", ["education", "sect"]),
    ],
)
@pytest.mark.parametrize("form", ["{},{}", " {} ,{} ", "{},,{},", ",{} , {}, ,{}"])
def test_every_list_is_read_alike_blanks_and_empty_entries_left_out(variable: str, entries: list[str], form: str):
    settings = load_settings(None, {variable: form.format(*entries, entries[0])})
    field = next(name for name, one in type(settings).model_fields.items() if one.alias == variable)
    assert list(dict.fromkeys(getattr(settings, field))) == entries or getattr(settings, field) == set(entries)


@pytest.mark.parametrize(
    "variable", ["MATCHME_CLERK_AUTHORIZED_PARTIES", "MATCHME_CORS_ORIGINS", "MATCHME_STRICT_UNKNOWN"]
)
def test_a_wrong_entry_of_a_list_is_named(variable: str):
    good = "sect" if variable == "MATCHME_STRICT_UNKNOWN" else "https://a.example"
    with pytest.raises(ConfigurationError, match="'wrong' is no") as error:
        load_settings(None, {variable: f"{good}, wrong"})
    assert variable in str(error.value)
