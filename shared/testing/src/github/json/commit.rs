//! Git objects, branches and diffs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::git::{Commit, Signature};
use super::super::git_diff::FileDiff;
use super::super::state::{Account, Repository};
use super::super::world::World;
use super::{node_id, time, user};

fn person(signature: &Signature) -> Value {
    json!({"name": signature.name, "email": signature.email, "date": time(signature.date)})
}

fn verification(repository: &Repository, commit: &Commit) -> Value {
    if repository.verified.contains(&commit.sha) {
        json!({
            "verified": true, "reason": "valid", "signature": "-----BEGIN PGP SIGNATURE-----\n\n(signed by the local GitHub)\n-----END PGP SIGNATURE-----\n",
            "payload": format!("tree {}\n", commit.tree), "verified_at": time(commit.committer.date),
        })
    } else {
        json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
    }
}

fn author_account<'a>(world: &'a World, signature: &Signature) -> Option<&'a Account> {
    world.state.accounts.values().find(|account| super::noreply_email(account) == signature.email)
}

/// A commit object, as the git database routes show it.
pub(crate) fn git_commit(world: &World, repository: &Repository, commit: &Commit) -> Value {
    let api = world.repository_api_url(repository);
    let web = world.repository_web_url(repository);
    let parents: Vec<Value> = commit
        .parents
        .iter()
        .map(|sha| json!({"sha": sha, "url": format!("{api}/git/commits/{sha}"), "html_url": format!("{web}/commit/{sha}")}))
        .collect();
    json!({
        "sha": commit.sha,
        "node_id": node_id("Commit", &commit.sha),
        "url": format!("{api}/git/commits/{}", commit.sha),
        "html_url": format!("{web}/commit/{}", commit.sha),
        "author": person(&commit.author),
        "committer": person(&commit.committer),
        "tree": {"sha": commit.tree, "url": format!("{api}/git/trees/{}", commit.tree)},
        "message": commit.message,
        "parents": parents,
        "verification": verification(repository, commit),
    })
}

