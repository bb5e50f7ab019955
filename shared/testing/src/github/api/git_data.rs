//! The git database: blobs, trees and commits, which exist before any ref names them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::access::{Access, Actor};
use super::super::error::ApiError;
use super::super::git::{GitDir, Signature, is_sha};
use super::super::git_tree::TreeChange;
use super::super::json;
use super::super::state::now;
use super::call::{Answer, Call, Reply};

/// Trees with more entries are shown truncated.
const LONGEST_TREE: usize = 100_000;

pub(super) fn create_blob(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let content = call.required("content")?;
    let bytes = decode(&content, call.text("encoding")?.as_deref())?;
    let sha = git.write_blob(&bytes)?;
    let url = format!("{}/git/blobs/{sha}", call.world.repository_api_url(call.repository()?));
    Reply::created(json!({"sha": sha, "url": url}))
}

pub(super) fn blob(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let sha = call.param("sha");
    let content = git.read_blob(sha).ok_or_else(ApiError::not_found)?;
    if call.accept.contains(".raw") {
        return Reply::raw("application/vnd.github.raw; charset=utf-8", content);
    }
    Reply::ok(json::blob(call.world, call.repository()?, sha, &content))
}

pub(super) fn create_tree(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let entries = call.body["tree"].as_array().ok_or_else(|| ApiError::not_supplied("tree"))?;
    let base = call.text("base_tree")?;
    if let Some(base) = &base
        && !matches!(git.kind(base).as_deref(), Some("tree" | "commit"))
    {
        return Err(ApiError::new(404, "Not Found"));
    }
    let mut changes = Vec::with_capacity(entries.len());
    for entry in entries {
        let change = read_entry(&git, entry)?;
        check_workflow(call.actor, &change.path)?;
        changes.push(change);
    }
    check_deletions(&git, base.as_deref(), &changes)?;
    let sha = git.write_tree(base.as_deref(), &changes).map_err(|error| {
        tracing::debug!(%error, "a tree was refused");
        ApiError::unprocessable("tree.path contains a malformed path component")
    })?;
    Reply::created(tree_json(call, &git, &sha, false)?)
}

pub(super) fn tree(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let name = call.param("sha").to_owned();
    let sha = if git.kind(&name).as_deref() == Some("tree") {
        Some(name)
    } else {
        git.resolve(&name).and_then(|commit| Some(git.read_commit(&commit)?.tree))
    };
    let recursive = call.query.contains_key("recursive");
    Reply::ok(tree_json(call, &git, &sha.ok_or_else(ApiError::not_found)?, recursive)?)
}

pub(super) fn create_commit(call: &mut Call<'_>) -> Answer {
    let (id, git) = call.git()?;
    let (message, tree, doer) = (call.required("message")?, call.required("tree")?, call.doer()?);
    if git.kind(&tree).as_deref() != Some("tree") {
        return Err(ApiError::unprocessable("Tree SHA does not exist"));
    }
    let parents = if call.body["parents"].is_null() { Vec::new() } else { call.names(&call.body["parents"])? };
    if parents.iter().any(|parent| git.kind(parent).as_deref() != Some("commit")) {
        return Err(ApiError::unprocessable("Parent SHA does not exist or is not a commit object"));
    }
    let given = read_signature(&call.body["author"])?;
    let committer = read_signature(&call.body["committer"])?;
    let verified = doer.via_app && given.is_none() && committer.is_none();
    let author = given.clone().unwrap_or_else(|| call.world.signature_of(&doer.login));
    let committer = committer.or(given).unwrap_or_else(|| {
        if verified { Signature { name: "GitHub".to_owned(), email: "noreply@github.com".to_owned(), date: now() } } else { author.clone() }
    });
    let sha = git.write_commit(&tree, &parents, &message, &author, &committer)?;
    if verified {
        call.world.repository_mut(id)?.verified.insert(sha.clone());
    }
    let commit = git.read_commit(&sha).ok_or_else(ApiError::not_found)?;
    Reply::created(json::git_commit(call.world, call.repository()?, &commit))
}

pub(super) fn commit(call: &mut Call<'_>) -> Answer {
    let (_, git) = call.git()?;
    let commit = git.read_commit(call.param("sha")).ok_or_else(ApiError::not_found)?;
    Reply::ok(json::git_commit(call.world, call.repository()?, &commit))
}

