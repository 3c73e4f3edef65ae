//! Stands in for two registers, a Melderegister and the Zentrales Fahrzeugregister: over HTTP, and by message where a
//! broker is given. For tests and for trying out; it shares no code with the product. See docs/howto/register.md.
//!
//! `registers --listen 127.0.0.1:0 --token TOKEN --log FILE [--amqp URL]`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for tests may fail loudly, print, write files and know the time"
)]

mod amqp;
mod desk;
mod http;

use desk::Desk;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

#[tokio::main]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let settings: HashMap<&str, &str> =
        words.chunks_exact(2).filter_map(|pair| Some((pair.first()?.as_str(), pair.get(1)?.as_str()))).collect();
    let setting =
        |name: &str| *settings.get(name).unwrap_or_else(|| panic!("{name} is missing; see the top of main.rs"));
    let desk = Arc::new(Desk::new(setting("--token"), Path::new(setting("--log"))));
    if let Some(url) = settings.get("--amqp") {
        tokio::spawn(amqp::answer(desk.clone(), (*url).to_owned()));
    }
    let listener = tokio::net::TcpListener::bind(setting("--listen")).await.expect("an address that is free");
    println!("registers listen on http://{}", listener.local_addr().expect("an address"));
    axum::serve(listener, http::router(desk)).await.expect("HTTP");
}
