-- What could not be done, for operators: one row a failure, however often it happens; jobs over many of them; what is parked
-- meanwhile. Dead letters become failures of the kind `message`.

create table failures (
    failure_id     blob primary key,
    kind           text not null,
    cause          text not null,
    detail         text not null,
    application_id blob,
    sender         text,
    service        text,
    ars            text,
    body           blob not null,
    first_at       integer not null,
    last_at        integer not null,
    times          integer not null,
    state          text not null,
    job            blob,
    settled_at     integer,
    outcome        text
);
create index failures_application on failures (application_id);
create index failures_state on failures (state, kind);
create index failures_job on failures (job, failure_id) where state = 'queued';

create table jobs (
    job_id         blob primary key,
    action         text not null,
    filter         blob not null,
    patch          blob,
    begun_by       text not null,
    begun_at       integer not null,
    total          integer not null,
    done           integer not null,
    failed         integer not null,
    ended_at       integer
);
create index jobs_begun on jobs (begun_at);
create index jobs_running on jobs (job_id) where ended_at is null;

create table parked (
    service        text,
    ars            text,
    since          integer not null,
    until          integer,
    cause          text not null,
    parked_by      text not null,
    lifted_at      integer
);
create unique index parked_now on parked (coalesce(service, ''), coalesce(ars, ''), parked_by) where lifted_at is null;

insert into failures (failure_id, kind, cause, detail, application_id, sender, body, first_at, last_at, times, state)
select randomblob(16), 'message', cause, detail, application_id, sender, body, at, at, 1, 'open' from dead_letters;
drop table dead_letters;
