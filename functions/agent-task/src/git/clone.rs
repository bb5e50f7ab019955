//! Brings one commit of one branch: shallow, without tags, submodules, LFS contents, filters or hooks.
//! The token travels as a header in git's environment and is sent to the clone URL only.

use super::{Git, GitError};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use patchbay_domain::task::Brief;
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, LOCATION};
use std::time::Duration;
use thiserror::Error;

/// Where the base commit is kept, so that nothing collects it.
pub(crate) const BASE_REF: &str = "refs/patchbay/base";

/// Every conversion that attributes could ask for is off, in the one place that beats the repository's
/// `.gitattributes`: what is checked out and what is read back are the very bytes.
pub(crate) const ATTRIBUTES: &str = "* -text !eol !crlf !ident !filter !working-tree-encoding !diff !merge\n";

/// What Aider leaves behind in the folder where it runs; only what the base does not track is left out.
const EXCLUDES: &str = ".aider*\n";

const TRIES: u32 = 3;

/// How long the server may take to say where a repository is now.
const ASKING: Duration = Duration::from_secs(10);

/// Why there is no working copy.
#[derive(Debug, Error)]
pub(crate) enum CloneError {
    #[error("the branch `{0}` does not exist")]
    NoBranch(String),
    #[error("the repository was not found, or the token may not read it")]
    Refused,
    #[error("there is not enough disk space for the repository")]
    DiskFull,
    /// It has another name now; git does not follow redirects.
    #[error("the repository has moved")]
    Moved,
    #[error("{0}")]
    Failed(String),
}

/// Clones the brief's base branch into `git`'s working copy and returns the base commit's id.
///
/// # Errors
/// [`CloneError`]; what may be a passing fault (network, server) has been tried three times.
pub(crate) async fn clone(git: &Git, brief: &Brief) -> Result<String, CloneError> {
    check_branch_name(&brief.base_branch)?;
    prepare(git).await?;
    let credentials = format!("Basic {}", BASE64_STANDARD.encode(format!("x-access-token:{}", brief.clone_token)));
    match fetch(git, &brief.clone_url, &credentials, brief).await {
        Err(CloneError::Moved) => {
            let url = ask_where(&brief.clone_url, &credentials).await.ok_or(CloneError::Moved)?;
            tracing::info!(url, "the repository has moved");
            fetch(git, &url, &credentials, brief).await?;
        }
        done => done?,
    }
    let out = git.run(&["rev-parse", "--verify", &format!("{BASE_REF}^{{commit}}")]).await.map_err(classify_any)?;
    let base_sha = String::from_utf8_lossy(&out).trim().to_owned();
    git.run(&["checkout", "--quiet", "--force", "--detach", &base_sha]).await.map_err(classify_any)?;
    Ok(base_sha)
}

pub(super) async fn prepare(git: &Git) -> Result<(), CloneError> {
    let io = |e: std::io::Error| CloneError::Failed(format!("the work folder cannot be used: {e}"));
    std::fs::create_dir_all(&git.work_tree).map_err(io)?;
    git.run(&["init", "--quiet", "--template=", "--initial-branch=base"]).await.map_err(classify_any)?;
    let info = git.git_dir.join("info");
    std::fs::create_dir_all(&info).map_err(io)?;
    std::fs::write(info.join("attributes"), ATTRIBUTES).map_err(io)?;
    std::fs::write(info.join("exclude"), EXCLUDES).map_err(io)
}

async fn fetch(git: &Git, url: &str, credentials: &str, brief: &Brief) -> Result<(), CloneError> {
    let git = git.with_setting(&format!("http.{url}.extraHeader"), format!("Authorization: {credentials}"));
    let refspec = format!("+refs/heads/{}:{BASE_REF}", brief.base_branch);
    let args = ["fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--", url, &refspec];
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match git.run(&args).await {
            Ok(_) => return Ok(()),
            Err(error) => classify(error, &brief.base_branch),
        };
        if tried == TRIES || !matches!(error, CloneError::Failed(_)) {
            return Err(error);
        }
        tracing::warn!(%error, tried, "the clone failed, trying again");
        tokio::time::sleep(Duration::from_secs(u64::from(tried) * 2)).await;
    }
}

/// Where the server says that the repository is now.
async fn ask_where(url: &str, credentials: &str) -> Option<String> {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(ASKING).build().ok()?;
    let request = client.get(format!("{url}/info/refs?service=git-upload-pack")).header(AUTHORIZATION, credentials);
    let response = request.send().await.ok()?;
    same_host(url, response.headers().get(LOCATION)?.to_str().ok()?)
}

/// The repository's URL in a redirect, if it leads to the same host: nobody else may see the token.
fn same_host(url: &str, location: &str) -> Option<String> {
    let (old, new) = (Url::parse(url).ok()?, Url::parse(url).ok()?.join(location).ok()?);
    let clean = new.username().is_empty() && new.password().is_none() && new.path().ends_with("/info/refs");
    (clean && old.origin() == new.origin())
        .then(|| format!("{}{}", new.origin().ascii_serialization(), new.path().trim_end_matches("/info/refs")))
}

/// A name that would change the meaning of the refspec never came from a forge.
fn check_branch_name(name: &str) -> Result<(), CloneError> {
    let bad = |c: char| c.is_control() || " :*?[\\^~".contains(c);
    if name.is_empty() || name.contains(bad) { Err(CloneError::NoBranch(name.escape_debug().to_string())) } else { Ok(()) }
}

fn classify_any(error: GitError) -> CloneError {
    classify(error, "")
}

fn classify(error: GitError, branch: &str) -> CloneError {
    let text = error.to_string();
    let has = |needles: &[&str]| needles.iter().any(|n| text.contains(n));
    if has(&["couldn't find remote ref", "Remote branch"]) {
        CloneError::NoBranch(branch.to_owned())
    } else if has(&["Authentication failed", "could not read Username", "error: 401", "error: 403", "error: 404", "not found"]) {
        CloneError::Refused
    } else if has(&["error: 301", "error: 302", "error: 307", "error: 308"]) {
        CloneError::Moved
    } else if has(&["No space left on device", "Disk quota exceeded"]) {
        CloneError::DiskFull
    } else {
        CloneError::Failed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_is_taken_only_to_a_repository_of_the_same_host() {
        let check = |location: &str| same_host("https://github.com/acme/hello.git", location);
        let refs = "info/refs?service=git-upload-pack";
        assert_eq!(check(&format!("https://github.com/acme/bye.git/{refs}")).as_deref(), Some("https://github.com/acme/bye.git"));
        assert_eq!(check(&format!("/acme/bye/{refs}")).as_deref(), Some("https://github.com/acme/bye"));
        for elsewhere in [
            "http://github.com/acme/bye.git/info/refs",
            "https://github.com:8443/acme/bye.git/info/refs",
            "https://evil.example/acme/bye.git/info/refs",
            "https://x@github.com/acme/bye.git/info/refs",
            "https://github.com/login",
            "",
        ] {
            assert_eq!(check(elsewhere), None, "{elsewhere}");
        }
    }

    #[test]
    fn a_redirect_is_told_from_a_failure() {
        let said = |said: &str| classify(GitError::Failed { command: "fetch".to_owned(), said: said.to_owned() }, "main");
        let moved = said("fatal: unable to access 'https://github.com/acme/hello.git/': The requested URL returned error: 301");
        assert!(matches!(moved, CloneError::Moved), "{moved}");
        assert!(matches!(said("The requested URL returned error: 500"), CloneError::Failed(_)));
    }
}
