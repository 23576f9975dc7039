-- How well the score told who would like each other, of the matches that members saw during a week; no member's id.
create table if not exists match_quality (
    week date primary key,
    shown_pairs integer not null,
    seen_pairs integer not null,
    mutual_pairs integer not null,
    mutual_share double precision,
    mutual_share_low double precision,
    mutual_share_high double precision,
    auc double precision,
    auc_low double precision,
    auc_high double precision,
    log_loss double precision,
    log_loss_low double precision,
    log_loss_high double precision,
    base_log_loss double precision,
    calibration_error double precision,
    -- Of all match weeks that the week observes.
    drawn_pairs integer not null,
    drawn_seen_pairs integer not null,
    chosen_share double precision,
    chosen_share_low double precision,
    chosen_share_high double precision,
    drawn_share double precision,
    drawn_share_low double precision,
    drawn_share_high double precision,
    members integer not null,
    covered integer not null,
    -- Of those who had anybody to meet, the share that is shown to somebody.
    coverage double precision,
    gini double precision not null
);

-- The same week by rank, score, factor and time with us (sides of lists), by band of the score (pairs that both have
-- seen), and by gender, age band and city (members); columns that a kind has not are null.
create table if not exists match_quality_cells (
    week date not null,
    kind text not null,
    position integer not null,
    cell text not null,
    shown integer,
    viewed integer,
    engaged integer,
    liked integer,
    mutual integer,
    conversation integer,
    replied integer,
    talking integer,
    mean_score double precision,
    members integer,
    covered integer,
    mean_places double precision,
    gini double precision,
    primary key (week, kind, position)
);

alter table match_quality enable row level security;
alter table match_quality_cells enable row level security;
do $$
declare
    role_name text;
begin
    foreach role_name in array array['anon', 'authenticated'] loop
        if exists (select from pg_roles where rolname = role_name) then
            execute format('revoke all on match_quality, match_quality_cells from %I', role_name);
        end if;
    end loop;
end
$$;
