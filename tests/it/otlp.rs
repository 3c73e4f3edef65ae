//! A real OTLP receiver that shares no code with the product: PyPI's `oteltap`, in a virtual environment below target/.

use crate::repository::root;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Prints every span as a line of JSON.
const SCRIPT: &str = r#"
import asyncio, json, sys
from google.protobuf.json_format import MessageToDict
from oteltap import OtelTapHttpProtobufReceiver as Tap, OtelTapHttpProtobufReceiverSettings as Settings

async def main():
    async with Tap(Settings(http_port=int(sys.argv[1]))) as tap:
        print("listening", flush=True)
        async for span in tap.stream_traces():
            print(json.dumps({
                "name": span.name, "kind": span.kind, "trace": span.trace_id.hex(), "id": span.span_id.hex(),
                "parent": span.parent_span_id.hex(), "start": span.start_time_unix_nano, "end": span.end_time_unix_nano,
                "links": [link.trace_id.hex() for link in span.links], "all": MessageToDict(span),
            }), flush=True)

asyncio.run(main())
"#;

/// A span as it arrived.
#[derive(Clone, Debug, Deserialize)]
pub struct Span {
    pub name: String,
    pub kind: i32,
    pub trace: String,
    pub id: String,
    pub parent: String,
    pub start: u64,
    pub end: u64,
    /// Trace ids of linked spans.
    pub links: Vec<String>,
    /// Everything, to look for what must not be there.
    pub all: Value,
}

/// The receiver; dropping it ends it.
pub struct Otlp {
    child: Child,
    port: u16,
    lines: Receiver<String>,
    pub spans: Vec<Span>,
}

fn python() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let folder = target.join("oteltap");
    let python = folder.join("bin/python");
    let run = |program: &std::ffi::OsStr, arguments: &[&str]| {
        Command::new(program)
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
    };
    if !run(python.as_os_str(), &["-c", "import oteltap"]) {
        let folder = folder.to_str().unwrap();
        assert!(
            run("python3".as_ref(), &["-m", "venv", "--clear", folder]),
            "python3 -m venv {folder}: install python3-venv"
        );
        let install = ["-m", "pip", "install", "--quiet", "oteltap==1.0.0"];
        assert!(
            run(python.as_os_str(), &install),
            "pip install oteltap==1.0.0 into {folder} failed: is PyPI reachable?"
        );
    }
    python
}

impl Otlp {
    pub fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new(python());
        command.args(["-c", SCRIPT, &port.to_string()]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let first = lines.recv_timeout(Duration::from_secs(30)).expect("the receiver starts");
        assert_eq!(first, "listening");
        Self { child, port, lines, spans: Vec::new() }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the spans that arrived are enough.
    pub fn wait_for(&mut self, enough: impl Fn(&[Span]) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !enough(&self.spans) {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|_| panic!("too few spans arrived: {:#?}", self.names()));
            self.spans.push(serde_json::from_str(&line).unwrap());
        }
    }

    fn names(&self) -> Vec<&str> {
        self.spans.iter().map(|span| span.name.as_str()).collect()
    }

    /// The spans of one trace as a tree, one line a span, in the order of their start.
    pub fn tree(&self, trace: &str) -> String {
        let mut children: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
        for span in self.spans.iter().filter(|span| span.trace == trace) {
            children.entry(&span.parent).or_default().push(span);
        }
        children.values_mut().for_each(|spans| spans.sort_by_key(|span| (span.start, span.end)));
        let begin = children.get("").map_or(0, |roots| roots[0].start);
        let mut text = format!("trace {trace}\n");
        branch(&children, "", 0, begin, &mut text);
        text
    }
}

fn branch(children: &BTreeMap<&str, Vec<&Span>>, parent: &str, depth: usize, begin: u64, text: &mut String) {
    const KINDS: [&str; 6] = ["unspecified", "internal", "server", "client", "producer", "consumer"];
    for span in children.get(parent).into_iter().flatten() {
        let (after, took) = (span.start.abs_diff(begin) / 1_000, span.end.saturating_sub(span.start) / 1_000);
        let name = format!("{}{}", "  ".repeat(depth), span.name);
        let links: String = span.links.iter().map(|link| format!(" → linked {link}")).collect();
        text.push_str(&format!("{name:<26} {:<9} +{after:>6} µs {took:>6} µs{links}\n", KINDS[span.kind as usize]));
        branch(children, &span.id, depth + 1, begin, text);
    }
}

impl Drop for Otlp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
