-- What could not be done, for operators: one row a failure, however often it happens; jobs over many of them; what is parked
-- meanwhile. Dead letters become failures of the kind `message`.

create table failures (
    failure_id     uuid primary key,
    kind           text not null,
    cause          text not null,
    detail         text not null,
    application_id uuid,
    sender         text,
    service        text,
    ars            text,
    body           bytea not null,
    first_at       timestamptz not null,
    last_at        timestamptz not null,
    times          bigint not null,
    state          text not null,
    job            uuid,
    settled_at     timestamptz,
    outcome        text
);
create index failures_application on failures (application_id);
create index failures_state on failures (state, kind);
create index failures_job on failures (job, failure_id) where state = 'queued';

create table jobs (
    job_id         uuid primary key,
    action         text not null,
    filter         bytea not null,
    patch          bytea,
    begun_by       text not null,
    begun_at       timestamptz not null,
    total          bigint not null,
    done           bigint not null,
    failed         bigint not null,
    ended_at       timestamptz
);
create index jobs_begun on jobs (begun_at);
create index jobs_running on jobs (job_id) where ended_at is null;

create table parked (
    service        text,
    ars            text,
    since          timestamptz not null,
    until          timestamptz,
    cause          text not null,
    parked_by      text not null,
    lifted_at      timestamptz
);
create unique index parked_now on parked (coalesce(service, ''), coalesce(ars, ''), parked_by) where lifted_at is null;

insert into failures (failure_id, kind, cause, detail, application_id, sender, body, first_at, last_at, times, state)
select gen_random_uuid(), 'message', cause, detail, application_id, sender, body, at, at, 1, 'open' from dead_letters;
drop table dead_letters;

do $$
begin
    alter table failures alter column body set compression lz4;
exception when feature_not_supported then null;
end $$;
