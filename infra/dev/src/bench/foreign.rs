//! Payloads of somebody whom no sample knows: other names, numbers, times and hashes. The samples' own are in the dictionary
//! that deliveries are compressed with, and so is the order of their members, which is GitHub's and stays.

use anyhow::Context as _;
use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose a payload is then: owner and repository.
pub(super) const FOREIGN: (&str, &str) = ("northwind-traders", "order-service");
/// Whose the samples are.
pub(super) const OWNERS: [&str; 2] = ["Codertocat", "acme"];
pub(super) const REPOSITORIES: [&str; 2] = ["Hello-World", "hello"];
const LATER: SignedDuration = SignedDuration::from_secs(123_456_789);

/// JSON whose members keep their order.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged)]
pub(super) enum Json {
    Object(IndexMap<String, Json>),
    Array(Vec<Json>),
    Plain(Value),
}

impl Json {
    /// What is at this path of members: `/issue/labels`.
    ///
    /// # Errors
    /// If nothing is.
    pub(super) fn at(&mut self, path: &str) -> anyhow::Result<&mut Self> {
        path.split('/')
            .skip(1)
            .try_fold(self, |json, member| match json {
                Self::Object(members) => members.get_mut(member),
                Self::Array(_) | Self::Plain(_) => None,
            })
            .with_context(|| format!("the sample has no {path}"))
    }

    /// Puts something else there.
    ///
    /// # Errors
    /// If nothing is there.
    pub(super) fn set(&mut self, path: &str, value: impl Into<Value>) -> anyhow::Result<()> {
        *self.at(path)? = Self::Plain(value.into());
        Ok(())
    }

    /// The first item of an array.
    pub(super) fn first(&self) -> Option<Self> {
        match self {
            Self::Array(items) => items.first().cloned(),
            Self::Object(_) | Self::Plain(_) => None,
        }
    }

    /// The same of somebody else.
    pub(super) fn made_foreign(self) -> Self {
        match self {
            Self::Object(members) => Self::Object(members.into_iter().map(|(key, member)| foreign_member(key, member)).collect()),
            Self::Array(items) => Self::Array(items.into_iter().map(Self::made_foreign).collect()),
            Self::Plain(Value::String(text)) => Self::Plain(foreign_text(&text).into()),
            Self::Plain(value) => Self::Plain(match value.as_u64() {
                Some(number) if number >= 1_000 => foreign_word(&number.to_string()).parse::<u64>().map_or(value, Value::from),
                _ => value,
            }),
        }
    }
}

fn foreign_member(key: String, member: Json) -> (String, Json) {
    let member = match member {
        Json::Plain(Value::String(id)) if key == "node_id" => Json::Plain(id.chars().map(next_letter_or_digit).collect::<String>().into()),
        other => other.made_foreign(),
    };
    (key, member)
}

fn foreign_text(text: &str) -> String {
    if let Ok(at) = text.parse::<Timestamp>() {
        return (at + LATER).to_string();
    }
    let words = OWNERS.iter().fold(text.to_owned(), |text, owner| text.replace(owner, FOREIGN.0));
    let words = REPOSITORIES.iter().fold(words, |text, repository| text.replace(repository, FOREIGN.1));
    words.split_inclusive(|c: char| !c.is_ascii_alphanumeric()).map(foreign_word).collect()
}

/// Another id or hash in its place; other words stay.
fn foreign_word(word: &str) -> String {
    let is_id = word.len() > 3 && word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).bytes().all(|b| b.is_ascii_digit());
    let is_hash = word.len() >= 40 && word.bytes().take(40).all(|b| b.is_ascii_hexdigit());
    if is_id || is_hash { word.chars().map(next_digit).collect() } else { word.to_owned() }
}

/// Never zero, which begins no number.
fn next_digit(digit: char) -> char {
    match digit {
        '0'..='8' => char::from(digit as u8 + 1),
        '9' => '1',
        other => other,
    }
}

fn next_letter_or_digit(c: char) -> char {
    match c {
        'a'..='y' | 'A'..='Y' => char::from(c as u8 + 1),
        other => next_digit(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_somebodys_own_is_another_and_the_order_stays() {
        let sample = r#"{"url":"https://api.github.com/repos/Codertocat/Hello-World/labels{/name}","id":186853002,"number":1,"node_id":"MDU6","at":"2019-05-15T15:20:18Z","draft":false}"#;
        let foreign = serde_json::from_str::<Json>(sample).unwrap().made_foreign();
        let expected = r#"{"url":"https://api.github.com/repos/northwind-traders/order-service/labels{/name}","id":297964113,"number":1,"node_id":"NEV7","at":"2023-04-13T12:53:27Z","draft":false}"#;
        assert_eq!(serde_json::to_string(&foreign).unwrap(), expected);
    }
}
