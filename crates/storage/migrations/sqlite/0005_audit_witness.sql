-- The last checkpoint that the sink of the audit took: a sink without it was emptied or exchanged. One row at most.
create table audit_witness (
    id     integer primary key check (id = 1),
    number integer not null,
    digest blob not null
);
-- What stands outside the chains is found without reading them.
create index audit_outside on audit (seq) where position <= 0;
