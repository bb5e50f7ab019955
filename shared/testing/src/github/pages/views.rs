//! What stands on each page.

use super::super::error::ApiError;
use super::super::git::EMPTY_TREE;
use super::super::git_diff::FileDiff;
use super::super::json::{full_name, time};
use super::super::state::{CheckRun, Issue, Repository};
use super::super::world::World;
use super::html::{escape, page};
use super::{Page, markdown};

/// All repositories.
pub(super) fn index(world: &World) -> String {
    let mut body = "<h1>Repositories</h1><ul>".to_owned();
    for repository in world.state.repositories.values() {
        let name = escape(&full_name(&world.state, repository));
        body.push_str(&format!("<li><a href=\"/{name}\">{name}</a></li>"));
    }
    body.push_str("</ul><p class=\"dim\">A GitHub on this machine, for development and tests.</p>");
    page("Repositories", &body)
}

/// A repository's threads and branches.
pub(super) fn repository(world: &World, found: &Repository) -> Page {
    let name = escape(&full_name(&world.state, found));
    let mut body = format!("{}<h1>{name}</h1>", trail(world, None));
    body.push_str(&format!("<pre>git clone {}.git</pre>", escape(&world.repository_web_url(found))));
    for (title, pulls) in [("Pull requests", true), ("Issues", false)] {
        body.push_str(&format!("<h2>{title}</h2><ul>"));
        for issue in found.issues.values().rev().filter(|issue| issue.pull.is_some() == pulls) {
            let kind = if pulls { "pull" } else { "issues" };
            body.push_str(&format!(
                "<li>{} <a href=\"/{name}/{kind}/{number}\">{}</a> <span class=\"dim\">#{number}</span></li>",
                pill(issue),
                escape(&issue.title),
                number = issue.number
            ));
        }
        body.push_str("</ul>");
    }
    body.push_str("<h2>Branches</h2><ul>");
    for (branch, sha) in world.git(found.id).refs()? {
        if let Some(branch) = branch.strip_prefix("refs/heads/") {
            body.push_str(&format!("<li>{} <a href=\"/{name}/commit/{sha}\"><code>{}</code></a></li>", escape(branch), &sha[..7]));
        }
    }
    body.push_str("</ul>");
    Ok(page(&full_name(&world.state, found), &body))
}

/// An issue or a pull request; the latter with its commits and diff.
pub(super) fn thread(world: &World, found: &Repository, number: u64) -> Page {
    let issue = world.issue(found.id, number)?;
    let mut body = trail(world, Some(found));
    body.push_str(&format!("<h1>{} <span class=\"dim\">#{number}</span></h1><p>{} ", escape(&issue.title), pill(issue)));
    if let Some(pull) = &issue.pull {
        body.push_str(&format!(
            "<b>{}</b> wants to merge <code>{}</code> into <code>{}</code> ",
            escape(&issue.author),
            escape(&pull.head_ref),
            escape(&pull.base_ref)
        ));
    }
    for label in issue.labels.iter().filter_map(|key| found.labels.get(key)) {
        body.push_str(&format!("<span class=\"label\">{}</span> ", escape(&label.name)));
    }
    body.push_str("</p>");
    body.push_str(&entry(&issue.author, &time(issue.created_at), "", issue.body.as_deref().unwrap_or("")));
    for comment in issue.visible_comments() {
        let anchor = format!("issuecomment-{}", comment.id);
        let edited = if comment.history.len() > 1 { " · edited" } else { "" };
        body.push_str(&entry(&comment.author, &format!("{}{edited}", time(comment.created_at)), &anchor, &comment.body));
    }
    if let Some(pull) = &issue.pull {
        body.push_str(&checks(found, &pull.head_sha));
        body.push_str(&commits(world, found, number)?);
        body.push_str(&files(&world.pull_files(found.id, number)?));
    }
    Ok(page(&format!("{} #{number}", issue.title), &body))
}

/// A commit with its diff.
pub(super) fn commit(world: &World, found: &Repository, sha: &str) -> Page {
    let git = world.git(found.id);
    let commit = git.resolve(sha).and_then(|sha| git.read_commit(&sha)).ok_or_else(ApiError::not_found)?;
    let parent = commit.parents.first().map_or(EMPTY_TREE, String::as_str);
    let verified = if found.verified.contains(&commit.sha) { " <span class=\"label\">Verified</span>" } else { "" };
    let body = format!(
        "{}<h1>Commit <code>{}</code>{verified}</h1><p class=\"dim\">{} · {}</p><pre>{}</pre>{}",
        trail(world, Some(found)),
        &commit.sha[..12],
        escape(&commit.author.name),
        time(commit.author.date),
        escape(&commit.message),
        files(&git.diff_files(parent, &commit.sha)?)
    );
    Ok(page(&commit.sha, &body))
}

