-- Applications, cases, decisions, tasks, once-only keys, outbox, audit, embedded queue.
-- Bodies, decisions and explanations are bytea: jsonb costs half the throughput and refuses what citizens may send.

create table applications (
    application_id uuid primary key,
    sender         text not null,
    service        text not null,
    client_id      text not null,
    ars            text not null,
    form_version   text not null,
    content        bytea not null,
    raw            bytea not null,
    observed_at    timestamptz not null,
    received_at    timestamptz not null,
    unique (sender, service, client_id)
);

create table cases (
    application_id uuid primary key,
    service        text not null,
    ars            text not null,
    state          text not null,
    outcome        text not null,
    automatic      boolean not null,
    updated_at     timestamptz not null
);

create table decisions (
    application_id uuid not null,
    decision_no    integer not null,
    notice_id      uuid,
    rule_set       text,
    decided_at     timestamptz not null,
    decision       bytea not null,
    trace          bytea not null,
    context        bytea not null,
    primary key (application_id, decision_no)
);

create table tasks (
    application_id uuid primary key,
    service        text not null,
    ars            text not null,
    queue          text not null,
    reasons        text not null,
    proposal       text,
    opened_at      timestamptz not null,
    state          text not null default 'open'
);
create index tasks_open on tasks (opened_at, application_id) where state = 'open';

-- One row a claim; the second who wants the same ordinal loses and is evaluated again.
create table once_claims (
    digest         bytea not null,
    ordinal        integer not null,
    name           text not null,
    application_id uuid not null,
    valid_from     date,
    valid_to       date,
    primary key (digest, ordinal)
);

create table outbox (
    message_id     uuid primary key,
    application_id uuid not null,
    exchange       text not null,
    routing_key    text not null,
    traceparent    text,
    body           bytea not null,
    created_at     timestamptz not null,
    published_at   timestamptz
);
create index outbox_unpublished on outbox (created_at) where published_at is null;

create table audit (
    seq            bigint generated always as identity primary key,
    application_id uuid not null,
    at             timestamptz not null,
    actor          text not null,
    action         text not null,
    payload        bytea not null,
    payload_hash   bytea not null
);
create index audit_application on audit (application_id);

create table aliases (
    alias          uuid primary key,
    application_id uuid not null
);

create table conflicts (
    application_id uuid primary key,
    original       uuid not null,
    content        bytea not null,
    raw            bytea not null,
    observed_at    timestamptz not null
);

create table attempts (
    key            bytea primary key,
    attempts       integer not null,
    last_at        timestamptz not null
);

create table queue (
    id             bigint generated always as identity primary key,
    application_id uuid not null,
    sender         text not null,
    traceparent    text,
    body           bytea not null,
    enqueued_at    timestamptz not null,
    leased_until   timestamptz,
    fence          bigint not null default 0
);
create index queue_free on queue (leased_until nulls first, id);

create table dead_letters (
    id             bigint generated always as identity primary key,
    application_id uuid,
    sender         text,
    cause          text not null,
    detail         text not null,
    body           bytea not null,
    at             timestamptz not null
);

create index dead_letters_application on dead_letters (application_id);

-- Rows of several kilobytes: lz4 costs a fraction of the default compression. A server built without it keeps its own.
do $$
begin
    alter table applications alter column raw set compression lz4;
    alter table decisions alter column decision set compression lz4, alter column trace set compression lz4,
        alter column context set compression lz4;
    alter table outbox alter column body set compression lz4;
exception when feature_not_supported then null;
end $$;
