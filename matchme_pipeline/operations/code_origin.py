"""The code origin of a run. Dagster's UI shows runs without it only on their own page."""

from dagster._core.remote_origin import CodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.load import location_origins_from_yaml_paths

from matchme_pipeline.database import files

# The name that Dagster gives to the one `Definitions` object of a module.
_REPOSITORY = "__repository__"


def job_origin(job_name: str) -> RemoteJobOrigin:
    """The origin of a job in this project's code location, the same that the webserver's and the daemon's runs have."""
    return RemoteJobOrigin(RemoteRepositoryOrigin(_location(), _REPOSITORY), job_name)


def _location() -> CodeLocationOrigin:
    (location,) = location_origins_from_yaml_paths([str(files.dagster_home() / "workspace.yaml")])
    return location
