-- Who a member is as of a cutoff, from what is known: the one definition that matching, its search and its checks read.

-- Where a city's members live who have neither coordinates of their own nor a detected location: the city's centre.
-- An operator adds a row for each city that the app opens.
create table if not exists matchme_city_centres (
    city_key text primary key,
    lat double precision not null check (lat between -90 and 90),
    lng double precision not null check (lng between -180 and 180)
);
insert into matchme_city_centres (city_key, lat, lng)
values
    ('london', 51.5074, -0.1278), ('birmingham', 52.4862, -1.8904), ('manchester', 53.4808, -2.2426),
    ('dubai', 25.2048, 55.2708), ('toronto', 43.6532, -79.3832), ('new_york', 40.7128, -74.0060),
    ('abu_dhabi', 24.4539, 54.3773), ('leicester', 52.6369, -1.1398), ('bradford', 53.7960, -1.7594),
    ('leeds', 53.8008, -1.5491), ('glasgow', 55.8642, -4.2518), ('paris', 48.8566, 2.3522),
    ('berlin', 52.5200, 13.4050), ('chicago', 41.8781, -87.6298), ('houston', 29.7604, -95.3698),
    ('los_angeles', 34.0522, -118.2437), ('detroit', 42.3314, -83.0458), ('montreal', 45.5019, -73.5674),
    ('istanbul', 41.0082, 28.9784), ('kuala_lumpur', 3.1390, 101.6869), ('jakarta', -6.2088, 106.8456),
    ('singapore', 1.3521, 103.8198), ('karachi', 24.8607, 67.0011), ('lahore', 31.5204, 74.3587),
    ('islamabad', 33.6844, 73.0479), ('dhaka', 23.8103, 90.4125), ('cairo', 30.0444, 31.2357),
    ('riyadh', 24.7136, 46.6753), ('jeddah', 21.4858, 39.1925), ('doha', 25.2854, 51.5310),
    ('sydney', -33.8688, 151.2093), ('melbourne', -37.8136, 144.9631)
on conflict (city_key) do nothing;
alter table matchme_city_centres enable row level security;

-- A coordinate as the app stores it, a number or its text; null where it is none between the limits.
create or replace function matchme_coordinate(stored jsonb, name text, most double precision) returns double precision
language sql immutable parallel safe
as $$
    select case
        when jsonb_typeof(stored) = 'object' and length(stored ->> name) < 25
                and (stored ->> name) ~ '^-?[0-9]{1,3}(\.[0-9]+)?$'
                and (stored ->> name)::double precision between -most and most
            then (stored ->> name)::double precision
    end
$$;

