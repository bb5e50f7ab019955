//! The hostile GitHub: what each kind of fault is at its API, at its git server and in its webhooks.

use super::{Chaos, Kind, kill};
use patchbay_testing::github::{Fault, ForgeCall, Moment, Post, PostFault};
use serde_json::json;
use std::time::Duration;

/// How long a slow answer takes.
const SLOW: Duration = Duration::from_secs(2);
/// What `Retry-After` says, in seconds.
const RETRY_AFTER: u64 = 2;

/// What happens to a request, at this moment; `None`: nothing.
pub(super) fn at_request(chaos: &Chaos, call: &ForgeCall, moment: Moment) -> Option<Fault> {
    let place = format!("{} {}", call.method, call.route);
    let strikes = |kind| chaos.strikes_at(kind, &place, &call.path);
    let dies = match moment {
        Moment::Before => kill::before(chaos, &place, &call.path, call.peer),
        Moment::After => kill::after(chaos, &place, &call.path, call.peer),
    };
    if dies {
        return Some(Fault::Drop);
    }
    if moment == Moment::After {
        return (call.method != "GET" && strikes(Kind::ForgeUnanswered)).then_some(Fault::Drop);
    }
    if strikes(Kind::ForgeDown) {
        return Some(answer(500, &[], "Server Error"));
    }
    if strikes(Kind::ForgeBadGateway) {
        let body = "<html><body>Bad Gateway</body></html>".to_owned();
        return Some(Fault::Answer { status: 502, headers: vec![("content-type", "text/html".to_owned())], body });
    }
    if strikes(Kind::ForgeSlow) {
        return Some(Fault::Delay(SLOW));
    }
    // Git has neither limits nor words of the API's kind.
    if call.route.contains("git-upload-pack") || call.route.contains("/info/refs") {
        return None;
    }
    let retry_after = ("retry-after", RETRY_AFTER.to_string());
    if strikes(Kind::ForgeLimited) {
        return Some(answer(429, &[retry_after], "Too many requests"));
    }
    if strikes(Kind::ForgeSecondaryLimit) {
        let words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        return Some(answer(403, &[retry_after], words));
    }
    strikes(Kind::ForgeRevoked).then(|| answer(401, &[], "Bad credentials"))
}

fn answer(status: u16, headers: &[(&'static str, String)], message: &str) -> Fault {
    let json = ("content-type", "application/json; charset=utf-8".to_owned());
    let headers = headers.iter().cloned().chain([json]).collect();
    Fault::Answer { status, headers, body: json!({ "message": message }).to_string() }
}

/// What happens to a webhook.
pub(super) fn at_post(chaos: &Chaos, post: &Post) -> Option<PostFault> {
    let place = format!("{} {}", post.event, post.action.as_deref().unwrap_or_default());
    if chaos.strikes(Kind::PostTwice, &place) {
        Some(PostFault::Twice)
    } else if chaos.strikes(Kind::PostLate, &place) {
        Some(PostFault::Late)
    } else if chaos.strikes(Kind::PostUnanswered, &place) {
        Some(PostFault::Unanswered)
    } else {
        None
    }
}
