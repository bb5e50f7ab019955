//! People, bots and organizations.

use serde_json::{Value, json};

use super::super::state::{Account, AccountKind};
use super::{Urls, node_id, time};

fn kind_name(kind: AccountKind) -> &'static str {
    match kind {
        AccountKind::User => "User",
        AccountKind::Organization => "Organization",
        AccountKind::Bot => "Bot",
    }
}

/// GitHub's "simple user", as it stands in nearly every object.
pub(crate) fn user(urls: &Urls, account: &Account) -> Value {
    let login = &account.login;
    let escaped = login.replace('[', "%5B").replace(']', "%5D");
    let url = format!("{}/users/{escaped}", urls.api);
    let html_url = match account.kind {
        AccountKind::Bot => format!("{}/apps/{}", urls.web, login.trim_end_matches("[bot]")),
        _ => format!("{}/{login}", urls.web),
    };
    json!({
        "login": login,
        "id": account.id,
        "node_id": node_id(kind_name(account.kind), account.id),
        "avatar_url": format!("{}/avatars/u/{}", urls.web, account.id),
        "gravatar_id": "",
        "url": url,
        "html_url": html_url,
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": kind_name(account.kind),
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// `GET /users/{login}`.
pub(crate) fn public_user(urls: &Urls, account: &Account, public_repositories: usize) -> Value {
    let mut value = user(urls, account);
    let extra = json!({
        "name": account.login, "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
        "twitter_username": null, "public_repos": public_repositories, "public_gists": 0, "followers": 0, "following": 0,
        "created_at": time(account.created_at), "updated_at": time(account.created_at),
    });
    extend(&mut value, extra);
    value
}

/// `GET /user`.
pub(crate) fn private_user(urls: &Urls, account: &Account, public_repositories: usize, private_repositories: usize) -> Value {
    let mut value = public_user(urls, account, public_repositories);
    let extra = json!({
        "private_gists": 0, "total_private_repos": private_repositories, "owned_private_repos": private_repositories,
        "disk_usage": 0, "collaborators": 0, "two_factor_authentication": true, "notification_email": null,
        "plan": {"name": "free", "space": 976_562_499, "private_repos": 10_000, "collaborators": 0},
    });
    extend(&mut value, extra);
    value
}

/// The organization object of webhook payloads.
pub(crate) fn organization(urls: &Urls, account: &Account) -> Value {
    let url = format!("{}/orgs/{}", urls.api, account.login);
    json!({
        "login": account.login,
        "id": account.id,
        "node_id": node_id("Organization", account.id),
        "url": url,
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"),
        "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"),
        "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("{}/avatars/u/{}", urls.web, account.id),
        "description": null,
    })
}

/// `GET /orgs/{org}`.
pub(crate) fn organization_full(urls: &Urls, account: &Account, public_repositories: usize) -> Value {
    let mut value = organization(urls, account);
    let extra = json!({
        "name": account.login, "company": null, "blog": null, "location": null, "email": null, "twitter_username": null,
        "is_verified": false, "has_organization_projects": true, "has_repository_projects": true,
        "public_repos": public_repositories, "public_gists": 0, "followers": 0, "following": 0,
        "html_url": format!("{}/{}", urls.web, account.login), "type": "Organization",
        "created_at": time(account.created_at), "updated_at": time(account.created_at), "archived_at": null,
    });
    extend(&mut value, extra);
    value
}

/// A team of an organization.
pub(crate) fn team(urls: &Urls, organization: &Account, slug: &str) -> Value {
    let id = organization.id * 100 + organization.teams.keys().position(|key| key == slug).unwrap_or(0) as u64;
    let url = format!("{}/organizations/{}/team/{id}", urls.api, organization.id);
    json!({
        "id": id,
        "node_id": node_id("Team", id),
        "name": slug,
        "slug": slug,
        "description": null,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "url": url,
        "html_url": format!("{}/orgs/{}/teams/{slug}", urls.web, organization.login),
        "members_url": format!("{url}/members{{/member}}"),
        "repositories_url": format!("{url}/repos"),
        "permission": "pull",
        "type": "organization",
        "parent": null,
    })
}

/// A person's membership of a team.
pub(crate) fn membership(urls: &Urls, organization: &Account, slug: &str, login: &str) -> Value {
    let url = format!("{}/orgs/{}/teams/{slug}/memberships/{login}", urls.api, organization.login);
    json!({"url": url, "role": "member", "state": "active"})
}

/// Adds the fields of one object to another.
pub(super) fn extend(value: &mut Value, extra: Value) {
    if let (Value::Object(target), Value::Object(fields)) = (value, extra) {
        target.extend(fields);
    }
}
