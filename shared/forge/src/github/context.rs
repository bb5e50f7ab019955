//! Pull requests and commits as text for a model: diff, files, comments, reviews, commits. Each part is read only as far
//! as it has room. People's words come without what does not show (R27).

use super::answers::{CommentAnswer, UserAnswer};
use super::client::GithubForge;
use super::route::{Call, DIFF};
use super::tokens::Purpose;
use crate::{CommitContext, ForgeError, PullRequestContext, RepoAt};
use patchbay_domain::text::strip_hidden;
use patchbay_domain::workflow::model::ContextPart;
use serde::Deserialize;

/// How many pages of 100 are read at most for one part.
const MAX_PAGES: usize = 30;

/// A file of a pull request or commit.
#[derive(Deserialize)]
pub(super) struct FileAnswer {
    pub(super) filename: String,
    pub(super) previous_filename: Option<String>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    additions: u64,
    #[serde(default)]
    deletions: u64,
    patch: Option<String>,
}

#[derive(Deserialize)]
struct ReviewAnswer {
    user: Option<UserAnswer>,
    body: Option<String>,
    state: String,
}

#[derive(Deserialize)]
struct LineCommentAnswer {
    user: Option<UserAnswer>,
    body: Option<String>,
    path: String,
    /// Null where the line is gone.
    line: Option<u64>,
}

#[derive(Deserialize)]
struct CommitItemAnswer {
    sha: String,
    commit: CommitPart,
    /// Null where the forge knows no account for the author's address.
    author: Option<UserAnswer>,
    #[serde(default)]
    files: Vec<FileAnswer>,
}

#[derive(Deserialize)]
struct CommitPart {
    message: String,
    author: Option<AuthorPart>,
}

#[derive(Deserialize)]
struct AuthorPart {
    #[serde(default)]
    name: String,
}

/// Text with an end.
struct Bounded {
    text: String,
    room: usize,
    cut: bool,
}

impl Bounded {
    fn new(max_chars: usize) -> Self {
        Self { text: String::new(), room: max_chars, cut: false }
    }

    /// Adds what there is room for; whether there is room for more.
    fn push(&mut self, text: &str) -> bool {
        match text.char_indices().nth(self.room) {
            None => {
                self.text.push_str(text);
                self.room -= text.chars().count();
            }
            Some((end, _)) => {
                self.text.push_str(&text[..end]);
                (self.room, self.cut) = (0, true);
            }
        }
        !self.cut
    }

    /// The text; `cut` becomes true if some of it is missing.
    fn finish(self, cut: &mut bool) -> String {
        *cut |= self.cut;
        self.text
    }
}

impl GithubForge {
    pub(super) async fn load_pull_request_context(
        &self,
        at: &RepoAt,
        number: u64,
        parts: &[ContextPart],
        max_chars: usize,
    ) -> Result<PullRequestContext, ForgeError> {
        let mut context = PullRequestContext::default();
        let mut cut = false;
        for part in parts {
            let mut text = Bounded::new(max_chars);
            match part {
                ContextPart::Diff => self.write_diff(at, number, &mut text).await?,
                ContextPart::Files => self.write_pages(at, number, "files", &mut text, |file| file_line(&file)).await?,
                ContextPart::Comments => self.write_pages(at, number, "comments", &mut text, comment_text).await?,
                ContextPart::Reviews => {
                    self.write_pages(at, number, "reviews", &mut text, review_text).await?;
                    if !text.cut {
                        self.write_pages(at, number, "line comments", &mut text, line_comment_text).await?;
                    }
                }
                ContextPart::Commits => self.write_pages(at, number, "commits", &mut text, commit_line).await?,
            }
            let text = Some(text.finish(&mut cut));
            match part {
                ContextPart::Diff => context.diff = text,
                ContextPart::Files => context.files = text,
                ContextPart::Comments => context.comments = text,
                ContextPart::Reviews => context.reviews = text,
                ContextPart::Commits => context.commits = text,
            }
        }
        context.truncated = cut;
        Ok(context)
    }

