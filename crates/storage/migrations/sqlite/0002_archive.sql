-- Rule sets and their files, by hash: what a decision was made with, for replay. The content is opaque here.
create table archives (
    hash text primary key,
    body blob not null
);
