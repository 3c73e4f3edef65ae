//! All integration tests in one binary. `tests/run` starts the services they need.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "tests may fail loudly, print, read files and know the time"
)]

mod after_erasure;
mod audit;
mod audit_contract;
mod audit_million;
mod audit_sink;
mod audit_stored;
mod audit_tampering;
mod bad_cases;
mod bad_input;
mod blind;
mod bound;
mod broker;
mod case_contract;
mod cases;
mod clocks;
mod counted;
mod desk;
mod docs;
mod effects;
mod examples;
mod failure_contract;
mod figures;
mod findings;
mod found;
mod hostile;
mod house;
mod http;
mod http_contract;
mod incidents;
mod incidents_http;
mod incidents_live;
mod incidents_orders;
mod kept;
mod kill;
mod legal_cases;
mod licences;
mod lives;
mod many;
mod messages;
mod migrate;
mod narrow_contract;
mod office;
mod openings;
mod operate_http;
mod operating_contract;
mod oracles;
mod orders;
mod otlp;
mod outage;
mod poison;
mod question_contract;
mod queue_contract;
mod raw;
mod registers;
mod reload;
mod replay;
mod repository;
mod retention_contract;
mod rows;
mod rule_files;
mod rule_tools;
mod said;
mod stage;
mod standin;
mod store_contract;
mod storm;
mod storm_live;
mod switch;
mod tables;
mod trace;
mod traffic;
mod trail;
mod trials;
mod twice;
mod upgrade_contract;
mod workers;