    /// GitHub refuses diffs of more than 20,000 lines or 300 files; then the files' own patches stand for it, which the
    /// biggest files have none of.
    async fn write_diff(&self, at: &RepoAt, number: u64, text: &mut Bounded) -> Result<(), ForgeError> {
        let template = "/repos/{owner}/{repo}/pulls/{number}";
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &number.to_string()]).accepting(DIFF);
        match self.call(at, Purpose::Review, &call).await {
            Ok(answer) => text.push(&answer.text()),
            Err(ForgeError::Unsupported(_)) => {
                self.write_pages(at, number, "files", text, |file| file_diff(&file)).await?;
                text.cut = true;
                false
            }
            Err(error) => return Err(error),
        };
        Ok(())
    }

    /// Writes one text for each item of a list of the pull request, until there is no more room.
    async fn write_pages<T: serde::de::DeserializeOwned>(
        &self,
        at: &RepoAt,
        number: u64,
        list: &str,
        text: &mut Bounded,
        write: impl Fn(T) -> String + Send + Sync,
    ) -> Result<(), ForgeError> {
        let template = match list {
            "files" => "/repos/{owner}/{repo}/pulls/{number}/files",
            "comments" => "/repos/{owner}/{repo}/issues/{number}/comments",
            "reviews" => "/repos/{owner}/{repo}/pulls/{number}/reviews",
            "line comments" => "/repos/{owner}/{repo}/pulls/{number}/comments",
            _ => "/repos/{owner}/{repo}/pulls/{number}/commits",
        };
        let call = Call::get(template, &[&at.repository.owner, &at.repository.name, &number.to_string()]);
        let take = |page: Vec<T>| page.into_iter().all(|item| text.push(&write(item)));
        let ended = self.read_pages(at, Purpose::Review, call, MAX_PAGES, take).await?;
        text.cut |= !ended;
        Ok(())
    }

    pub(super) async fn load_commit_context(
        &self,
        at: &RepoAt,
        sha: &str,
        parts: &[ContextPart],
        max_chars: usize,
    ) -> Result<CommitContext, ForgeError> {
        let call = || Call::get("/repos/{owner}/{repo}/commits/{sha}", &[&at.repository.owner, &at.repository.name, sha]);
        let answer = self.call(at, Purpose::Read, &call()).await?;
        let more_files = answer.link_query("next").is_some();
        let commit: CommitItemAnswer = answer.json()?;
        let (mut context, mut cut) = (CommitContext { author: author_of(&commit), ..CommitContext::default() }, false);
        let mut message = Bounded::new(max_chars);
        message.push(&strip_hidden(&commit.commit.message));
        context.message = message.finish(&mut cut);
        if parts.contains(&ContextPart::Files) {
            let mut text = Bounded::new(max_chars);
            // GitHub shows 300 files at a time; nobody reads more.
            text.cut = !commit.files.iter().all(|file| text.push(&file_line(file))) || more_files;
            context.files = Some(text.finish(&mut cut));
        }
        if parts.contains(&ContextPart::Diff) {
            let mut text = Bounded::new(max_chars);
            match self.call(at, Purpose::Read, &call().accepting(DIFF)).await {
                Ok(answer) => drop(text.push(&answer.text())),
                Err(ForgeError::Unsupported(_)) => {
                    commit.files.iter().all(|file| text.push(&file_diff(file)));
                    text.cut = true;
                }
                Err(error) => return Err(error),
            }
            context.diff = Some(text.finish(&mut cut));
        }
        context.truncated = cut;
        Ok(context)
    }
}

fn login(user: &Option<UserAnswer>) -> &str {
    user.as_ref().map_or("ghost", |user| user.login.as_str())
}

fn file_line(file: &FileAnswer) -> String {
    let name = match &file.previous_filename {
        Some(before) => format!("{before} -> {}", file.filename),
        None => file.filename.clone(),
    };
    format!("{} {name} (+{} -{})\n", file.status, file.additions, file.deletions)
}

fn file_diff(file: &FileAnswer) -> String {
    let before = file.previous_filename.as_ref().unwrap_or(&file.filename);
    let patch = file.patch.as_deref().unwrap_or("(not shown)");
    format!("diff --git a/{before} b/{}\n{patch}\n", file.filename)
}

fn comment_text(comment: CommentAnswer) -> String {
    format!("@{} wrote:\n{}\n\n", login(&comment.user), strip_hidden(comment.body.as_deref().unwrap_or_default()))
}

fn review_text(review: ReviewAnswer) -> String {
    let verdict = match review.state.as_str() {
        "APPROVED" => "approved",
        "CHANGES_REQUESTED" => "requested changes",
        "DISMISSED" => "had a review that was dismissed",
        _ => "commented",
    };
    match review.body.as_deref().map(strip_hidden).filter(|body| !body.trim().is_empty()) {
        Some(body) => format!("@{} {verdict}:\n{body}\n\n", login(&review.user)),
        None => format!("@{} {verdict}.\n\n", login(&review.user)),
    }
}

fn line_comment_text(comment: LineCommentAnswer) -> String {
    let place = comment.line.map_or_else(|| comment.path.clone(), |line| format!("{}:{line}", comment.path));
    format!("@{} on {place} wrote:\n{}\n\n", login(&comment.user), strip_hidden(comment.body.as_deref().unwrap_or_default()))
}

fn commit_line(commit: CommitItemAnswer) -> String {
    let subject = strip_hidden(commit.commit.message.lines().next().unwrap_or_default());
    let short: String = commit.sha.chars().take(7).collect();
    format!("{short} {subject} ({})\n", author_of(&commit))
}

fn author_of(commit: &CommitItemAnswer) -> String {
    let named = || commit.commit.author.as_ref().map(|author| strip_hidden(&author.name)).unwrap_or_default();
    commit.author.as_ref().map_or_else(named, |user| user.login.clone())
}
