-- Members, what they want of a match, what they answered, where they live.

create table profiles (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    first_name text,
    last_name text,
    birthdate date,
    gender text,
    gender_preference text[],
    bio text,
    photos jsonb default '[]',
    primary_photo_url text,
    location text,
    lat numeric(10,6),
    lng numeric(10,6),
    languages text[],
    religion jsonb,
    hobbies text[],
    dietary_preferences text[],
    pets boolean,
    preferences jsonb default '{}',
    dna_score numeric,
    dna_traits jsonb default '{}',
    marital_status text,
    has_children boolean,
    children_count integer,
    wants_children boolean,
    onboarding_completed boolean default false,
    profile_visibility text default 'members',
    is_matchable boolean default true,
    is_verified boolean default false,
    phone_verified boolean default false,
    email_verified boolean default false,
    subscription_tier text default 'free',
    preferences_notifications jsonb default '{}',
    tags text[],
    settings_privacy jsonb default '{}',
    report_count integer default 0,
    status_text text,
    education_level text,
    occupation text,
    industry text,
    annual_income_range text,
    smoking text,
    exercise_frequency text,
    height numeric(5,2),
    build text,
    ethnicity text,
    family_structure text,
    parents_marital_status text,
    number_of_siblings integer,
    family_values text,
    cultural_traditions text,
    hometown text,
    last_active_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    deleted_at timestamptz,
    search_vector tsvector,
    check ((children_count is null) or (children_count >= 0)),
    check ((exercise_frequency is null) or exercise_frequency in ('daily', 'regular', 'sometimes', 'never')),
    check ((family_structure is null) or family_structure in ('nuclear', 'extended', 'other')),
    check ((family_values is null) or family_values in ('traditional', 'modern', 'balanced')),
    check ((height is null) or ((height > (0)) and (height < (300)))),
    check ((marital_status is null) or marital_status in ('never_married', 'divorced', 'widowed')),
    check ((number_of_siblings is null) or (number_of_siblings >= 0)),
    check ((parents_marital_status is null) or parents_marital_status in ('together', 'separated', 'deceased', 'other')),
    check ((smoking is null) or smoking in ('never', 'previously', 'current')),
    check (profile_visibility in ('public', 'members', 'private', 'hidden')),
    unique (clerk_user_id)
);
create trigger profiles_set_timestamp before update on profiles
    for each row execute function trigger_set_timestamp();
create trigger profiles_profiles_search_vector before insert or update on profiles
    for each row execute function profiles_search_vector_trigger();

create table islamic_preferences (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    muslim_since text not null,
    revert_year smallint,
    sect text not null,
    madhab text not null,
    prayer_frequency text not null,
    quran_reading_frequency text,
    islamic_education_level text,
    halal_importance smallint,
    halal_preference text,
    masjid_attendance text,
    wali_involvement text,
    polygamy_acceptance text,
    relocate_for_spouse boolean,
    islamic_studies_focus text[],
    spiritual_growth_style text,
    community_service_level text,
    notes text,
    partner_sect_preference text[],
    partner_prayer_importance smallint,
    partner_hijab_required boolean,
    partner_age_min smallint,
    partner_age_max smallint,
    partner_height_preference text,
    marriage_timeline_expectations text,
    family_planning_desires text,
    living_arrangement_preferences text,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check ((halal_importance is null) or ((halal_importance >= 1) and (halal_importance <= 10))),
    check ((islamic_education_level is null) or islamic_education_level in ('none', 'basic', 'intermediate', 'advanced', 'scholar')),
    check (madhab in ('hanafi', 'shafi', 'maliki', 'hanbali')),
    check ((masjid_attendance is null) or masjid_attendance in ('daily', 'weekly', 'jummah_only', 'rarely')),
    check (muslim_since in ('birth', 'revert')),
    check ((partner_age_min is null) or (partner_age_max is null) or (partner_age_min <= partner_age_max)),
    check ((partner_prayer_importance is null) or ((partner_prayer_importance >= 1) and (partner_prayer_importance <= 10))),
    check ((polygamy_acceptance is null) or polygamy_acceptance in ('yes', 'no', 'maybe')),
    check (prayer_frequency in ('five_daily', 'most', 'some', 'jummah', 'learning')),
    check ((quran_reading_frequency is null) or quran_reading_frequency in ('daily', 'weekly', 'monthly', 'rarely')),
    check (((muslim_since = 'revert') and (revert_year is not null)) or ((muslim_since = 'birth') and (revert_year is null))),
    check (sect in ('sunni', 'shia', 'ahmadiyya', 'other')),
    check ((wali_involvement is null) or wali_involvement in ('required', 'preferred', 'optional')),
    foreign key (clerk_user_id) references profiles(clerk_user_id) on delete cascade,
    unique (clerk_user_id)
);
create trigger islamic_preferences_set_timestamp before update on islamic_preferences
    for each row execute function trigger_set_timestamp();

