"""Shared by the endpoints: connections, token verification, limits, and access to Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import Connection as PsycopgConnection
from psycopg.rows import TupleRow
from psycopg_pool import ConnectionPool

from matchme_pipeline.api.dagster_runs import DagsterRuns
from matchme_pipeline.api.identity import local_key
from matchme_pipeline.api.identity.keys import JwksKeys, PemKey
from matchme_pipeline.api.identity.tokens import Keys, TokenVerifier, Verifier
from matchme_pipeline.api.launches import Launches
from matchme_pipeline.api.leaderboards import Leaderboards
from matchme_pipeline.api.overview import Overview, overview
from matchme_pipeline.api.rate_limit import RateLimit
from matchme_pipeline.api.snapshots import Snapshot
from matchme_pipeline.database.connection import Connection, set_known_settings
from matchme_pipeline.database.stored_values import read_json_or_none, tolerate
from matchme_pipeline.errors import ConfigurationError
from matchme_pipeline.settings import Settings

POOL_SIZE = 10
# If no connection is free for this long, the request is refused for the moment.
POOL_WAIT_SECONDS = 5.0
# The time limit of the API's statements. It is set per transaction, because sessions are shared behind a pooler.
_BEGIN = "begin; set local statement_timeout = '10s'"
# A caller may use a sixth of a minute's requests at once.
BURST_SHARE = 6


@dataclass
class Service:
    """One process's part of the API; closed when it ends."""

    settings: Settings
    pool: ConnectionPool[PsycopgConnection[TupleRow]]
    verifier: Verifier
    callers: RateLimit
    dagster: DagsterRuns
    launches: Launches = field(init=False)
    overview: Snapshot[Overview] = field(init=False)
    leaderboards: Leaderboards = field(init=False)

    def __post_init__(self) -> None:
        self.launches = Launches(self.connection, self.dagster)
        self.overview = Snapshot(lambda: overview(self.connection, self.dagster))
        self.leaderboards = Leaderboards(self.connection)

    def start(self) -> None:
        """Start the background work."""
        self.launches.start()

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection inside one transaction with a time limit for statements."""
        with self.pool.connection() as connection:
            # One round trip for both; the pool commits, or rolls back after an error.
            connection.execute(_BEGIN)
            yield connection

    def is_configured_admin(self, user_id: str) -> bool:
        """Whether ADMIN_USER_IDS names this member."""
        return user_id in self.settings.admin_user_ids

    def close(self) -> None:
        """Release everything that the service holds."""
        self.launches.close()
        self.pool.close()


def open_service(settings: Settings, database_url: str, dagster: DagsterRuns | None = None) -> Service:
    """A service over the database at `database_url`. Raises ConfigurationError if no token could be verified."""
    verifier = token_verifier(settings)
    pool: ConnectionPool[PsycopgConnection[TupleRow]] = ConnectionPool(
        database_url,
        kwargs={"autocommit": True, "prepare_threshold": None, "connect_timeout": 5},
        configure=_configure,
        min_size=1,
        max_size=POOL_SIZE,
        timeout=POOL_WAIT_SECONDS,
        open=True,
    )
    per_minute = settings.api_requests_per_minute
    return Service(
        settings,
        pool,
        verifier,
        RateLimit(per_minute, max(1, per_minute // BURST_SHARE)),
        dagster or DagsterRuns(),
    )


def _configure(connection: Connection) -> None:
    set_known_settings(connection)
    # A page shows the readable part of a row; an unreadable part never fails it.
    tolerate(connection, read_json_or_none)


def token_verifier(settings: Settings) -> Verifier:
    """The token verifier: for Clerk's issuer if configured, otherwise for this installation's development key.

    Raises ConfigurationError if neither is allowed.
    """
    if settings.clerk_issuer is None:
        if not local_key.is_allowed(settings):
            raise ConfigurationError(
                "MATCHME_CLERK_ISSUER is not set, and only the embedded database accepts development tokens by "
                "default. Set it to the issuer of your Clerk instance (https://….clerk.accounts.dev or your own "
                "domain); for a database of this machine, set MATCHME_DEVELOPMENT_TOKENS=true."
            )
        keys: Keys = PemKey(local_key.public_pem(settings))
        return TokenVerifier(local_key.ISSUER, frozenset({local_key.PARTY}), keys)
    parties = settings.clerk_authorized_parties
    if not parties:
        raise ConfigurationError(
            "MATCHME_CLERK_AUTHORIZED_PARTIES is not set: name the app's origins, separated by commas "
            "(https://app.example), so that tokens made for other sites are refused."
        )
    issuer = settings.clerk_issuer.rstrip("/")
    if settings.clerk_public_key:
        return TokenVerifier(issuer, parties, PemKey(settings.clerk_public_key))
    return TokenVerifier(issuer, parties, JwksKeys(settings.clerk_jwks_url or f"{issuer}/.well-known/jwks.json"))
