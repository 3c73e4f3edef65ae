-- Stop switches: what stands, what was lifted, and a number that every change moves on. A batch is committed only under the
-- number that it was evaluated under.
create table stops (
    stop_id        uuid primary key,
    body           bytea not null,
    since          timestamptz not null,
    actor          text not null,
    lifted_at      timestamptz,
    lifted_by      text
);
create table stops_generation (number bigint not null);
insert into stops_generation (number) values (0);

-- The figures of the first page are counted without reading the bodies.
create index cases_figures on cases (service, outcome, automatic);