create table match_preferences (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    age_range_min integer not null default 25,
    age_range_max integer not null default 35,
    max_distance integer not null default 25,
    education_preferences jsonb not null default '[]',
    marital_status_preferences jsonb not null default '[]',
    has_children_preference text not null default 'doesntMatter',
    religiosity_preferences jsonb not null default '[]',
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check (age_range_min >= 18),
    check ((age_range_max >= 18) and (age_range_max >= age_range_min)),
    check (has_children_preference in ('yes', 'no', 'doesntMatter')),
    check (max_distance >= 5),
    unique (clerk_user_id)
);
create trigger match_preferences_update_match_preferences_updated_at before update on match_preferences
    for each row execute function update_match_preferences_updated_at();

create table dna_questionnaires (
    id uuid primary key default gen_random_uuid(),
    category text not null,
    question text not null,
    type text not null,
    options jsonb not null,
    max_selections integer,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check (type in ('multiChoice', 'scale', 'multiSelect', 'text'))
);

create table dna_answers (
    id uuid primary key default gen_random_uuid(),
    question_id uuid not null,
    clerk_user_id text not null,
    answer jsonb not null,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    foreign key (question_id) references dna_questionnaires(id) on delete cascade,
    unique (question_id, clerk_user_id)
);

create table personality_assessments (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    current_step integer default 0,
    scores jsonb default '{}',
    answers jsonb default '[]',
    personality_type text,
    wise_aunty_score integer default 0,
    modern_scholar_score integer default 0,
    spiritual_guide_score integer default 0,
    cultural_bridge_score integer default 0,
    completed_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check ((current_step >= 0) and (current_step <= 5)),
    check ((personality_type is null) or personality_type in ('wise_aunty', 'modern_scholar', 'spiritual_guide', 'cultural_bridge')),
    unique (clerk_user_id)
);
create trigger personality_assessments_set_timestamp before update on personality_assessments
    for each row execute function trigger_set_timestamp();

create table cultural_profiles (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    primary_background text not null,
    strength text not null,
    strength_value integer not null,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check (primary_background in ('south_asian', 'arab', 'western_convert', 'african', 'southeast_asian', 'other')),
    check (strength in ('weak', 'moderate', 'strong')),
    check ((strength_value >= 1) and (strength_value <= 10)),
    unique (clerk_user_id)
);
create trigger cultural_profiles_set_timestamp before update on cultural_profiles
    for each row execute function trigger_set_timestamp();

create table cultural_backgrounds (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    background_type text not null,
    is_primary boolean not null default false,
    created_at timestamptz default now(),
    check (background_type in ('south_asian', 'arab', 'western_convert', 'african', 'southeast_asian', 'other')),
    unique (clerk_user_id, background_type)
);
create unique index cultural_backgrounds_primary_key on cultural_backgrounds (clerk_user_id) where (is_primary = true);

create table city_clusters (
    city_key city_key_type primary key,
    city_name text not null,
    region text not null,
    timezone text not null,
    default_locale text not null default 'en-US',
    tone_style text,
    formality_level integer not null default 5,
    is_enabled boolean not null default true,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check ((formality_level >= 1) and (formality_level <= 10))
);
create trigger city_clusters_set_timestamp before update on city_clusters
    for each row execute function trigger_set_timestamp();

create table user_city_assignments (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    city_key city_key_type not null,
    assignment_method assignment_method_type not null,
    detected_location jsonb,
    ip_country text,
    is_current boolean not null default true,
    created_at timestamptz default now(),
    foreign key (city_key) references city_clusters(city_key)
);
create unique index user_city_assignments_current_key on user_city_assignments (clerk_user_id) where (is_current = true);
