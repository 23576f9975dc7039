"""SQL of the match screens: a member's matches with visible data of the other side, and actions on a match."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from psycopg.rows import class_row

from matchme_pipeline.api.queries.places import current_city_of
from matchme_pipeline.database.connection import Connection

Action = Literal["viewed", "actioned", "liked", "passed"]


@dataclass(frozen=True)
class ShownMatch:
    """A match with the other member's profile and city; `lat`, `lng`: the city's centre, in degrees."""

    id: UUID
    match_user_id: str
    rank: int
    score: Decimal
    compatibility_factors: Any
    chaichat_preview: Any
    viewed_at: datetime | None
    actioned_at: datetime | None
    action: str | None
    first_name: str | None
    birthdate: date | None
    photo_url: str | None
    profile_visibility: str
    settings_privacy: Any
    city_key: str | None
    city_name: str | None
    lat: float | None
    lng: float | None


def shown_matches(connection: Connection, user_id: str, match_week: date) -> list[ShownMatch]:
    """The member's matches of one match week, best first, without members who have since been deleted or hidden."""
    with connection.cursor(row_factory=class_row(ShownMatch)) as cursor:
        return cursor.execute(
            """
            select m.id, m.match_user_id, m.rank, m.score, m.compatibility_factors, m.chaichat_preview, m.viewed_at,
                m.actioned_at, m.action, p.first_name, p.birthdate, p.primary_photo_url as photo_url,
                coalesce(p.profile_visibility, 'members') as profile_visibility, p.settings_privacy,
                city.city_key::text as city_key, city.city_name,
                centre.lat, centre.lng
            from weekly_matches m
            join profiles p on p.clerk_user_id = m.match_user_id and p.deleted_at is null
                and coalesce(p.profile_visibility, 'members') <> 'hidden'
            left join city_clusters city on city.city_key = """
            + current_city_of("m.match_user_id")
            + """
            left join matchme_city_centres centre on centre.city_key = city.city_key::text
            where m.user_id = %s and m.week_start_date = %s
            order by m.rank, m.id
            """,
            [user_id, match_week],
        ).fetchall()


def act(connection: Connection, user_id: str, match_id: UUID, action: Action) -> date | None:
    """Record the member's action on a match; returns its match week, None if there is no such match.

    Every action is also a view; the first view's time stays. `actioned` means that they acted, without saying how; the
    first time stays. A member may change between liking and passing, and `actioned_at` then has the new time. A
    repeated action changes nothing. A match with a deleted or hidden member counts as none.
    """
    row = connection.execute(
        """
        update weekly_matches m
        set viewed_at = coalesce(viewed_at, clock_timestamp()),
            action = case when %(action)s in ('liked', 'passed') then %(action)s else action end,
            actioned_at = case
                when %(action)s = 'viewed' then actioned_at
                when %(action)s = 'actioned' or action = %(action)s then coalesce(actioned_at, clock_timestamp())
                else clock_timestamp()
            end
        where user_id = %(user_id)s and id = %(id)s and exists (
            select from profiles p
            where p.clerk_user_id = m.match_user_id and p.deleted_at is null
                and coalesce(p.profile_visibility, 'members') <> 'hidden'
        )
        returning week_start_date
        """,
        {"user_id": user_id, "id": match_id, "action": action},
    ).fetchone()
    return row[0] if row else None
