"""The rehearsal as a provider's API: OpenAI's client with the local server; models and payments are labelled."""

from typing import ClassVar

from pydantic import SecretStr

from matchme_pipeline.llm.execution.wire_format import ProviderApi
from matchme_pipeline.llm.openai.provider import OpenAIApi
from matchme_pipeline.llm.rehearsal.process import ensure_running
from matchme_pipeline.settings import Settings


class RehearsalApi(OpenAIApi):
    """Implements wire_format.ProviderApi; it never receives a real key, and its server is on this machine."""

    name: ClassVar[str] = "rehearsal"
    address_setting: ClassVar[str] = "MATCHME_LLM"

    def __init__(self, settings: Settings) -> None:
        """Start the server unless it runs. Raises ConfigurationError if it does not start."""
        address = ensure_running(settings.home)
        own = {"openai_base_url": address, "openai_api_key": SecretStr("rehearsal-without-a-key")}
        super().__init__(settings.model_copy(update=own))


API: type[ProviderApi] = RehearsalApi
