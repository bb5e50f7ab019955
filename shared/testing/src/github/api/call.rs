//! One request as a handler sees it, and the answer that it gives.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::super::access::Actor;
use super::super::error::ApiError;
use super::super::git::GitDir;
use super::super::state::Repository;
use super::super::world::{Doer, World};

/// A request that has passed authentication and permission.
pub(super) struct Call<'a> {
    pub world: &'a mut World,
    pub actor: &'a Actor,
    pub params: &'a BTreeMap<String, String>,
    pub query: &'a BTreeMap<String, String>,
    pub body: &'a Value,
    /// Path with the API's prefix, for links to other pages.
    pub path: &'a str,
    pub accept: &'a str,
    /// The token itself, for revoking it.
    pub token: &'a str,
    pub remaining: u64,
    pub limit: u64,
}

/// What a handler answers.
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Body,
    pub headers: Vec<(&'static str, String)>,
}

/// The body of an answer.
pub(super) enum Body {
    None,
    Json(Value),
    Raw(&'static str, Bytes),
}

pub(super) type Answer = Result<Reply, ApiError>;

impl Reply {
    fn with(status: StatusCode, body: Body) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    pub(super) fn ok(value: Value) -> Answer {
        Ok(Self::with(StatusCode::OK, Body::Json(value)))
    }

    pub(super) fn created(value: Value) -> Answer {
        let mut reply = Self::with(StatusCode::CREATED, Body::None);
        if let Some(url) = value["url"].as_str() {
            reply.headers.push(("location", url.to_owned()));
        }
        reply.body = Body::Json(value);
        Ok(reply)
    }

    pub(super) fn accepted() -> Answer {
        Ok(Self::with(StatusCode::ACCEPTED, Body::Json(Value::Object(serde_json::Map::new()))))
    }

    pub(super) fn no_content() -> Answer {
        Ok(Self::with(StatusCode::NO_CONTENT, Body::None))
    }

    pub(super) fn raw(content_type: &'static str, bytes: impl Into<Bytes>) -> Answer {
        Ok(Self::with(StatusCode::OK, Body::Raw(content_type, bytes.into())))
    }
}

impl Call<'_> {
    /// A parameter of the path.
    pub(super) fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }

    /// A number in the path; 404 if it is none.
    pub(super) fn number(&self, name: &str) -> Result<u64, ApiError> {
        self.param(name).parse().map_err(|_| ApiError::not_found())
    }

    /// The repository of the path.
    pub(super) fn repository(&self) -> Result<&Repository, ApiError> {
        self.world.state.repository(self.param("owner"), self.param("repo")).ok_or_else(ApiError::not_found)
    }

    /// The repository's id and its git directory.
    pub(super) fn git(&self) -> Result<(u64, GitDir), ApiError> {
        let id = self.repository()?.id;
        Ok((id, self.world.git(id)))
    }

    /// Who acts.
    pub(super) fn doer(&self) -> Result<Doer, ApiError> {
        let bot = self.world.app.slug_bot();
        let login = self.actor.account(&self.world.state, &bot)?.login.clone();
        Ok(Doer { login, via_app: self.actor.is_app() })
    }

    /// A text field of the body; 422 if it is there but no text.
    pub(super) fn text(&self, field: &str) -> Result<Option<String>, ApiError> {
        match &self.body[field] {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone())),
            other => Err(ApiError::unprocessable(format!("Invalid request.\n\nFor 'properties/{field}', {other} is not a string."))),
        }
    }

    /// A text field that must be there.
    pub(super) fn required(&self, field: &str) -> Result<String, ApiError> {
        self.text(field)?.ok_or_else(|| ApiError::not_supplied(field))
    }

    /// A list of texts; objects with a `name` count as their name, as for labels.
    pub(super) fn names(&self, value: &Value) -> Result<Vec<String>, ApiError> {
        let Some(list) = value.as_array() else {
            return Err(ApiError::unprocessable("Invalid request.\n\nNo subschema in \"anyOf\" matched."));
        };
        let name = |one: &Value| one.as_str().or_else(|| one["name"].as_str()).map(str::to_owned);
        list.iter().map(|one| name(one).ok_or_else(|| ApiError::unprocessable("Invalid request."))).collect()
    }

    /// A field that is true or false.
    pub(super) fn flag(&self, field: &str) -> bool {
        self.body[field].as_bool().unwrap_or(false)
    }

    /// One page of a list, with GitHub's Link header.
    pub(super) fn page(&self, items: Vec<Value>) -> Answer {
        let (items, headers) = self.slice(items);
        Ok(Reply { status: StatusCode::OK, body: Body::Json(Value::Array(items)), headers })
    }

    /// One page of a list inside an object with its total count.
    pub(super) fn page_in(&self, field: &str, items: Vec<Value>) -> Answer {
        let total = items.len();
        let (items, headers) = self.slice(items);
        let mut value = serde_json::json!({"total_count": total});
        value[field] = Value::Array(items);
        Ok(Reply { status: StatusCode::OK, body: Body::Json(value), headers })
    }

    fn slice(&self, items: Vec<Value>) -> (Vec<Value>, Vec<(&'static str, String)>) {
        let per_page = self.per_page();
        let page: usize = self.query.get("page").and_then(|page| page.parse().ok()).filter(|page| *page > 0).unwrap_or(1);
        let last = items.len().div_ceil(per_page).max(1);
        let mut links = Vec::new();
        if page > 1 {
            links.push(self.link("prev", "page", &(page - 1).min(last).to_string()));
        }
        if page < last {
            links.push(self.link("next", "page", &(page + 1).to_string()));
            links.push(self.link("last", "page", &last.to_string()));
        }
        if page > 1 {
            links.push(self.link("first", "page", "1"));
        }
        let items = items.into_iter().skip((page - 1).saturating_mul(per_page)).take(per_page).collect();
        (items, if links.is_empty() { Vec::new() } else { vec![("link", links.join(", "))] })
    }

    /// How long pages are to be: 30, at most 100.
    pub(super) fn per_page(&self) -> usize {
        self.query.get("per_page").and_then(|size| size.parse().ok()).filter(|size| *size > 0).unwrap_or(30).min(100)
    }

    /// One entry of a Link header: this request with another page or cursor.
    pub(super) fn link(&self, relation: &str, parameter: &str, value: &str) -> String {
        let mut query: BTreeMap<&str, &str> = self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        query.insert(parameter, value);
        let escape = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let query: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
        let host = &self.world.urls.web;
        format!("<{host}{}?{}>; rel=\"{relation}\"", self.path, query.join("&"))
    }
}
