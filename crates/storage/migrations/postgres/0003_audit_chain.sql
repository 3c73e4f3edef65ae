-- The chain over the audit: a commitment by whoever wrote the entry, and its link once a sequencer reached it. Position 0:
-- written before there was a chain.
alter table audit add column land text not null default '';
alter table audit add column commitment bytea not null default '\x';
alter table audit add column position bigint;
alter table audit add column head bytea;
alter table audit drop column payload_hash;
update audit set position = 0;
create unique index audit_chain on audit (land, position) where position > 0;
create index audit_unchained on audit (seq) where position is null;
