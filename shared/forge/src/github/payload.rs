//! The narrow part of GitHub's webhook payloads that Patchbay reads, and how leniently it reads it: a field that is
//! missing, null or of an unexpected type is absent, never an error. What the parts mean is `convert`'s business.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Reads a field by its own type if it fits, and as absent if it does not.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let raw = <&RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(raw.get()).unwrap_or_default())
}

macro_rules! lenient_struct {
    ($(#[$doc:meta])* $name:ident { $($(#[$attribute:meta])* $field:ident: $type:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        pub(super) struct $name {
            $($(#[$attribute])* #[serde(default, deserialize_with = "lenient")] pub(super) $field: $type,)*
        }
    };
}

lenient_struct! {
    /// What any payload may hold.
    Payload {
        action: Option<String>,
        installation: Option<Installation>,
        sender: Option<Account>,
        repository: Option<RepositoryPart>,
        issue: Option<Thread>,
        pull_request: Option<Thread>,
        comment: Option<CommentPart>,
        review: Option<CommentPart>,
        label: Option<Named>,
        repositories: Vec<RepositoryPart>,
        repositories_added: Vec<RepositoryPart>,
        repositories_removed: Vec<RepositoryPart>,
        #[serde(rename = "ref")]
        full_ref: Option<String>,
        before: Option<String>,
        after: Option<String>,
        /// `branch` or `tag`, where a ref came or went.
        ref_type: Option<String>,
        forced: bool,
        deleted: bool,
        commits: Vec<CommitPart>,
        pusher: Option<Named>,
        discussion: Option<Thread>,
        release: Option<ReleasePart>,
        deployment: Option<DeploymentPart>,
        deployment_status: Option<DeploymentStatusPart>,
        workflow_run: Option<CheckPart>,
        check_run: Option<CheckPart>,
        check_suite: Option<CheckPart>,
        changes: Option<Changes>,
    }
}

lenient_struct! {
    /// A user, bot or organisation.
    Account {
        id: Option<u64>,
        login: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
    }
}

lenient_struct! {
    /// A label, or the person who pushed.
    Named {
        name: Option<String>,
    }
}

lenient_struct! {
    RepositoryPart {
        id: Option<u64>,
        name: Option<String>,
        full_name: Option<String>,
        owner: Option<Account>,
        default_branch: Option<String>,
        private: bool,
        html_url: Option<String>,
    }
}

lenient_struct! {
    Installation {
        id: Option<u64>,
        account: Option<Account>,
        permissions: BTreeMap<String, String>,
        repository_selection: Option<String>,
    }
}

lenient_struct! {
    /// An issue, a pull request or a discussion.
    Thread {
        number: Option<u64>,
        title: Option<String>,
        body: Option<String>,
        html_url: Option<String>,
        state: Option<String>,
        draft: bool,
        user: Option<Account>,
        labels: Vec<Named>,
        /// Only on issues that are pull requests.
        pull_request: Option<IgnoredAny>,
        head: Option<Side>,
        base: Option<Side>,
    }
}

lenient_struct! {
    /// Head or base of a pull request.
    Side {
        #[serde(rename = "ref")]
        branch: Option<String>,
        sha: Option<String>,
        /// Null for a deleted fork.
        repo: Option<RepositoryPart>,
    }
}

lenient_struct! {
    /// A comment, a review comment or a review.
    CommentPart {
        id: Option<u64>,
        /// Only a review has one.
        state: Option<String>,
        body: Option<String>,
        html_url: Option<String>,
        user: Option<Account>,
        performed_via_github_app: Option<AppPart>,
    }
}

lenient_struct! {
    AppPart {
        id: Option<u64>,
        name: Option<String>,
    }
}

lenient_struct! {
    /// A pushed commit with the paths that it touched; absent lists are not the same as empty ones.
    CommitPart {
        id: Option<String>,
        added: Option<Vec<String>>,
        removed: Option<Vec<String>>,
        modified: Option<Vec<String>>,
    }
}

lenient_struct! {
    ReleasePart {
        tag_name: Option<String>,
        name: Option<String>,
        body: Option<String>,
        html_url: Option<String>,
        target_commitish: Option<String>,
        draft: bool,
        prerelease: bool,
    }
}

lenient_struct! {
    DeploymentPart {
        id: Option<u64>,
        environment: Option<String>,
        #[serde(rename = "ref")]
        git_ref: Option<String>,
        sha: Option<String>,
    }
}

lenient_struct! {
    DeploymentStatusPart {
        state: Option<String>,
        environment_url: Option<String>,
        log_url: Option<String>,
        target_url: Option<String>,
    }
}

lenient_struct! {
    /// A workflow run, a check run or a check suite.
    CheckPart {
        id: Option<u64>,
        name: Option<String>,
        conclusion: Option<String>,
        /// Of check runs it is their suite's.
        head_branch: Option<String>,
        head_sha: Option<String>,
        /// Only workflow runs have one.
        head_repository: Option<RepositoryPart>,
        html_url: Option<String>,
        app: Option<AppPart>,
        pull_requests: Vec<PullRequestPart>,
        /// Only check runs have one.
        check_suite: Option<SuitePart>,
    }
}

lenient_struct! {
    /// The suite that a check run belongs to.
    SuitePart {
        head_branch: Option<String>,
    }
}

lenient_struct! {
    /// A pull request that a check belongs to.
    PullRequestPart {
        number: Option<u64>,
        base: Option<Side>,
    }
}

lenient_struct! {
    /// What was edited.
    Changes {
        default_branch: Option<Change>,
    }
}

lenient_struct! {
    Change {
        from: Option<String>,
    }
}

/// Reads the top of a payload.
pub(super) fn read(json: &[u8]) -> Result<Payload, serde_json::Error> {
    serde_json::from_slice(json)
}
