//! One trace an application: intake → queue → decision → commit → result.
//!
//! Many applications share a batch, so their spans are built by hand with the times of the shared steps. Nothing but
//! ids, service, Land and outcome goes into a span: never a name, an address or a body.

use crate::delivery::Delivery;
use domain::{ApplicationId, Land};
use opentelemetry::trace::{
    Link, Span, SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue, global};
use std::time::SystemTime;

const TRACER: &str = "dunkelwerk.worker";

/// The wall clock, for span times only; they never become part of a decision.
#[expect(clippy::disallowed_methods, reason = "span times are telemetry")]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The process span of one application.
pub(crate) struct Process {
    context: Context,
}

impl Process {
    /// Starts where our own intake left off; a stranger's context is only linked.
    pub fn start(delivery: &Delivery, at: SystemTime) -> Self {
        let parent = delivery.traceparent.as_deref().and_then(parse);
        let foreign = delivery.foreign_trace.as_deref().and_then(parse);
        let tracer = global::tracer(TRACER);
        let mut builder = tracer.span_builder("worker.process").with_kind(SpanKind::Consumer).with_start_time(at);
        builder.links = foreign.map(|context| vec![Link::with_context(context)]);
        builder.attributes = Some(vec![
            KeyValue::new("messaging.operation.name", "process"),
            KeyValue::new("messaging.message.redelivered", delivery.redelivered),
        ]);
        let parent = parent.map_or_else(Context::new, |p| Context::new().with_remote_span_context(p));
        let span = tracer.build_with_context(builder, &parent);
        Self { context: Context::new().with_span(span) }
    }

    /// A finished step within.
    pub fn step(&self, name: &'static str, kind: SpanKind, from: SystemTime, to: SystemTime, facts: Vec<KeyValue>) {
        let tracer = global::tracer(TRACER);
        let mut builder = tracer.span_builder(name).with_kind(kind).with_start_time(from);
        builder.attributes = Some(facts);
        tracer.build_with_context(builder, &self.context).end_with_timestamp(to);
    }

    pub fn decided(&self, id: ApplicationId, service: &str, land: Land, outcome: &str) {
        let span = self.context.span();
        span.set_attribute(KeyValue::new("application.id", id.to_string()));
        span.set_attribute(KeyValue::new("application.service", service.to_owned()));
        span.set_attribute(KeyValue::new("application.land", land.short()));
        span.set_attribute(KeyValue::new("decision.outcome", outcome.to_owned()));
    }

    pub fn end(&self, at: SystemTime) {
        self.context.span().end_with_timestamp(at);
    }

    /// W3C `traceparent` for what follows; none where nothing is recorded.
    pub fn traceparent(&self) -> Option<String> {
        let span = self.context.span();
        let context = span.span_context();
        context
            .is_valid()
            .then(|| format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8()))
    }
}

/// Reads a W3C `traceparent` (version 00).
fn parse(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "00" || parts.next().is_some() {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?);
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}
