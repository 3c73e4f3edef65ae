//! Logs as JSON with trace ids on standard error, traces over OTLP where an endpoint is configured.

use crate::config::Config;
use crate::failure::Failure;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::io::IsTerminal;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Keeps the exporter; what is buffered leaves when it is shut down.
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
}

/// Libraries whose own spans would loop through the exporter or drown the log.
const QUIET: &str = "info,hyper=off,h2=off,reqwest=off,lapin=warn,sqlx=warn,opentelemetry=warn";

impl Telemetry {
    /// Starts logging and, where configured, tracing. `quiet` logs warnings only, for commands with a progress bar.
    pub fn start(config: &Config, quiet: bool) -> Result<Self, Failure> {
        let default = if quiet { "warn,lapin=error,sqlx=error" } else { QUIET };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
        let provider = config.otlp.as_ref().map(|_| exporter()).transpose()?;
        let spans = provider.as_ref().map(|provider| {
            let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("dunkelwerk"));
            layer.with_filter(EnvFilter::new("off,web=info"))
        });
        let registry = tracing_subscriber::registry().with(spans);
        let started = if std::io::stderr().is_terminal() {
            let text = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter);
            registry.with(text).try_init()
        } else {
            let json = tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr);
            registry.with(json.flatten_event(true).with_filter(filter)).try_init()
        };
        started.map_err(|e| Failure::Usage(format!("logging cannot start: {e}")))?;
        Ok(Self { provider })
    }

    pub fn traced(&self) -> bool {
        self.provider.is_some()
    }

    /// Sends what is buffered.
    pub async fn stop(self) {
        if let Some(provider) = self.provider {
            // The exporter blocks on its own client, so it must not run on a thread of the runtime.
            let _ = tokio::task::spawn_blocking(move || provider.shutdown()).await;
        }
    }
}

/// Endpoint, headers and timeouts come from the standard OTEL_* variables.
fn exporter() -> Result<SdkTracerProvider, Failure> {
    let built = SpanExporter::builder().with_http().with_protocol(opentelemetry_otlp::Protocol::HttpBinary).build();
    let exporter = built.map_err(|e| Failure::Usage(format!("OTEL_EXPORTER_OTLP_ENDPOINT: {e}")))?;
    let resource = Resource::builder().with_service_name("dunkelwerk").build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    opentelemetry::global::set_tracer_provider(provider.clone());
    Ok(provider)
}
