-- Conversations, the agent's memory and its budget. The pipeline never reads messages or memory.

create table conversations (
    id uuid primary key default gen_random_uuid(),
    user1_clerk_id text not null,
    user2_clerk_id text not null,
    last_message_id uuid,
    last_message_preview text,
    last_message_type text,
    last_message_sent_at timestamptz,
    last_message_sender_clerk_id text,
    user1_unread_count integer not null default 0,
    user2_unread_count integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (user1_clerk_id < user2_clerk_id),
    check (last_message_type in ('text', 'emoji', 'image', 'file', 'voice')),
    check (user1_unread_count >= 0),
    check (user2_unread_count >= 0)
);
create unique index conversations_pair_key on conversations (least(user1_clerk_id, user2_clerk_id), greatest(user1_clerk_id, user2_clerk_id));
create trigger conversations_set_timestamp before update on conversations
    for each row execute function trigger_set_timestamp();

create table messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null,
    sender_clerk_id text not null,
    recipient_clerk_id text not null,
    content text not null default '',
    message_type text not null default 'text',
    reply_to_message_id uuid,
    status text not null default 'sent',
    read_at timestamptz,
    is_edited boolean not null default false,
    edited_at timestamptz,
    deleted_at timestamptz,
    sent_at timestamptz not null default now(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (message_type in ('text', 'emoji', 'image', 'file', 'voice')),
    check (status in ('sending', 'sent', 'delivered', 'read')),
    foreign key (conversation_id) references conversations(id) on delete cascade,
    foreign key (reply_to_message_id) references messages(id) on delete set null
);
create trigger messages_set_timestamp before update on messages
    for each row execute function trigger_set_timestamp();
create trigger messages_update_conversation_last_message after insert on messages
    for each row execute function update_conversation_last_message();

create table mmagent_conversation_memory (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    embedding vector(1536) not null,
    message_pair jsonb not null,
    importance_score double precision default 0.5,
    topics text[],
    created_at timestamptz default now()
);

create table mmagent_token_usage (
    id uuid primary key default gen_random_uuid(),
    clerk_user_id text not null,
    date date not null default current_date,
    tokens_used integer default 0,
    tokens_limit integer not null,
    last_reset_at timestamptz default now(),
    gpt4o_mini_tokens integer default 0,
    claude_tokens integer default 0,
    messages_sent integer default 0,
    conversations_active integer default 0,
    estimated_cost_pence integer default 0,
    unique (clerk_user_id, date)
);

create table governance_rules (
    id uuid primary key default gen_random_uuid(),
    rule_name text not null,
    rule_type text not null,
    conditions jsonb not null default '{}',
    action text not null,
    priority integer not null default 100,
    is_active boolean not null default true,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check (action in ('warn', 'throttle', 'block', 'route_cheap', 'summarize', 'truncate')),
    check (rule_type in ('daily_limit', 'spam', 'message_size', 'rate_limit', 'routing')),
    unique (rule_name)
);
create trigger governance_rules_set_updated_at before update on governance_rules
    for each row execute function trigger_set_updated_at();

create table cost_alerts (
    id uuid primary key default gen_random_uuid(),
    alert_name text not null,
    threshold_percent integer not null,
    email_recipient text not null default 'alerts@matchme.app',
    slack_webhook_url text,
    is_active boolean not null default true,
    last_triggered_at timestamptz,
    created_at timestamptz default now(),
    updated_at timestamptz default now(),
    check ((threshold_percent >= 0) and (threshold_percent <= 100)),
    unique (alert_name)
);
create trigger cost_alerts_set_updated_at before update on cost_alerts
    for each row execute function trigger_set_updated_at();
