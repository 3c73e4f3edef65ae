-- Items of a job are leased and tried in the order in which they came. What is tried of what a storm parked stands here for all
-- processes. What is kept is found by its service.
alter table failures add column leased_until timestamptz;
drop index failures_job;
create index failures_job on failures (job, first_at, failure_id) where state = 'queued';
drop index failures_parked;
create index failures_kept on failures (service, first_at, failure_id) where cause = 'parked' and state = 'open';

create table trials (
    service        text not null,
    ars            text not null,
    failure_id     uuid not null,
    application_id uuid not null,
    begun_at       timestamptz not null,
    primary key (service, ars)
);

-- What is put next to a register is found in its order.
drop index questions_next;
create index questions_next on questions (register, next_at, question_id);
-- The newest trouble of a register is looked for every two seconds.
create index questions_trouble on questions (register, next_at) where trouble is not null;
