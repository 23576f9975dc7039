"""Page cursors: the start of the next page, opaque to the caller and validated when it comes back."""

import base64
import binascii
import json
from datetime import datetime
from uuid import UUID

from matchme_pipeline.api.problems import ProblemError

Position = tuple[datetime, UUID]
MAX_CURSOR_CHARACTERS = 200


def encode(position: Position) -> str:
    """The cursor of the row at `position` (its time and its id)."""
    text = json.dumps([position[0].isoformat(), str(position[1])])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str | None) -> Position | None:
    """The position of a cursor from `encode`; raises ProblemError (422) for any other text."""
    if cursor is None:
        return None
    try:
        if len(cursor) > MAX_CURSOR_CHARACTERS:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        moment, row_id = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        at = datetime.fromisoformat(moment)
        if at.tzinfo is None:
            raise ValueError("no time zone")
        return at, UUID(row_id)
    except (ValueError, TypeError, AttributeError, binascii.Error, RecursionError):
        raise ProblemError(
            422, "wrong-cursor", "query.cursor: this is no cursor; take `next_cursor` of the page before"
        ) from None
