"""The choice of where a week's candidates are searched for: MATCHME_MATCHING_FAN_OUT."""

from importlib.util import find_spec
from typing import TYPE_CHECKING

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import Settings

if TYPE_CHECKING:
    from matchme_pipeline.matching.engine.fan_out import FanOut


def fan_out_of(settings: Settings) -> "FanOut | None":
    """The fan-out of the settings; None for threads of this process.

    Raises ConfigurationError, as `require_fan_out` does.
    """
    require_fan_out(settings)
    if settings.matching_fan_out == "threads":
        return None
    from matchme_pipeline.matching.engine.ray_fan_out import RayTasks

    return RayTasks()


def require_fan_out(settings: Settings) -> None:
    """Raise ConfigurationError, naming the remedy, if the package of the chosen fan-out is missing."""
    if settings.matching_fan_out == "ray" and find_spec("ray") is None:
        raise ConfigurationError(
            "MATCHME_MATCHING_FAN_OUT=ray needs the package ray. Install it on every machine: "
            "pip install 'matchme-pipeline[ray]'."
        )
