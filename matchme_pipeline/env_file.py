"""Reads files of environment variables, such as `.env`, and rejects malformed lines."""

from pathlib import Path

from dotenv import dotenv_values
from dotenv.parser import Binding, parse_stream

from matchme_pipeline.errors import ConfigurationError


def env_file_values(env_file: Path | None) -> dict[str, str]:
    """The variables in `env_file`; empty without a file. Raises ConfigurationError that names a malformed line."""
    if env_file is None or not env_file.is_file():
        return {}
    try:
        with env_file.open(encoding="utf-8") as stream:
            for binding in parse_stream(stream):
                if binding.error or (binding.key is not None and not _is_assignment(binding)):
                    raise ConfigurationError(
                        f"{env_file}, line {binding.original.line}: not of the form NAME=value. "
                        "Correct or remove that line."
                    )
    except (UnicodeDecodeError, OSError) as error:
        raise ConfigurationError(f"{env_file} cannot be read as UTF-8 text ({error}). Save it as plain text.") from None
    return {name: value for name, value in dotenv_values(env_file).items() if value is not None}


def _is_assignment(binding: Binding) -> bool:
    return binding.value is not None and str(binding.key).isidentifier()