/// Bytes of a field in `base64` or `utf-8`.
pub(super) fn decode(content: &str, encoding: Option<&str>) -> Result<Vec<u8>, ApiError> {
    match encoding {
        None | Some("utf-8" | "utf8") => Ok(content.as_bytes().to_vec()),
        Some("base64") => {
            let compact: String = content.chars().filter(|letter| !letter.is_whitespace()).collect();
            STANDARD.decode(compact).map_err(|_| ApiError::unprocessable("content is not valid Base64"))
        }
        Some(_) => Err(ApiError::unprocessable("Invalid blob encoding")),
    }
}

/// An author or committer of the body, if there is one.
pub(super) fn read_signature(value: &Value) -> Result<Option<Signature>, ApiError> {
    if value.is_null() {
        return Ok(None);
    }
    let text = |field: &str| value[field].as_str().map(str::to_owned).ok_or_else(|| ApiError::not_supplied(field));
    let date = match value["date"].as_str() {
        Some(date) => date.parse().map_err(|_| ApiError::unprocessable("Invalid date"))?,
        None => now(),
    };
    Ok(Some(Signature { name: text("name")?, email: text("email")?, date }))
}

/// An App may touch workflow files only with the permission for it.
pub(super) fn check_workflow(actor: &Actor, path: &str) -> Result<(), ApiError> {
    match actor {
        Actor::Installation { permissions, .. } if path.starts_with(".github/workflows/") => {
            let allowed = permissions.get("workflows").is_some_and(|access| *access >= Access::Write);
            if allowed { Ok(()) } else { Err(ApiError::forbidden("Resource not accessible by integration")) }
        }
        _ => Ok(()),
    }
}

fn read_entry(git: &GitDir, entry: &Value) -> Result<TreeChange, ApiError> {
    let path = entry["path"].as_str().filter(|path| !path.is_empty()).ok_or_else(|| ApiError::not_supplied("path"))?;
    if path.starts_with('/') || path.contains('\0') {
        return Err(ApiError::unprocessable("tree.path cannot start with a slash"));
    }
    let mode = entry["mode"].as_str().unwrap_or("100644");
    let expected = match mode {
        "100644" | "100755" | "120000" => "blob",
        "040000" => "tree",
        "160000" => "commit",
        _ => return Err(ApiError::unprocessable(format!("tree.mode {mode} is not a valid mode"))),
    };
    let object = match (&entry["sha"], &entry["content"]) {
        (Value::Null, Value::String(content)) => Some(git.write_blob(content.as_bytes())?),
        (Value::Null, _) if entry.get("sha").is_some() => None,
        (Value::String(_), Value::String(_)) => {
            return Err(ApiError::unprocessable("Must supply either tree.sha or tree.content, not both"));
        }
        (Value::String(sha), _) if expected == "commit" && is_sha(sha) => Some(sha.clone()),
        (Value::String(sha), _) if git.kind(sha).as_deref() == Some(expected) => Some(sha.clone()),
        (Value::String(sha), _) => return Err(ApiError::unprocessable(format!("tree.sha {sha} is not a valid {expected}"))),
        _ => return Err(ApiError::unprocessable("Must supply a valid tree.sha or tree.content")),
    };
    Ok(TreeChange { path: path.to_owned(), object: object.map(|sha| (mode.to_owned(), sha)) })
}

// GitHub refuses to delete what is not there.
fn check_deletions(git: &GitDir, base: Option<&str>, changes: &[TreeChange]) -> Result<(), ApiError> {
    let missing = |change: &&TreeChange| change.object.is_none() && base.is_none_or(|base| git.entry_at(base, &change.path).is_none());
    match changes.iter().find(missing) {
        Some(_) => Err(ApiError::unprocessable("GitRPC::BadObjectState")),
        None => Ok(()),
    }
}

fn tree_json(call: &Call<'_>, git: &GitDir, sha: &str, recursive: bool) -> Result<Value, ApiError> {
    let api = call.world.repository_api_url(call.repository()?);
    let limit = call.world.state.tree_limit.unwrap_or(LONGEST_TREE);
    let listed = git.read_tree(sha, recursive)?;
    let truncated = listed.len() > limit;
    let mut entries = Vec::new();
    for entry in listed.into_iter().take(limit) {
        let mut value = json!({"path": entry.path, "mode": entry.mode, "type": entry.kind, "sha": entry.sha});
        if let Some(size) = entry.size {
            value["size"] = json!(size);
        }
        if entry.kind != "commit" {
            value["url"] = json!(format!("{api}/git/{}s/{}", entry.kind, entry.sha));
        }
        entries.push(value);
    }
    Ok(json!({"sha": sha, "url": format!("{api}/git/trees/{sha}"), "tree": entries, "truncated": truncated}))
}
