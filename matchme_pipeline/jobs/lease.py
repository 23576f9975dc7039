"""The lease of a worker's claimed jobs, renewed while it works."""

import time

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.jobs import queries
from matchme_pipeline.jobs.model import Job


class Lease:
    """A lease on `open_jobs` by subject; the owner removes finished jobs."""

    def __init__(self, connection: Connection, open_jobs: dict[str, Job], lease_seconds: int) -> None:
        self.open_jobs = open_jobs
        self._connection = connection
        self._lease_seconds = lease_seconds
        self._renewed_at = time.monotonic()

    def keep(self) -> None:
        """Renew the lease after a fifth of it: a renewal of a whole week's jobs at every save is too expensive."""
        if time.monotonic() - self._renewed_at >= self._lease_seconds / 5:
            queries.renew(self._connection, self.open_jobs.values(), lease_seconds=self._lease_seconds)
            self._renewed_at = time.monotonic()
