"""What a subscription tier includes."""

from matchme_pipeline.api.functions.errors import FunctionError
from matchme_pipeline.api.queries import app_members
from matchme_pipeline.database.connection import Connection

FREE, GOLD_PLUS = "free", "gold_plus"
# Older rows contain `premium` for `gold`. An unknown tier counts as `free`.
PAID = frozenset({"gold", GOLD_PLUS, "premium"})


def require_paid(connection: Connection, user_id: str, purpose: str) -> None:
    """Raises FunctionError 403 for a member on the free tier; `purpose` completes "Upgrade to …"."""
    if tier_of(connection, user_id) not in PAID:
        raise FunctionError(403, "Premium feature", message=f"Upgrade to Gold or Gold Plus to {purpose}.")


def require_gold_plus(connection: Connection, user_id: str, purpose: str) -> None:
    """Raises FunctionError 403 for a member below Gold Plus; `purpose` completes "Upgrade to …"."""
    if tier_of(connection, user_id) != GOLD_PLUS:
        raise FunctionError(403, "Gold Plus feature", message=f"Upgrade to Gold Plus to {purpose}.")


def tier_of(connection: Connection, user_id: str) -> str:
    """The member's tier; `free` if none is stated."""
    return (app_members.subscription_tier(connection, user_id) or FREE).strip().lower()
