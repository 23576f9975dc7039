-- When a member's score last changed by enough to tell them; carried along the weeks like `tier_changed_on`.
alter table dna_score_history add column if not exists significant_change_on date;
