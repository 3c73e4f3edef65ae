-- Cases that wait (docs/adr/0022): opaque bytes, a version that every write moves on, the time of their earliest timer. Open tasks with
-- who holds them, documents, questions to registers, early messages, the blind second look. Cases from before have no body.

alter table cases add column version bigint not null default 1;
alter table cases add column body bytea not null default '';
alter table cases add column wake_at timestamptz;
create index cases_wake on cases (wake_at, application_id) where wake_at is not null;

-- Form data decided on, where it is not what the application says.
alter table decisions add column data bytea;

-- A task row is an open task.
delete from tasks where state <> 'open';
drop index tasks_open;
alter table tasks drop column state;
alter table tasks add column kind text not null default 'desk';
alter table tasks add column team text;
alter table tasks add column claimed_by text;
alter table tasks add column claimed_until timestamptz;
alter table tasks add column assigned_to text;
alter table tasks add column due_at timestamptz;
create index tasks_opened on tasks (opened_at, application_id);

create table documents (
    application_id uuid not null,
    key            uuid not null,
    kind           text not null,
    at             timestamptz not null,
    actor          text not null,
    body           bytea not null,
    primary key (application_id, key)
);

-- Open questions only: an answer deletes its row.
create table questions (
    question_id    uuid primary key,
    application_id uuid not null,
    register       text not null,
    service        text not null,
    ars            text not null,
    body           bytea not null,
    asked_at       timestamptz not null,
    next_at        timestamptz not null,
    attempts       integer not null,
    trouble        text
);
create index questions_next on questions (register, next_at);
create index questions_application on questions (application_id);

-- Messages that came before their application.
create table early (
    key            uuid primary key,
    sender         text not null,
    service        text not null,
    client_id      text not null,
    body           bytea not null,
    traceparent    text,
    arrived_at     timestamptz not null
);
create index early_arrived on early (arrived_at);

create table controls (
    application_id uuid not null,
    decision_no    integer not null,
    service        text not null,
    ars            text not null,
    rule_set       text,
    drawn_at       timestamptz not null,
    official       text,
    agreed         boolean,
    judged_at      timestamptz,
    primary key (application_id, decision_no)
);

-- What retention and released claims look for, by application.
create index once_claims_application on once_claims (application_id);
create index outbox_application on outbox (application_id);
create index conflicts_original on conflicts (original);
create index aliases_application on aliases (application_id);

do $$
begin
    alter table cases alter column body set compression lz4;
    alter table decisions alter column data set compression lz4;
    alter table documents alter column body set compression lz4;
    alter table questions alter column body set compression lz4;
    alter table early alter column body set compression lz4;
exception when feature_not_supported then null;
end $$;
