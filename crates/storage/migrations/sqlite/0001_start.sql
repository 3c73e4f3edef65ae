-- Applications, cases, decisions, tasks, once-only keys, outbox, audit, embedded queue.
-- The same tables as for PostgreSQL. Times are microseconds since 1970 (UTC), ids and digests blobs, days text.

create table applications (
    application_id blob primary key,
    sender         text not null,
    service        text not null,
    client_id      text not null,
    ars            text not null,
    form_version   text not null,
    content        blob not null,
    raw            blob not null,
    observed_at    integer not null,
    received_at    integer not null,
    unique (sender, service, client_id)
);

create table cases (
    application_id blob primary key,
    service        text not null,
    ars            text not null,
    state          text not null,
    outcome        text not null,
    automatic      integer not null,
    updated_at     integer not null
);

create table decisions (
    application_id blob not null,
    decision_no    integer not null,
    notice_id      blob,
    rule_set       text,
    decided_at     integer not null,
    decision       blob not null,
    trace          blob not null,
    context        blob not null,
    primary key (application_id, decision_no)
);

create table tasks (
    application_id blob primary key,
    service        text not null,
    ars            text not null,
    queue          text not null,
    reasons        text not null,
    proposal       text,
    opened_at      integer not null,
    state          text not null default 'open'
);
create index tasks_open on tasks (opened_at, application_id) where state = 'open';

-- One row a claim; the second who wants the same ordinal loses and is evaluated again.
create table once_claims (
    digest         blob not null,
    ordinal        integer not null,
    name           text not null,
    application_id blob not null,
    valid_from     text,
    valid_to       text,
    primary key (digest, ordinal)
);

create table outbox (
    message_id     blob primary key,
    application_id blob not null,
    exchange       text not null,
    routing_key    text not null,
    traceparent    text,
    body           blob not null,
    created_at     integer not null,
    published_at   integer
);
create index outbox_unpublished on outbox (created_at) where published_at is null;

create table audit (
    seq            integer primary key autoincrement,
    application_id blob not null,
    at             integer not null,
    actor          text not null,
    action         text not null,
    payload        blob not null,
    payload_hash   blob not null
);
create index audit_application on audit (application_id);

create table aliases (
    alias          blob primary key,
    application_id blob not null
);

create table conflicts (
    application_id blob primary key,
    original       blob not null,
    content        blob not null,
    raw            blob not null,
    observed_at    integer not null
);

create table attempts (
    key            blob primary key,
    attempts       integer not null,
    last_at        integer not null
);

create table queue (
    id             integer primary key autoincrement,
    application_id blob not null,
    sender         text not null,
    traceparent    text,
    body           blob not null,
    enqueued_at    integer not null,
    leased_until   integer,
    fence          integer not null default 0
);
create index queue_free on queue (leased_until, id);

create table dead_letters (
    id             integer primary key autoincrement,
    application_id blob,
    sender         text,
    cause          text not null,
    detail         text not null,
    body           blob not null,
    at             integer not null
);

create index dead_letters_application on dead_letters (application_id);
