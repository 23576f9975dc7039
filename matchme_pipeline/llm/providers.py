"""Finds the folder of a model provider by the name that the price file gives it."""

from importlib import import_module

from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.llm.execution.wire_format import ProviderApi


def provider_api(name: str) -> type[ProviderApi]:
    """The API of the provider `name`, which is `API` in `llm/NAME/provider.py`. Imports its client library now.

    Raises ConfigurationError if there is no such folder.
    """
    module = f"{__package__}.{name}.provider"
    try:
        api: type[ProviderApi] = import_module(module).API
    except ModuleNotFoundError as error:
        if error.name not in (module, f"{__package__}.{name}"):
            raise
        api = None  # type: ignore[assignment]
    except AttributeError:
        # The offline models have no API.
        api = None  # type: ignore[assignment]
    if api is None:
        raise ConfigurationError(
            f"The price file names the provider '{name}', which has no API in llm/{name}/. Correct its provider there."
        )
    return api
