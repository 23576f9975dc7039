"""Refuses rehearsals on a database whose ledger contains real payments."""

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.errors import ConfigurationError


def require_no_real_bills(connection: Connection) -> None:
    """Raise ConfigurationError if the ledger contains a billed call of a provider."""
    row = connection.execute(
        "select provider from llm_calls where provider not in ('local', 'rehearsal') and cost_usd > 0 limit 1"
    ).fetchone()
    if row is not None:
        raise ConfigurationError(
            f"This database's ledger contains real payments to {row[0]}, so it refuses rehearsals. "
            "Rehearse on another database: `make demo PAID=rehearsal` uses one, as does another MATCHME_HOME."
        )
