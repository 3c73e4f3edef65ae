//! `migrate`, `topology`, `openapi`: what an operator runs once.

use crate::config::Config;
use crate::failure::Failure;
use crate::output;
use worker::AmqpSettings;

/// Database of the settings, or the SQLite file in the working folder.
pub fn database_url(config: &Config) -> String {
    config.database_url.clone().unwrap_or_else(|| "sqlite://dunkelwerk.db".to_owned())
}

pub async fn migrate(config: &Config) -> Result<(), Failure> {
    let store = storage::open(&database_url(config)).await?;
    store.migrate().await?;
    output::line("database schema is up to date");
    Ok(())
}

pub async fn topology(config: &Config) -> Result<(), Failure> {
    let Some(url) = &config.amqp_url else {
        return Err(Failure::Usage("set AMQP_URL to the broker whose queues are to be declared".into()));
    };
    let names = worker::declare_topology(&AmqpSettings::parse(url)?).await?;
    output::line(&format!("declared exchanges and queues: {}", names.join(", ")));
    Ok(())
}

pub fn openapi() -> Result<(), Failure> {
    output::line(&web::openapi_json());
    Ok(())
}
