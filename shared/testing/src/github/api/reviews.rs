//! Reviews of pull requests and comments on their lines.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::json;
use super::super::world::NewReviewComment;
use super::call::{Answer, Call, Reply};

pub(super) fn list(call: &mut Call<'_>) -> Answer {
    let (repository, number) = (call.repository()?, call.number("number")?);
    let reviews = &call.world.pull(repository.id, number)?.reviews;
    call.page(reviews.iter().map(|review| json::review(call.world, repository, number, review, false)).collect())
}

pub(super) fn create(call: &mut Call<'_>) -> Answer {
    let (repository, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    let state = match call.text("event")?.as_deref() {
        Some("APPROVE") => "APPROVED",
        Some("REQUEST_CHANGES") => "CHANGES_REQUESTED",
        Some("COMMENT") => "COMMENTED",
        // Without an event GitHub keeps a pending review; nobody but its author would ever see it.
        _ => return Err(ApiError::unprocessable("Unprocessable Entity: pending reviews are not played by the local GitHub")),
    };
    let body = call.text("body")?.unwrap_or_default();
    let comments = call.body["comments"].as_array().into_iter().flatten().map(read_comment).collect::<Result<Vec<_>, _>>()?;
    if state != "APPROVED" && body.is_empty() && comments.is_empty() {
        return Err(ApiError::custom("PullRequestReview", "Body cannot be blank"));
    }
    let id = call.world.add_review(repository, number, state, &body, comments, &doer)?;
    let reviews = &call.world.pull(repository, number)?.reviews;
    let review = reviews.iter().find(|review| review.id == id).ok_or_else(ApiError::not_found)?;
    Reply::ok(json::review(call.world, call.world.repository(repository)?, number, review, false))
}

pub(super) fn comments(call: &mut Call<'_>) -> Answer {
    let (repository, number) = (call.repository()?, call.number("number")?);
    let comments = &call.world.pull(repository.id, number)?.review_comments;
    call.page(comments.iter().map(|comment| json::review_comment(call.world, repository, number, comment)).collect())
}

pub(super) fn create_comment(call: &mut Call<'_>) -> Answer {
    let (repository, number, doer) = (call.repository()?.id, call.number("number")?, call.doer()?);
    let comment = NewReviewComment { in_reply_to: call.body["in_reply_to"].as_u64(), ..read_comment(call.body)? };
    // A single comment on a line is a review of its own.
    let review = call.world.add_review(repository, number, "COMMENTED", "", vec![comment], &doer)?;
    let comments = &call.world.pull(repository, number)?.review_comments;
    let comment = comments.iter().find(|comment| comment.review == review).ok_or_else(ApiError::not_found)?;
    Reply::created(json::review_comment(call.world, call.world.repository(repository)?, number, comment))
}

fn read_comment(value: &Value) -> Result<NewReviewComment, ApiError> {
    let text = |field: &str| value[field].as_str().map(str::to_owned).ok_or_else(|| ApiError::not_supplied(field));
    Ok(NewReviewComment {
        path: text("path")?,
        line: value["line"].as_u64().or_else(|| value["position"].as_u64()),
        side: value["side"].as_str().unwrap_or("RIGHT").to_owned(),
        body: text("body")?,
        in_reply_to: None,
    })
}
