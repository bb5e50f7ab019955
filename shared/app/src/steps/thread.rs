//! Steps that change an issue or a pull request: comments, labels, assignees, requests for review, closing. A comment is found
//! again by its hidden marker (R33); the others change nothing when they are done twice.

use super::scene::{Scene, StepError, refused};
use crate::messages;
use patchbay_domain::event::SubjectKind;
use patchbay_domain::ids::digest;
use patchbay_domain::run::plan::Outputs;
use patchbay_domain::workflow::model::{AssignStep, CloseStep, CommentStep, LabelStep, RequestReviewStep};
use patchbay_forge::{CommentRef, ForgeError};

/// A key up to this length is its own name in a comment's marker.
const READABLE_KEY_CHARS: usize = 64;

/// Writes the comment, or edits the one of its key. Forge calls: one; two with a key or on a second try.
pub(super) async fn comment(scene: &Scene<'_>, step: &CommentStep) -> Result<Outputs, StepError> {
    let thread = scene.thread(step.number.as_ref())?;
    let text = scene.markdown("body", &step.body)?;
    if text.trim().is_empty() {
        return Err(refused(
            "`body` came to nothing, and there are no empty comments. Skip the step with `if` when there is nothing to say.",
        ));
    }
    let marker = match &step.key {
        Some(key) => messages::keyed_marker(&scene.plan.workflow.name, &readable_key(&scene.value("key", key)?)),
        None => messages::step_marker(&scene.run.id, scene.index),
    };
    let body = format!("{marker}\n{text}");
    let forge = &scene.services.forge;
    let known = if step.key.is_some() || scene.is_retaken() { forge.find_comment(&scene.at, thread.number, &marker).await? } else { None };
    let written = match known {
        Some(comment) if comment.body.trim_end() == body.trim_end() => comment,
        Some(comment) => match forge.update_comment(&scene.at, comment.id, &body).await {
            Ok(()) => comment,
            // Somebody took it away just now.
            Err(ForgeError::NotFound(_)) => forge.create_comment(&scene.at, thread.number, &body).await?,
            Err(error) => return Err(error.into()),
        },
        None => forge.create_comment(&scene.at, thread.number, &body).await?,
    };
    Ok(named(&written))
}

fn named(comment: &CommentRef) -> Outputs {
    Outputs::from([("id".to_owned(), comment.id.to_string()), ("url".to_owned(), comment.url.clone())])
}

/// A key as a marker can hold it: itself if it is short and plain, else its digest.
fn readable_key(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/' | '#') || c == '-';
    let ends_comment = key.contains("--");
    if !key.is_empty() && key.len() <= READABLE_KEY_CHARS && key.chars().all(plain) && !ends_comment {
        key.to_owned()
    } else {
        digest(&["comment-key", key])[..32].to_owned()
    }
}

/// Puts labels on and takes labels off.
pub(super) async fn label(scene: &Scene<'_>, step: &LabelStep) -> Result<Outputs, StepError> {
    let thread = scene.thread(step.number.as_ref())?;
    let (add, remove) = (scene.values("add", &step.add)?, scene.values("remove", &step.remove)?);
    let forge = &scene.services.forge;
    if !add.is_empty() {
        forge.add_labels(&scene.at, thread.number, &add).await?;
    }
    for label in remove.iter().filter(|label| !add.contains(label)) {
        forge.remove_label(&scene.at, thread.number, label).await?;
    }
    Ok(Outputs::new())
}

/// Assigns people and takes people off.
pub(super) async fn assign(scene: &Scene<'_>, step: &AssignStep) -> Result<Outputs, StepError> {
    let thread = scene.thread(step.number.as_ref())?;
    let (add, remove) = (logins(scene.values("add", &step.add)?), logins(scene.values("remove", &step.remove)?));
    let forge = &scene.services.forge;
    if !add.is_empty() {
        forge.add_assignees(&scene.at, thread.number, &add).await?;
    }
    if !remove.is_empty() {
        forge.remove_assignees(&scene.at, thread.number, &remove).await?;
    }
    Ok(Outputs::new())
}

/// Asks for a review.
pub(super) async fn request_review(scene: &Scene<'_>, step: &RequestReviewStep) -> Result<Outputs, StepError> {
    let number = scene.pull_request(step.number.as_ref())?;
    let users = logins(scene.values("users", &step.users)?);
    let teams: Vec<String> = logins(scene.values("teams", &step.teams)?).into_iter().map(|team| short_name(&team)).collect();
    if !users.is_empty() || !teams.is_empty() {
        scene.services.forge.request_reviewers(&scene.at, number, &users, &teams).await?;
    }
    Ok(Outputs::new())
}

/// Closes the thread.
pub(super) async fn close(scene: &Scene<'_>, step: &CloseStep) -> Result<Outputs, StepError> {
    let thread = scene.thread(step.number.as_ref())?;
    let forge = &scene.services.forge;
    let kind = match thread.kind {
        Some(kind) => kind,
        None => match forge.pull_request(&scene.at, thread.number).await {
            Ok(_) => SubjectKind::PullRequest,
            Err(ForgeError::NotFound(_)) => SubjectKind::Issue,
            Err(error) => return Err(error.into()),
        },
    };
    forge.close_thread(&scene.at, thread.number, kind, step.reason).await?;
    Ok(Outputs::new())
}

/// Logins, also where they are written as mentions.
fn logins(values: Vec<String>) -> Vec<String> {
    values.into_iter().map(|value| value.trim_start_matches('@').to_owned()).filter(|login| !login.is_empty()).collect()
}

/// `docs` for `acme/docs`: GitHub asks for a team of the organisation by its short name.
fn short_name(team: &str) -> String {
    team.rsplit('/').next().unwrap_or(team).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_neither_end_its_marker_nor_be_taken_for_another() {
        for plain in ["status", "pr-12", "a/b#3", "v1.2"] {
            assert_eq!(readable_key(plain), plain);
        }
        let strange = ["", "a b", "-->", "a--b", "<x", "ä", "a\nb"];
        let keys: std::collections::BTreeSet<String> = strange.iter().map(|key| readable_key(key)).collect();
        assert_eq!(keys.len(), strange.len());
        assert!(keys.iter().all(|key| key.len() == 32 && key.chars().all(|c| c.is_ascii_hexdigit())), "{keys:?}");
        assert_eq!(readable_key(&"x".repeat(65)).len(), 32);
    }

    #[test]
    fn people_and_teams_may_be_written_as_mentions() {
        assert_eq!(logins(vec!["@ada".into(), "bob".into(), "@".into()]), ["ada", "bob"]);
        assert_eq!((short_name("acme/docs"), short_name("docs")), ("docs".to_owned(), "docs".to_owned()));
    }
}
