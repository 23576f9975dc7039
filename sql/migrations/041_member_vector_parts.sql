-- The content hashes of the texts that a member's vector was made of: what must go when the member does.
alter table user_embeddings add column if not exists part_hashes text[] not null default '{}';
