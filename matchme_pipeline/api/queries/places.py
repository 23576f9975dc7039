"""SQL of members' places as far as others may see them: their current city and its centre."""

from typing import LiteralString

from matchme_pipeline.api.place import Place
from matchme_pipeline.database.connection import Connection


def current_city_of(member: LiteralString) -> LiteralString:
    """The subquery of a member's current city; `member` is the SQL expression of their id."""
    return (
        "(select a.city_key from user_city_assignments a where a.clerk_user_id = "
        + member
        + " and a.is_current order by a.created_at desc nulls last limit 1)"
    )


def place_of(connection: Connection, user_id: str) -> Place:
    """A member's current city."""
    statement: LiteralString = (
        "select c.city_key::text, centre.lat, centre.lng from city_clusters c "
        "left join matchme_city_centres centre on centre.city_key = c.city_key::text "
        "where c.city_key = " + current_city_of("%s")
    )
    row = connection.execute(statement, [user_id]).fetchone()
    return Place(*row) if row else Place()
