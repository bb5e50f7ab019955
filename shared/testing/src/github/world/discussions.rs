//! Discussions, as far as their events go; there is no REST API for them at GitHub either.

use serde_json::{Map, Value, json};

use super::super::error::ApiError;
use super::super::json::{node_id, time};
use super::super::state::{Discussion, IdKind, now};
use super::events::Draft;
use super::{Doer, World};

impl World {
    /// Opens a discussion; returns its number.
    pub(crate) fn open_discussion(&mut self, repository: u64, title: &str, body: &str, doer: &Doer) -> Result<u64, ApiError> {
        let id = self.state.next_id(IdKind::Discussion);
        let found = self.repository_mut(repository)?;
        let number = found.next_number();
        let discussion = Discussion {
            id,
            number,
            title: title.to_owned(),
            body: body.to_owned(),
            author: doer.login.clone(),
            comments: 0,
            created_at: now(),
        };
        found.discussions.insert(number, discussion);
        let fields = Map::from_iter([("discussion".to_owned(), self.discussion_json(repository, number)?)]);
        self.emit(Draft::of("discussion", "created", doer).in_repository(repository).with(fields))?;
        Ok(number)
    }

    /// Comments on a discussion; returns the comment's id.
    pub(crate) fn comment_discussion(&mut self, repository: u64, number: u64, body: &str, doer: &Doer) -> Result<u64, ApiError> {
        let id = self.state.next_id(IdKind::DiscussionComment);
        let discussion = self.repository_mut(repository)?.discussions.get_mut(&number).ok_or_else(ApiError::not_found)?;
        discussion.comments += 1;
        let discussion_id = discussion.id;
        let discussion = self.discussion_json(repository, number)?;
        let found = self.repository(repository)?;
        let comment = json!({
            "id": id,
            "node_id": node_id("DiscussionComment", id),
            "html_url": format!("{}#discussioncomment-{id}", discussion["html_url"].as_str().unwrap_or_default()),
            "parent_id": null,
            "child_comment_count": 0,
            "repository_url": discussion["repository_url"],
            "discussion_id": discussion_id,
            "author_association": self.author_association(found, &doer.login),
            "user": self.user_json(&doer.login),
            "created_at": time(now()),
            "updated_at": time(now()),
            "body": body,
        });
        let fields = Map::from_iter([("comment".to_owned(), comment), ("discussion".to_owned(), discussion)]);
        self.emit(Draft::of("discussion_comment", "created", doer).in_repository(repository).with(fields))?;
        Ok(id)
    }

    fn discussion_json(&self, repository: u64, number: u64) -> Result<Value, ApiError> {
        let found = self.repository(repository)?;
        let discussion = found.discussions.get(&number).ok_or_else(ApiError::not_found)?;
        Ok(json!({
            "repository_url": self.repository_api_url(found),
            "category": {"id": 41_180_022, "node_id": node_id("DiscussionCategory", 41_180_022), "repository_id": repository,
                         "emoji": ":speech_balloon:", "name": "General", "description": "", "slug": "general",
                         "created_at": time(found.created_at), "updated_at": time(found.created_at), "is_answerable": false},
            "answer_html_url": null,
            "answer_chosen_at": null,
            "answer_chosen_by": null,
            "html_url": format!("{}/discussions/{number}", self.repository_web_url(found)),
            "id": discussion.id,
            "node_id": node_id("Discussion", discussion.id),
            "number": number,
            "title": discussion.title,
            "user": self.user_json(&discussion.author),
            "labels": [],
            "state": "open",
            "state_reason": null,
            "locked": false,
            "comments": discussion.comments,
            "created_at": time(discussion.created_at),
            "updated_at": time(now()),
            "author_association": self.author_association(found, &discussion.author),
            "active_lock_reason": null,
            "body": discussion.body,
        }))
    }
}
