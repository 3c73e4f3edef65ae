-- Cases are listed by what an official may see of them without reading their bodies.
create index cases_listed on cases (application_id, service, state, ars);
