//! One statement of an identity-based policy, and whether it fits a request: actions, resources with wildcards, and
//! the condition operators that the template uses. Reading a template is not done here.

use super::requests::Request;

/// A statement, every reference in it resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `Effect: Allow`; else it denies.
    pub allows: bool,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// One key of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub operator: Operator,
    pub key: String,
    /// One must fit.
    pub values: Vec<String>,
}

/// The operators that are evaluated here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    StringEquals,
    StringLike,
    ArnEquals,
}

impl Operator {
    /// The operator of this name; `None` if it is not evaluated here.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "StringEquals" => Some(Self::StringEquals),
            "StringLike" => Some(Self::StringLike),
            // The two behave alike.
            "ArnEquals" | "ArnLike" => Some(Self::ArnEquals),
            _ => None,
        }
    }
}

impl Statement {
    /// The action and the resource of this statement, as written, that fit the request; `None` if it says nothing of it.
    pub(super) fn fits(&self, request: &Request) -> Option<(&str, &str)> {
        let action = self.actions.iter().find(|action| matches(&action.to_lowercase(), &request.action.to_lowercase()))?;
        let resource = self.resources.iter().find(|resource| matches(resource, &request.resource))?;
        self.conditions.iter().all(|condition| condition.holds(request)).then_some((action, resource))
    }

    /// The conditions in one line; empty if there are none.
    pub fn condition(&self) -> String {
        let each = self.conditions.iter().map(|condition| format!("{} is {}", condition.key, condition.values.join(" or ")));
        each.collect::<Vec<_>>().join(" and ")
    }
}

impl Condition {
    /// A key that the request does not have fits nothing.
    fn holds(&self, request: &Request) -> bool {
        let Some(given) = request.context.get(&self.key) else { return false };
        self.values.iter().any(|value| match self.operator {
            Operator::StringEquals => value == given,
            Operator::StringLike | Operator::ArnEquals => matches(value, given),
        })
    }
}

/// Whether a text fits a pattern of `*` (anything) and `?` (one character).
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_fits_what_aws_says_it_fits() {
        for (pattern, text, fits) in [
            ("abc", "abc", true),
            ("abc", "abcd", false),
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("a*b*c", "a-b-b-c", true),
            ("arn:aws:s3:::blobs/deliveries/*", "arn:aws:s3:::blobs/deliveries/github/1.zst", true),
            ("arn:aws:s3:::blobs/deliveries/*", "arn:aws:s3:::blobs/results/1.json", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("ws_*", "ws_", true),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }

    fn statement(condition: Option<Condition>) -> Statement {
        let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect();
        Statement {
            allows: true,
            actions: texts(&["kms:Decrypt", "sqs:Send*"]),
            resources: texts(&["arn:k", "arn:q*"]),
            conditions: condition.into_iter().collect(),
        }
    }

    #[test]
    fn a_statement_fits_by_action_and_resource() {
        let check = |action: &str, resource: &str| statement(None).fits(&Request::new(action, resource)).map(|(a, r)| format!("{a} {r}"));
        assert_eq!(check("KMS:decrypt", "arn:k").as_deref(), Some("kms:Decrypt arn:k"));
        assert_eq!(check("sqs:SendMessage", "arn:queue").as_deref(), Some("sqs:Send* arn:q*"));
        assert_eq!(check("sqs:ReceiveMessage", "arn:queue"), None);
        assert_eq!(check("kms:Decrypt", "arn:other"), None);
    }

    #[test]
    fn a_condition_wants_its_key_and_one_of_its_values() {
        let check = |operator, value: &str, given: Option<&str>| {
            let condition = Condition { operator, key: "k".to_owned(), values: vec!["never".to_owned(), value.to_owned()] };
            let request = given.iter().fold(Request::new("kms:Decrypt", "arn:k"), |request, given| request.with("k", given));
            statement(Some(condition)).fits(&request).is_some()
        };
        assert!(check(Operator::StringEquals, "ws_*", Some("ws_*")));
        assert!(!check(Operator::StringEquals, "ws_*", Some("ws_1")));
        assert!(check(Operator::StringLike, "ws_*", Some("ws_1")));
        assert!(check(Operator::ArnEquals, "arn:*", Some("arn:x")));
        assert!(!check(Operator::StringLike, "*", None));
        assert_eq!(Operator::parse("NumericLessThan"), None);
    }
}
