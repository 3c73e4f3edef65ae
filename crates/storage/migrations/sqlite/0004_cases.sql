-- Cases that wait (docs/adr/0022): opaque bytes, a version that every write moves on, the time of their earliest timer. Open tasks with
-- who holds them, documents, questions to registers, early messages, the blind second look. Cases from before have no body.

alter table cases add column version integer not null default 1;
alter table cases add column body blob not null default x'';
alter table cases add column wake_at integer;
create index cases_wake on cases (wake_at, application_id) where wake_at is not null;

-- Form data decided on, where it is not what the application says.
alter table decisions add column data blob;

-- A task row is an open task.
delete from tasks where state <> 'open';
drop index tasks_open;
alter table tasks drop column state;
alter table tasks add column kind text not null default 'desk';
alter table tasks add column team text;
alter table tasks add column claimed_by text;
alter table tasks add column claimed_until integer;
alter table tasks add column assigned_to text;
alter table tasks add column due_at integer;
create index tasks_opened on tasks (opened_at, application_id);

create table documents (
    application_id blob not null,
    key            blob not null,
    kind           text not null,
    at             integer not null,
    actor          text not null,
    body           blob not null,
    primary key (application_id, key)
);

-- Open questions only: an answer deletes its row.
create table questions (
    question_id    blob primary key,
    application_id blob not null,
    register       text not null,
    service        text not null,
    ars            text not null,
    body           blob not null,
    asked_at       integer not null,
    next_at        integer not null,
    attempts       integer not null,
    trouble        text
);
create index questions_next on questions (register, next_at);
create index questions_application on questions (application_id);

-- Messages that came before their application.
create table early (
    key            blob primary key,
    sender         text not null,
    service        text not null,
    client_id      text not null,
    body           blob not null,
    traceparent    text,
    arrived_at     integer not null
);
create index early_arrived on early (arrived_at);

create table controls (
    application_id blob not null,
    decision_no    integer not null,
    service        text not null,
    ars            text not null,
    rule_set       text,
    drawn_at       integer not null,
    official       text,
    agreed         integer,
    judged_at      integer,
    primary key (application_id, decision_no)
);

-- What retention and released claims look for, by application.
create index once_claims_application on once_claims (application_id);
create index outbox_application on outbox (application_id);
create index conflicts_original on conflicts (original);
create index aliases_application on aliases (application_id);
