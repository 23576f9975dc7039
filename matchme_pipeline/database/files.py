"""The locations of SQL files and Dagster's configuration, in a checkout and in an installed package."""

import sys
from pathlib import Path

from matchme_pipeline.errors import ConfigurationError

_PACKAGE = Path(__file__).resolve().parent.parent
# Checkout (and editable install) first, then the wheel's data files.
_ROOTS = (_PACKAGE.parent, Path(sys.prefix) / "share" / "matchme")


def migrations_dir() -> Path:
    """The folder of the pipeline's numbered migrations."""
    return _find("sql/migrations")


def app_tables_dir() -> Path:
    """The folder of the substitute for the app's own tables."""
    return _find("sql/app")


def app_repairs_dir() -> Path:
    """The folder of repairs of the app's own objects, which an operator applies."""
    return _find("sql/app_repairs")


def dagster_home() -> Path:
    """The folder that holds dagster.yaml."""
    return _find("dagster.yaml").parent


def _find(relative: str) -> Path:
    for root in _ROOTS:
        if (root / relative).exists():
            return root / relative
    raise ConfigurationError(f"{relative} is not installed beside {_PACKAGE}. Reinstall the package.")
