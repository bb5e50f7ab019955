//! Files of a repository by path: reading, listing folders, committing one file.

use serde_json::{Value, json};

use super::super::error::ApiError;
use super::super::git::{GitDir, Signature};
use super::super::git_tree::TreeEntry;
use super::super::json;
use super::super::world::NewFile;
use super::call::{Answer, Call, Reply};
use super::git_data::{check_workflow, decode, read_signature};

/// Files above this size come without content.
const LARGEST_INLINE: u64 = 1024 * 1024;

pub(super) fn show(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let path = call.param("path").trim_matches('/').to_owned();
    let name = call.query.get("ref").unwrap_or(&call.repository()?.default_branch).clone();
    let commit = match git.resolve(&name) {
        Some(commit) => commit,
        None if call.repository()?.refs.is_empty() => return Err(ApiError::new(404, "This repository is empty.")),
        None => return Err(ApiError::new(404, format!("No commit found for the ref {name}"))),
    };
    if path.is_empty() {
        return folder(call, &git, &name, &commit, "");
    }
    let entry = git.entry_at(&commit, &path).ok_or_else(ApiError::not_found)?;
    if entry.kind == "tree" {
        return folder(call, &git, &name, &entry.sha, &path);
    }
    if entry.kind == "commit" {
        let mut value = entry_json(call, &name, &entry)?;
        value["submodule_git_url"] = Value::Null;
        return Reply::ok(value);
    }
    let entry = match follow(&git, &commit, &entry) {
        Ok(file) => file,
        Err(target) => {
            let mut value = entry_json(call, &name, &entry)?;
            value["target"] = json!(target);
            return Reply::ok(value);
        }
    };
    let content = git.read_blob(&entry.sha).ok_or_else(ApiError::not_found)?;
    if call.accept.contains(".raw") {
        return Reply::raw("application/vnd.github.raw; charset=utf-8", content);
    }
    let mut value = entry_json(call, &name, &entry)?;
    let inline = entry.size.unwrap_or(0) <= LARGEST_INLINE;
    value["content"] = json!(if inline { json::base64_lines(&content) } else { String::new() });
    value["encoding"] = json!(if inline { "base64" } else { "none" });
    Reply::ok(value)
}

// A link to a file of the repository is answered with that file's content, under the link's own path; any other as a link.
fn follow(git: &GitDir, commit: &str, entry: &TreeEntry) -> Result<TreeEntry, String> {
    if entry.mode != "120000" {
        return Ok(entry.clone());
    }
    let target = git.read_blob(&entry.sha).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let folder = entry.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "" | "." => {}
            name => parts.push(name),
        }
    }
    let file = git.entry_at(commit, &parts.join("/")).filter(|file| file.kind == "blob" && file.mode != "120000");
    match file {
        Some(file) if !target.starts_with('/') => Ok(TreeEntry { path: entry.path.clone(), ..file }),
        _ => Err(target),
    }
}

fn folder(call: &Call<'_>, git: &GitDir, name: &str, tree: &str, prefix: &str) -> Answer {
    let mut values = Vec::new();
    for mut entry in git.read_tree(tree, false)? {
        if !prefix.is_empty() {
            entry.path = format!("{prefix}/{}", entry.path);
        }
        values.push(entry_json(call, name, &entry)?);
    }
    Reply::ok(Value::Array(values))
}

fn entry_json(call: &Call<'_>, name: &str, entry: &TreeEntry) -> Result<Value, ApiError> {
    let repository = call.repository()?;
    let (api, web) = (call.world.repository_api_url(repository), call.world.repository_web_url(repository));
    let kind = match (entry.kind.as_str(), entry.mode.as_str()) {
        ("tree", _) => "dir",
        ("commit", _) => "submodule",
        (_, "120000") => "symlink",
        _ => "file",
    };
    let path = &entry.path;
    let url = format!("{api}/contents/{path}?ref={name}");
    let page = if kind == "dir" { "tree" } else { "blob" };
    let html_url = format!("{web}/{page}/{name}/{path}");
    let git_url = format!("{api}/git/{}s/{}", entry.kind, entry.sha);
    Ok(json!({
        "name": path.rsplit('/').next(),
        "path": path,
        "sha": entry.sha,
        "size": entry.size.unwrap_or(0),
        "url": url,
        "html_url": html_url,
        "git_url": git_url,
        "download_url": (kind == "file").then(|| format!("{web}/raw/{name}/{path}")),
        "type": kind,
        "_links": {"self": url, "git": git_url, "html": html_url},
    }))
}

pub(super) fn put(call: &mut Call<'_>) -> Answer {
    let content = decode(&call.required("content")?, Some("base64"))?;
    commit_one(call, Some(content))
}

pub(super) fn delete(call: &mut Call<'_>) -> Answer {
    commit_one(call, None)
}

fn commit_one(call: &mut Call<'_>, content: Option<Vec<u8>>) -> Answer {
    let (id, git) = call.git()?;
    let (path, message, doer) = (call.param("path").to_owned(), call.required("message")?, call.doer()?);
    check_workflow(call.actor, &path)?;
    let branch = call.text("branch")?.unwrap_or_else(|| call.world.state.repositories[&id].default_branch.clone());
    let head = git.ref_target(&format!("refs/heads/{branch}"));
    if head.is_none() && !call.repository()?.refs.is_empty() {
        return Err(ApiError::new(404, format!("Branch {branch} not found")));
    }
    let present = head.as_deref().and_then(|head| git.entry_at(head, &path)).filter(|entry| entry.kind == "blob");
    check_sha(call, &path, present.as_ref(), content.is_none())?;
    let file = NewFile { path: path.clone(), content: content.clone() };
    let signatures = read_signatures(call)?;
    let sha = call.world.commit_files(id, &branch, &message, &[file], signatures, &doer)?;
    let commit = git.read_commit(&sha).ok_or_else(ApiError::not_found)?;
    let shown = match git.entry_at(&sha, &path) {
        Some(entry) if content.is_some() => entry_json(call, &branch, &entry)?,
        _ => Value::Null,
    };
    let value = json!({"content": shown, "commit": json::git_commit(call.world, call.repository()?, &commit)});
    if content.is_some() && present.is_none() { Reply::created(value) } else { Reply::ok(value) }
}

// Replacing or deleting a file needs the blob that is replaced: otherwise someone else's change would be lost.
fn check_sha(call: &Call<'_>, path: &str, present: Option<&TreeEntry>, deletes: bool) -> Result<(), ApiError> {
    let given = call.text("sha")?;
    match (present, given) {
        (None, _) if deletes => Err(ApiError::not_found()),
        (None, _) => Ok(()),
        (Some(_), None) => Err(ApiError::not_supplied("sha")),
        (Some(present), Some(given)) if present.sha == given => Ok(()),
        (Some(_), Some(given)) => Err(ApiError::new(409, format!("{path} does not match {given}"))),
    }
}

fn read_signatures(call: &Call<'_>) -> Result<Option<(Signature, Signature)>, ApiError> {
    let committer = read_signature(&call.body["committer"])?;
    let author = read_signature(&call.body["author"])?.or_else(|| committer.clone());
    Ok(author.map(|author| (author.clone(), committer.unwrap_or(author))))
}