/// The diff of a pull request, as text.
pub(super) fn diff(world: &World, found: &Repository, number: u64) -> Page {
    let pull = world.pull(found.id, number)?;
    let git = world.git(found.id);
    let from = git.merge_base(&pull.base_sha, &pull.head_sha).unwrap_or_else(|| pull.base_sha.clone());
    Ok(git.diff_text(&from, &pull.head_sha)?)
}

/// A file by `revision/path`; a revision may hold slashes itself.
pub(super) fn file(world: &World, found: &Repository, path: &str) -> Page {
    let git = world.git(found.id);
    let splits = path.match_indices('/').map(|(at, _)| (&path[..at], &path[at + 1..]));
    let mut entries = splits.filter_map(|(revision, rest)| git.entry_at(&git.resolve(revision)?, rest));
    let entry = entries.next().ok_or_else(ApiError::not_found)?;
    let content = git.read_blob(&entry.sha).ok_or_else(ApiError::not_found)?;
    Ok(String::from_utf8_lossy(&content).into_owned())
}

fn trail(world: &World, found: Option<&Repository>) -> String {
    let mut trail = "<p><a href=\"/\">local GitHub</a>".to_owned();
    if let Some(found) = found {
        let name = escape(&full_name(&world.state, found));
        trail.push_str(&format!(" / <a href=\"/{name}\">{name}</a>"));
    }
    trail.push_str("</p>");
    trail
}

fn pill(issue: &Issue) -> String {
    let merged = issue.pull.as_ref().is_some_and(|pull| pull.merged_at.is_some());
    let draft = issue.pull.as_ref().is_some_and(|pull| pull.draft);
    let (class, text) = match (issue.open, merged) {
        (_, true) => ("merged", "Merged"),
        (true, _) if draft => ("open", "Draft"),
        (true, _) => ("open", "Open"),
        (false, _) => ("closed", "Closed"),
    };
    format!("<span class=\"pill {class}\">{text}</span>")
}

fn entry(author: &str, when: &str, anchor: &str, text: &str) -> String {
    format!(
        "<section class=\"box\" id=\"{anchor}\"><header><b>{}</b> <span class=\"dim\">{when}</span></header><div>{}</div></section>",
        escape(author),
        markdown::render(text)
    )
}

fn commits(world: &World, found: &Repository, number: u64) -> Page {
    let git = world.git(found.id);
    let name = escape(&full_name(&world.state, found));
    let mut list = "<h2>Commits</h2><ul>".to_owned();
    for commit in world.pull_commits(found.id, number)?.iter().filter_map(|sha| git.read_commit(sha)) {
        let subject = commit.message.lines().next().unwrap_or_default();
        let verified = if found.verified.contains(&commit.sha) { " <span class=\"label\">Verified</span>" } else { "" };
        let sha = &commit.sha;
        list.push_str(&format!(
            "<li><a href=\"/{name}/commit/{sha}\"><code>{}</code></a> {} <span class=\"dim\">{}</span>{verified}</li>",
            &sha[..7],
            escape(subject),
            escape(&commit.author.name)
        ));
    }
    list.push_str("</ul>");
    Ok(list)
}

// Nothing where nothing has been checked.
fn checks(found: &Repository, sha: &str) -> String {
    let of_commit = |run: &&CheckRun| found.check_suites.get(&run.suite).is_some_and(|suite| suite.head_sha == sha);
    let mut list = String::new();
    for run in found.check_runs.values().filter(of_commit) {
        let state = run.conclusion.as_ref().unwrap_or(&run.status);
        let title = run.title.as_deref().unwrap_or_default();
        list.push_str(&format!("<li><b>{}</b> {} <span class=\"dim\">{}</span></li>", escape(&run.name), escape(state), escape(title)));
    }
    if list.is_empty() { list } else { format!("<h2>Checks</h2><ul>{list}</ul>") }
}

fn files(files: &[FileDiff]) -> String {
    let mut list = "<h2>Files changed</h2>".to_owned();
    for file in files {
        let numbers = format!("{} · +{} −{}", file.status, file.additions, file.deletions);
        let path = escape(&file.path);
        list.push_str(&format!("<section class=\"box\"><header><b>{path}</b> <span class=\"dim\">{numbers}</span></header>"));
        list.push_str("<pre class=\"diff\"><code>");
        for line in file.patch.as_deref().unwrap_or("(no text to show)").lines() {
            let class = match line.as_bytes().first() {
                Some(b'+') => "add",
                Some(b'-') => "del",
                Some(b'@') => "hunk",
                _ => "",
            };
            list.push_str(&format!("<span class=\"{class}\">{}</span>", escape(line)));
        }
        list.push_str("</code></pre></section>");
    }
    list
}
