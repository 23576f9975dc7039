"""SQL of the search for one member: the hard preferences in the query, nearest first through the index."""

from collections.abc import Mapping
from importlib import resources
from typing import Any

from matchme_pipeline.database.connection import Connection
from matchme_pipeline.matching.search.hard_preferences import with_preferences

ELIGIBLE_PARTNERS = with_preferences(resources.files(__package__).joinpath("partner_query.sql").read_text("utf-8"))
# How many neighbours an index scan reads at once; each further portion continues after the previous one.
_EF_SEARCH = 400
# The limit of a scan: nearly all of a hundred thousand members.
_MAX_SCANNED = 100_000
# The share of `work_mem` in which a scan remembers visited nodes of the graph.
_SCAN_MEMORY = 32


def eligible_partners(connection: Connection, parameters: Mapping[str, Any], through_index: bool) -> list[str]:
    """Eligible partners of the seeker: the `most` nearest with a vector, and `most` without one.

    `parameters` are those of `search.parameters`. `through_index` needs an index over the week's vectors; without it
    the scan is exact. The settings end with the transaction.
    """
    # A database without an index may know neither half-precision vectors nor the scan's settings (pgvector 0.5).
    statement = ELIGIBLE_PARTNERS if through_index else ELIGIBLE_PARTNERS.replace("halfvec", "vector")
    with connection.transaction():
        if through_index:
            connection.execute(
                """
                select set_config('hnsw.iterative_scan', 'relaxed_order', true),
                    set_config('hnsw.ef_search', %s, true), set_config('hnsw.max_scan_tuples', %s, true),
                    set_config('hnsw.scan_mem_multiplier', %s, true), set_config('enable_sort', 'off', true),
                    set_config('jit', 'off', true)
                """,
                [str(_EF_SEARCH), str(_MAX_SCANNED), str(_SCAN_MEMORY)],
            )
        else:
            connection.execute("select set_config('enable_indexscan', 'off', true), set_config('jit', 'off', true)")
        return [user_id for (user_id,) in connection.execute(statement.encode(), parameters).fetchall()]
