//! A sender's view of the HTTP interface.

use reqwest::{Client, Method, RequestBuilder, Response, header::HeaderMap};
use serde_json::Value;
use std::time::{Duration, Instant};

pub const TOKEN: &str = "token-of-portal-a";
const PATIENCE: Duration = Duration::from_secs(20);

/// A settings file with portal-a, known by token and RabbitMQ user, trusted with everything.
pub fn config() -> String {
    let hash = domain::Digest::of(TOKEN.as_bytes()).hex();
    format!(
        "[[sender]]\nname = \"portal-a\"\ntoken_sha256 = \"{hash}\"\namqp_user = \"portal-a\"\n\
         trusted_evidence = [\"melderegister\", \"fahrzeughalter\"]\n\
         may_claim = [\"received_at\", \"channel\", \"trust_level\"]\n[limits]\nbackdating_days = 36500\n"
    )
}

/// An answer, read.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
    /// An RFC 9457 problem with all its members; its code.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let problem = self.json();
        assert_eq!(problem["status"], self.status);
        let code = problem["code"].as_str().unwrap();
        assert_eq!(problem["type"], format!("/docs/errors#{code}"));
        assert!(problem["title"].as_str().is_some_and(|t| t.len() > 5), "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|t| t.len() > 5), "{problem}");
        code.to_owned()
    }
}

/// A portal that speaks with one process.
pub struct Portal {
    client: Client,
    address: String,
}

impl Portal {
    pub fn new(address: &str) -> Self {
        let client = Client::builder().timeout(PATIENCE).build().unwrap();
        Self { client, address: address.to_owned() }
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.address))
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let response: Response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// A POST of an application as portal-a, to be changed before it is sent.
    pub fn application(&self, body: impl Into<Vec<u8>>) -> RequestBuilder {
        self.application_as(Some(TOKEN), body)
    }

    /// The same with another token, or none.
    pub fn application_as(&self, token: Option<&str>, body: impl Into<Vec<u8>>) -> RequestBuilder {
        let request = self.request(Method::POST, "/api/v1/applications").header("content-type", "application/json");
        let request = request.body(body.into());
        match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub async fn post(&self, body: impl Into<Vec<u8>>) -> Answer {
        self.send(self.application(body)).await
    }

    /// Sends an application that must be accepted; its id and status link.
    pub async fn accepted(&self, body: impl Into<Vec<u8>>) -> (String, String) {
        let answer = self.post(body).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let receipt = answer.json();
        assert_eq!(answer.header("location"), receipt["status_url"]);
        let text = |name: &str| receipt[name].as_str().unwrap().to_owned();
        (text("application_id"), text("status_url"))
    }

    /// Follows a status link, which answers at any time, until something became of the application.
    pub async fn outcome(&self, status_url: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(status_url).await;
            assert_eq!(answer.status, 200, "a status link never fails: {}", answer.text);
            let status = answer.json();
            if status["state"] != "accepted" {
                return status;
            }
            assert!(Instant::now() < until, "nothing became of {status_url}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// A good application goes through.
    pub async fn decides(&self, envelope: &Value) -> Value {
        let (_, url) = self.accepted(envelope.to_string()).await;
        let status = self.outcome(&url).await;
        assert_eq!((&status["state"], &status["outcome"]), (&"decided".into(), &"granted".into()), "{status}");
        status
    }
}
