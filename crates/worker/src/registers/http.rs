//! A register that is asked over HTTP: one POST a question, one JSON answer.

use super::answer::{self, MAX_BYTES, Unfit};
use super::{Asked, Register};
use crate::pipeline::Clock;
use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;
use storage::QuestionRow;

/// How a register is asked over HTTP.
#[derive(Clone)]
pub struct HttpSettings {
    /// The name that workflows use.
    pub name: String,
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// How long an answer may take, connection included.
    pub timeout: Duration,
}

/// See the module.
pub struct HttpRegister {
    name: String,
    url: Url,
    client: Client,
    timeout: Duration,
    clock: Clock,
}

impl HttpRegister {
    /// # Errors
    /// A sentence: an address or a token that cannot be used.
    pub fn new(settings: HttpSettings, clock: Clock) -> Result<Self, String> {
        let HttpSettings { name, url, token, timeout } = settings;
        let url: Url = url.parse().map_err(|e| format!("{url} is no URL: {e}"))?;
        if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback(&url)) {
            return Err("url must begin with https:// (http:// only on this machine): it carries personal data".into());
        }
        let json = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, json.clone()), (ACCEPT, json)]);
        if let Some(token) = token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let mut bearer = bearer.map_err(|_| "the token has characters that no header can carry".to_owned())?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        // Neither a redirect nor a proxy of the environment is followed: personal data go where the settings say.
        let client = Client::builder().redirect(Policy::none()).no_proxy().timeout(timeout).default_headers(headers);
        let client = client.build().map_err(|e| format!("no HTTP client: {e}"))?;
        Ok(Self { name, url, client, timeout, clock })
    }

    async fn put(&self, question: &QuestionRow) -> Result<(StatusCode, Body), reqwest::Error> {
        let response = self.client.post(self.url.clone()).body(question.body.clone()).send().await?;
        Ok((response.status(), bounded(response).await?))
    }

    /// Our own words for what went wrong on the way; without the address, which may hold a secret.
    fn failure(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("no answer within {} s", self.timeout.as_secs());
        }
        let mut deepest: &dyn Error = error;
        while let Some(source) = deepest.source() {
            deepest = source;
        }
        if error.is_connect() { format!("no connection: {deepest}") } else { format!("no answer: {deepest}") }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

enum Body {
    Whole(Vec<u8>),
    TooLarge,
}

/// Reads no more than an answer may have.
async fn bounded(mut response: Response) -> Result<Body, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Ok(Body::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Body::Whole(body))
}

#[async_trait]
impl Register for HttpRegister {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, question: &QuestionRow) -> Asked {
        match self.put(question).await {
            Ok((_, Body::TooLarge)) => Asked::Refused(format!("the answer has more than {MAX_BYTES} bytes")),
            Ok((status, Body::Whole(body))) => judge(status, &body, (self.clock)()),
            Err(error) => Asked::Unreachable(self.failure(&error.without_url())),
        }
    }
}

/// These say nothing about the question: address or token are wrong, or the register has too much to do.
const NOT_ABOUT_IT: [StatusCode; 8] = [
    StatusCode::UNAUTHORIZED,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::METHOD_NOT_ALLOWED,
    StatusCode::PROXY_AUTHENTICATION_REQUIRED,
    StatusCode::REQUEST_TIMEOUT,
    StatusCode::TOO_EARLY,
    StatusCode::TOO_MANY_REQUESTS,
];

/// What an answer means.
fn judge(status: StatusCode, body: &[u8], now: Timestamp) -> Asked {
    match (status, answer::read(body, now)) {
        (StatusCode::OK, Ok(answer)) => Asked::Answered(answer),
        (StatusCode::OK, Err(Unfit::Unreadable(text))) => Asked::Unreachable(text.to_owned()),
        (StatusCode::OK, Err(Unfit::Refused(text))) => Asked::Refused(text),
        (StatusCode::NOT_FOUND, Ok(answer)) if answer.data.is_none() => Asked::Answered(answer),
        (status, _) if status.is_client_error() && !NOT_ABOUT_IT.contains(&status) => {
            Asked::Refused(answer::readable(&format!("{status}: {}", String::from_utf8_lossy(body))))
        }
        (status, _) => Asked::Unreachable(format!("it answers {status}")),
    }
}
