-- What is kept because its service is parked, to be found while there are many other failures.
create index failures_parked on failures (failure_id) where cause = 'parked' and state = 'open';