-- `onboarding_completed`: the app's flag where it is in use, that is where half of those who have stated preferences or
-- more carry it; elsewhere a flag that is not set says nothing, and stated preferences decide (gender and birthdate are
-- asked for by name). A few imported members with the flag keep nobody else out. `last_active_at`: the app's, else the newest sign of life before the cutoff.
-- `lat`, `lng`: the profile's, else the detected location, else the city's centre. A profile without a date of joining
-- counts as having joined before every cutoff.
create or replace function matchme_members_as_of(cutoff timestamptz)
returns table (
    user_id text, gender text, gender_preference text[], birthdate date, lat double precision, lng double precision,
    religion jsonb, marital_status text, has_children boolean, wants_children boolean, education_level text,
    family_values text, onboarding_completed boolean, is_matchable boolean, profile_visibility text,
    report_count integer, last_active_at timestamptz, age_range_min integer, age_range_max integer,
    max_distance integer, education_preferences jsonb, marital_status_preferences jsonb, has_children_preference text,
    religiosity_preferences jsonb, sect text, prayer_frequency text, partner_sect_preference text[],
    partner_age_min integer, partner_age_max integer, partner_prayer_importance integer,
    partner_hijab_required boolean, tags text[]
)
language sql stable parallel safe
as $$
    select
        p.clerk_user_id, p.gender, p.gender_preference,
        -- A date that no calendar holds (infinity, before Christ) is unknown.
        case when p.birthdate between '0001-01-01' and '9999-12-31' then p.birthdate end,
        coalesce(own.lat, detected.lat, city.lat), coalesce(own.lng, detected.lng, city.lng),
        p.religion, p.marital_status, p.has_children, p.wants_children, p.education_level, p.family_values,
        coalesce(p.onboarding_completed, false) or (not flag.is_used and m.clerk_user_id is not null),
        coalesce(p.is_matchable, true), coalesce(p.profile_visibility, 'members'), p.report_count,
        coalesce(
            case when p.last_active_at between '0001-01-02' and '9999-12-30' then p.last_active_at end,
            greatest(life.newest, case when p.created_at between '0001-01-02' and '9999-12-30' then p.created_at end)
        ),
        m.age_range_min, m.age_range_max, m.max_distance, m.education_preferences, m.marital_status_preferences,
        m.has_children_preference, m.religiosity_preferences,
        i.sect, i.prayer_frequency, i.partner_sect_preference, i.partner_age_min::integer, i.partner_age_max::integer,
        i.partner_prayer_importance::integer, i.partner_hijab_required, p.tags
    from profiles p
    left join match_preferences m on m.clerk_user_id = p.clerk_user_id
    left join islamic_preferences i on i.clerk_user_id = p.clerk_user_id
    left join (
        select seen.user_id, max(seen.moment) as newest
        from (
            select clerk_user_id as user_id, created_at as moment from posts
            union all
            select v.user_id, v.created_at from voice_introductions v
            union all
            select clerk_user_id, reviewed_at from user_insights where status <> 'pending'
            union all
            -- When, never what.
            select sender_clerk_id, sent_at from messages
            union all
            select w.user_id, w.viewed_at from weekly_matches w where w.viewed_at is not null
            union all
            select w.user_id, w.actioned_at from weekly_matches w where w.actioned_at is not null
        ) seen
        where seen.moment >= '0001-01-02' and seen.moment < cutoff
        group by seen.user_id
    ) life on life.user_id = p.clerk_user_id
    left join (
        select distinct on (a.clerk_user_id) a.clerk_user_id, a.city_key::text as city_key, a.detected_location
        from user_city_assignments a
        where a.created_at is null or a.created_at < cutoff
        order by a.clerk_user_id, a.created_at desc nulls last, a.is_current desc, a.id desc
    ) assigned on assigned.clerk_user_id = p.clerk_user_id
    left join matchme_city_centres city on city.city_key = assigned.city_key
    -- Half a place is none, and neither is the point where both are zero: the default of a form, in the sea.
    left join lateral (
        select p.lat::double precision as lat, p.lng::double precision as lng
        where p.lat between -90 and 90 and p.lng between -180 and 180 and (p.lat <> 0 or p.lng <> 0)
    ) own on true
    left join lateral (
        select at.lat, at.lng
        from (
            select matchme_coordinate(assigned.detected_location, 'lat', 90) as lat,
                matchme_coordinate(assigned.detected_location, 'lng', 180) as lng
        ) at
        where at.lat is not null and at.lng is not null and (at.lat <> 0 or at.lng <> 0)
    ) detected on true
    cross join (
        select coalesce(avg(coalesce(f.onboarding_completed, false)::integer), 0) >= 0.5 as is_used
        from profiles f
        join match_preferences w on w.clerk_user_id = f.clerk_user_id
        where f.deleted_at is null
    ) flag
    where (p.created_at is null or p.created_at < cutoff) and p.deleted_at is null
$$;

-- Functions of the public schema are callable over the app's HTTP interface unless they are taken from its roles.
do $$
declare
    role_name text;
begin
    revoke all on function matchme_members_as_of(timestamptz) from public;
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on matchme_city_centres from %I', role_name);
            execute format('revoke all on function matchme_members_as_of(timestamptz) from %I', role_name);
        end if;
    end loop;
end
$$;