/// A commit, as the commits routes show it; with files and numbers where they are asked for.
pub(crate) fn commit(world: &World, repository: &Repository, commit: &Commit, files: Option<&[FileDiff]>) -> Value {
    let api = world.repository_api_url(repository);
    let web = world.repository_web_url(repository);
    let parents: Vec<Value> = commit
        .parents
        .iter()
        .map(|sha| json!({"sha": sha, "url": format!("{api}/commits/{sha}"), "html_url": format!("{web}/commit/{sha}")}))
        .collect();
    let mut value = json!({
        "sha": commit.sha,
        "node_id": node_id("Commit", &commit.sha),
        "commit": {
            "author": person(&commit.author),
            "committer": person(&commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": format!("{api}/git/trees/{}", commit.tree)},
            "url": format!("{api}/git/commits/{}", commit.sha),
            "comment_count": 0,
            "verification": verification(repository, commit),
        },
        "url": format!("{api}/commits/{}", commit.sha),
        "html_url": format!("{web}/commit/{}", commit.sha),
        "comments_url": format!("{api}/commits/{}/comments", commit.sha),
        "author": author_account(world, &commit.author).map(|account| user(&world.urls, account)),
        "committer": author_account(world, &commit.committer).map(|account| user(&world.urls, account)),
        "parents": parents,
    });
    if let Some(files) = files {
        let (additions, deletions) = files.iter().fold((0, 0), |(added, gone), file| (added + file.additions, gone + file.deletions));
        value["stats"] = json!({"total": additions + deletions, "additions": additions, "deletions": deletions});
        value["files"] = files.iter().map(|file| diff_entry(world, repository, &commit.sha, file)).collect();
    }
    value
}

/// One file of a diff.
pub(crate) fn diff_entry(world: &World, repository: &Repository, sha: &str, file: &FileDiff) -> Value {
    let api = world.repository_api_url(repository);
    let web = world.repository_web_url(repository);
    let path = &file.path;
    let mut value = json!({
        "sha": file.sha,
        "filename": path,
        "status": file.status,
        "additions": file.additions,
        "deletions": file.deletions,
        "changes": file.additions + file.deletions,
        "blob_url": format!("{web}/blob/{sha}/{path}"),
        "raw_url": format!("{web}/raw/{sha}/{path}"),
        "contents_url": format!("{api}/contents/{path}?ref={sha}"),
    });
    if let Some(patch) = &file.patch {
        value["patch"] = json!(patch);
    }
    if let Some(previous) = &file.previous {
        value["previous_filename"] = json!(previous);
    }
    value
}

/// A commit in a push payload.
pub(crate) fn push_commit(world: &World, repository: &Repository, commit: &Commit, files: &[FileDiff], distinct: bool) -> Value {
    let who = |signature: &Signature| {
        let mut value = json!({"name": signature.name, "email": signature.email, "date": time(signature.date)});
        if let Some(account) = author_account(world, signature) {
            value["username"] = json!(account.login);
        }
        value
    };
    let with = |wanted: &str| -> Vec<&str> { files.iter().filter(|file| file.status == wanted).map(|file| file.path.as_str()).collect() };
    let renamed_from = files.iter().filter(|file| file.status == "renamed").filter_map(|file| file.previous.as_deref());
    json!({
        "id": commit.sha,
        "tree_id": commit.tree,
        "distinct": distinct,
        "message": commit.message,
        "timestamp": time(commit.committer.date),
        "url": format!("{}/commit/{}", world.repository_web_url(repository), commit.sha),
        "author": who(&commit.author),
        "committer": who(&commit.committer),
        "added": with("added").into_iter().chain(with("renamed")).collect::<Vec<_>>(),
        "removed": with("removed").into_iter().chain(renamed_from).collect::<Vec<_>>(),
        "modified": with("modified"),
    })
}

/// A ref and the object it names.
pub(crate) fn git_ref(world: &World, repository: &Repository, name: &str, sha: &str, kind: &str) -> Value {
    let api = world.repository_api_url(repository);
    json!({
        "ref": name,
        "node_id": node_id("Ref", name),
        "url": format!("{api}/git/{name}"),
        "object": {"sha": sha, "type": kind, "url": format!("{api}/git/{kind}s/{sha}")},
    })
}

/// A blob with its content.
pub(crate) fn blob(world: &World, repository: &Repository, sha: &str, content: &[u8]) -> Value {
    json!({
        "sha": sha,
        "node_id": node_id("Blob", sha),
        "size": content.len(),
        "url": format!("{}/git/blobs/{sha}", world.repository_api_url(repository)),
        "content": base64_lines(content),
        "encoding": "base64",
    })
}

/// A branch as lists show it.
pub(crate) fn short_branch(world: &World, repository: &Repository, name: &str, sha: &str) -> Value {
    let url = format!("{}/commits/{sha}", world.repository_api_url(repository));
    json!({"name": name, "commit": {"sha": sha, "url": url}, "protected": false})
}

/// A branch with its newest commit.
pub(crate) fn branch(world: &World, repository: &Repository, name: &str, head: &Commit) -> Value {
    let url = format!("{}/branches/{name}", world.repository_api_url(repository));
    json!({
        "name": name,
        "commit": commit(world, repository, head, None),
        "_links": {"self": url, "html": format!("{}/tree/{name}", world.repository_web_url(repository))},
        "protected": false,
        "protection": {"enabled": false, "required_status_checks": {"enforcement_level": "off", "contexts": [], "checks": []}},
        "protection_url": format!("{url}/protection"),
    })
}

/// Base64 in lines of 60 characters, as GitHub wraps it.
pub(crate) fn base64_lines(content: &[u8]) -> String {
    let encoded = STANDARD.encode(content);
    let mut text = String::with_capacity(encoded.len() + encoded.len() / 60 + 1);
    for (position, letter) in encoded.chars().enumerate() {
        if position > 0 && position % 60 == 0 {
            text.push('\n');
        }
        text.push(letter);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}
