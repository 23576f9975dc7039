"""The model layer as a Dagster resource: a session loads and opens what it needs."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from dagster import ConfigurableResource

from matchme_pipeline.database.addresses import database_url
from matchme_pipeline.database.connection import connect
from matchme_pipeline.database.resource import DatabaseResource
from matchme_pipeline.llm.contracts import Models
from matchme_pipeline.settings import REHEARSAL, Settings, as_rehearsal, process_settings

if TYPE_CHECKING:
    from matchme_pipeline.llm.provider import Provider
    from matchme_pipeline.llm.store.ledger import Ledger


class ModelsResource(ConfigurableResource[Models]):
    """Opens sessions with the configured provider. The API key comes only from the environment."""

    # "openai", "local" or "rehearsal"; by default the configured one.
    provider: str | None = None
    base_url: str | None = None

    @contextmanager
    def session(self, database: DatabaseResource | str | None = None) -> Iterator[Models]:
        """Models for the duration of the block; `database` (resource or URL) holds cache and ledger."""
        settings = self._settings()
        url = database.url if isinstance(database, DatabaseResource) else database
        with open_models(settings, url or database_url(settings)) as models:
            yield models

    def _settings(self) -> Settings:
        own = {"llm": self.provider, "openai_base_url": self.base_url}
        return process_settings().model_copy(update={name: value for name, value in own.items() if value is not None})


@contextmanager
def open_models(settings: Settings, url: str) -> Iterator[Models]:
    """Models by `settings` over the database at `url`: one connection reads, another commits the results of calls.

    Raises ConfigurationError for a missing key or a model without a price, before anything is spent.
    """
    # Always: a model without the label would be sent to its real provider.
    settings = as_rehearsal(settings)
    from matchme_pipeline.llm.gateway import Gateway
    from matchme_pipeline.llm.store.ledger import Ledger

    with connect(url) as reading, connect(url) as writing:
        models_of = (settings.insight_model, settings.embedding_model, settings.review_model or "")
        if any(model.startswith(REHEARSAL) for model in models_of):
            from matchme_pipeline.llm.rehearsal.guard import require_no_real_bills

            require_no_real_bills(reading)
        ledger = Ledger(writing, settings.weekly_budget_usd)
        with _provider(settings, ledger) as provider:
            yield Gateway(provider, reading)


@contextmanager
def _provider(settings: Settings, ledger: "Ledger") -> "Iterator[Provider]":
    # Imported here: the encoder's package and the providers' client libraries take half a second each.
    if settings.provider == "local":
        from matchme_pipeline.llm.local.provider import LocalProvider

        yield LocalProvider(ledger)
        return
    from matchme_pipeline.llm.execution.network_provider import NetworkProvider
    from matchme_pipeline.llm.providers import provider_api

    with closing(NetworkProvider(settings, ledger, lambda name: provider_api(name)(settings))) as provider:
        yield provider
