-- Whether the place of a shown pair was drawn at random, and the probability that the pair had of being drawn.
alter table match_outcomes
    add column if not exists chosen_at_random boolean not null default false,
    add column if not exists chosen_probability double precision;
