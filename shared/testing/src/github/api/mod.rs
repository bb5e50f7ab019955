//! The REST API: one table of routes, and the one path that every request takes through authentication, permission, rate
//! limit, handler and headers.

mod apps;
mod call;
mod checks;
mod comments;
mod contents;
mod deliveries;
mod git_data;
mod issues;
mod labels;
mod people;
mod pulls;
mod refs;
mod repos;
mod reviews;
mod serve;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, State};
use axum::routing::{MethodFilter, on};
use http::Method;

use super::access::{Access, Level, Need};
use super::store::Store;
use call::{Answer, Call};

/// One route: method, template, who may call it, and what it does.
#[derive(Clone, Copy)]
struct Route {
    method: &'static Method,
    template: &'static str,
    need: Need,
    handler: fn(&mut Call<'_>) -> Answer,
}

const fn route(method: &'static Method, template: &'static str, need: Need, handler: fn(&mut Call<'_>) -> Answer) -> Route {
    Route { method, template, need, handler }
}

const GET: &Method = &Method::GET;
const POST: &Method = &Method::POST;
const PUT: &Method = &Method::PUT;
const PATCH: &Method = &Method::PATCH;
const DELETE: &Method = &Method::DELETE;

const fn may(any_of: &'static [&'static str], access: Access, level: Level) -> Need {
    Need::Repository { any_of, access, level }
}

const READ_METADATA: Need = may(&["metadata"], Access::Read, Level::Read);
const READ_CONTENTS: Need = may(&["contents"], Access::Read, Level::Read);
const WRITE_CONTENTS: Need = may(&["contents"], Access::Write, Level::Write);
const READ_ISSUES: Need = may(&["issues"], Access::Read, Level::Read);
const WRITE_ISSUES: Need = may(&["issues"], Access::Write, Level::Read);
const READ_THREADS: Need = may(&["issues", "pull_requests"], Access::Read, Level::Read);
const WRITE_THREADS: Need = may(&["issues", "pull_requests"], Access::Write, Level::Read);
const LABEL_THREADS: Need = may(&["issues", "pull_requests"], Access::Write, Level::Triage);
const READ_CHECKS: Need = may(&["checks"], Access::Read, Level::Read);
const WRITE_CHECKS: Need = may(&["checks"], Access::Write, Level::Write);
const READ_MEMBERS: Need = Need::Organization { permission: "members", access: Access::Read };
const READ_PULLS: Need = may(&["pull_requests"], Access::Read, Level::Read);
const WRITE_PULLS: Need = may(&["pull_requests"], Access::Write, Level::Read);

const ROUTES: &[Route] = &[
    route(GET, "/app", Need::App, apps::show),
    route(GET, "/app/installations", Need::App, apps::installations),
    route(GET, "/app/installations/{id}", Need::App, apps::installation),
    route(DELETE, "/app/installations/{id}", Need::App, apps::uninstall),
    route(POST, "/app/installations/{id}/access_tokens", Need::App, apps::create_token),
    route(GET, "/orgs/{org}/installation", Need::App, apps::installation_of_account),
    route(GET, "/orgs/{org}/teams/{team}/memberships/{login}", READ_MEMBERS, people::membership),
    route(GET, "/users/{login}/installation", Need::App, apps::installation_of_account),
    route(GET, "/repos/{owner}/{repo}/installation", Need::App, apps::installation_of_repository),
    route(GET, "/installation/repositories", Need::Token, apps::installation_repositories),
    route(DELETE, "/installation/token", Need::Token, apps::revoke_token),
    route(GET, "/user/installations", Need::User, apps::installations_of_user),
    route(GET, "/app/hook/config", Need::App, deliveries::hook_config),
    route(PATCH, "/app/hook/config", Need::App, deliveries::set_hook_config),
    route(GET, "/app/hook/deliveries", Need::App, deliveries::list),
    route(GET, "/app/hook/deliveries/{id}", Need::App, deliveries::show),
    route(POST, "/app/hook/deliveries/{id}/attempts", Need::App, deliveries::redeliver),
    route(GET, "/rate_limit", Need::Nothing, users::rate_limit),
    route(GET, "/user", Need::User, users::own),
    route(GET, "/users/{login}", Need::Nothing, users::show),
    route(GET, "/orgs/{org}", Need::Nothing, users::organization),
    route(GET, "/user/repos", Need::User, repos::own),
    route(POST, "/user/repos", Need::User, repos::create_for_user),
    route(GET, "/orgs/{org}/repos", Need::Token, repos::of_organization),
    route(POST, "/orgs/{org}/repos", Need::User, repos::create_for_organization),
    route(GET, "/repos/{owner}/{repo}", READ_METADATA, repos::show),
    route(GET, "/repos/{owner}/{repo}/collaborators/{login}/permission", READ_METADATA, repos::permission),
    route(
        PUT,
        "/repos/{owner}/{repo}/collaborators/{login}",
        may(&["administration"], Access::Write, Level::Admin),
        repos::add_collaborator,
    ),
    route(GET, "/repos/{owner}/{repo}/issues", READ_ISSUES, issues::list),
    route(POST, "/repos/{owner}/{repo}/issues", WRITE_ISSUES, issues::create),
    route(GET, "/repos/{owner}/{repo}/issues/{number}", READ_THREADS, issues::show),
    route(PATCH, "/repos/{owner}/{repo}/issues/{number}", WRITE_THREADS, issues::update),
    route(GET, "/repos/{owner}/{repo}/issues/{number}/comments", READ_THREADS, comments::list),
    route(POST, "/repos/{owner}/{repo}/issues/{number}/comments", WRITE_THREADS, comments::create),
    route(GET, "/repos/{owner}/{repo}/issues/comments", READ_THREADS, comments::list_all),
    route(GET, "/repos/{owner}/{repo}/issues/comments/{id}", READ_THREADS, comments::show),
    route(PATCH, "/repos/{owner}/{repo}/issues/comments/{id}", WRITE_THREADS, comments::update),
    route(DELETE, "/repos/{owner}/{repo}/issues/comments/{id}", WRITE_THREADS, comments::delete),
    route(GET, "/repos/{owner}/{repo}/labels", READ_THREADS, labels::list),
    route(POST, "/repos/{owner}/{repo}/labels", LABEL_THREADS, labels::create),
    route(POST, "/repos/{owner}/{repo}/issues/{number}/assignees", LABEL_THREADS, people::assign),
    route(DELETE, "/repos/{owner}/{repo}/issues/{number}/assignees", LABEL_THREADS, people::unassign),
    route(GET, "/repos/{owner}/{repo}/issues/{number}/labels", READ_THREADS, labels::of_issue),
    route(POST, "/repos/{owner}/{repo}/issues/{number}/labels", LABEL_THREADS, labels::add),
    route(PUT, "/repos/{owner}/{repo}/issues/{number}/labels", LABEL_THREADS, labels::set),
    route(DELETE, "/repos/{owner}/{repo}/issues/{number}/labels/{name}", LABEL_THREADS, labels::remove),
    route(GET, "/repos/{owner}/{repo}/pulls", READ_PULLS, pulls::list),
    route(POST, "/repos/{owner}/{repo}/pulls", WRITE_PULLS, pulls::create),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}", READ_PULLS, pulls::show),
    route(PATCH, "/repos/{owner}/{repo}/pulls/{number}", WRITE_PULLS, pulls::update),
    route(POST, "/repos/{owner}/{repo}/pulls/{number}/requested_reviewers", WRITE_PULLS, people::request_review),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/files", READ_PULLS, pulls::files),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/commits", READ_PULLS, pulls::commits),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/reviews", READ_PULLS, reviews::list),
    route(POST, "/repos/{owner}/{repo}/pulls/{number}/reviews", WRITE_PULLS, reviews::create),
    route(GET, "/repos/{owner}/{repo}/pulls/{number}/comments", READ_PULLS, reviews::comments),
    route(POST, "/repos/{owner}/{repo}/pulls/{number}/comments", WRITE_PULLS, reviews::create_comment),
    route(POST, "/repos/{owner}/{repo}/git/blobs", WRITE_CONTENTS, git_data::create_blob),
    route(GET, "/repos/{owner}/{repo}/git/blobs/{sha}", READ_CONTENTS, git_data::blob),
    route(POST, "/repos/{owner}/{repo}/git/trees", WRITE_CONTENTS, git_data::create_tree),
    route(GET, "/repos/{owner}/{repo}/git/trees/{sha}", READ_CONTENTS, git_data::tree),
    route(POST, "/repos/{owner}/{repo}/git/commits", WRITE_CONTENTS, git_data::create_commit),
    route(GET, "/repos/{owner}/{repo}/git/commits/{sha}", READ_CONTENTS, git_data::commit),
    route(POST, "/repos/{owner}/{repo}/git/refs", WRITE_CONTENTS, refs::create),
    route(GET, "/repos/{owner}/{repo}/git/ref/{*name}", READ_CONTENTS, refs::show),
    route(GET, "/repos/{owner}/{repo}/git/matching-refs/{*name}", READ_CONTENTS, refs::matching),
    route(PATCH, "/repos/{owner}/{repo}/git/refs/{*name}", WRITE_CONTENTS, refs::update),
    route(DELETE, "/repos/{owner}/{repo}/git/refs/{*name}", WRITE_CONTENTS, refs::delete),
    route(GET, "/repos/{owner}/{repo}/branches", READ_CONTENTS, refs::branches),
    route(GET, "/repos/{owner}/{repo}/branches/{*branch}", READ_CONTENTS, refs::branch),
    route(GET, "/repos/{owner}/{repo}/commits", READ_CONTENTS, refs::commits),
    route(GET, "/repos/{owner}/{repo}/commits/{revision}", READ_CONTENTS, refs::commit),
    route(GET, "/repos/{owner}/{repo}/commits/{revision}/check-runs", READ_CHECKS, checks::of_commit),
    route(POST, "/repos/{owner}/{repo}/check-runs", WRITE_CHECKS, checks::create),
    route(GET, "/repos/{owner}/{repo}/check-runs/{id}", READ_CHECKS, checks::show),
    route(PATCH, "/repos/{owner}/{repo}/check-runs/{id}", WRITE_CHECKS, checks::update),
    route(GET, "/repos/{owner}/{repo}/check-runs/{id}/annotations", READ_CHECKS, checks::annotations),
    route(GET, "/repos/{owner}/{repo}/compare/{*range}", READ_CONTENTS, refs::compare),
    route(GET, "/repos/{owner}/{repo}/contents", READ_CONTENTS, contents::show),
    route(GET, "/repos/{owner}/{repo}/contents/", READ_CONTENTS, contents::show),
    route(GET, "/repos/{owner}/{repo}/contents/{*path}", READ_CONTENTS, contents::show),
    route(PUT, "/repos/{owner}/{repo}/contents/{*path}", WRITE_CONTENTS, contents::put),
    route(DELETE, "/repos/{owner}/{repo}/contents/{*path}", WRITE_CONTENTS, contents::delete),
];

/// The router of the API, without its prefix.
pub(crate) fn router() -> Router<Arc<Store>> {
    let mut router = Router::new();
    for route in ROUTES {
        let handler = async |State(store): State<Arc<Store>>, params: RawPathParams, request: axum::extract::Request| {
            serve::serve(store, route, &params, request).await
        };
        for method in accepted_methods(route) {
            let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
            router = router.route(route.template, on(filter, handler));
            if let Some(rest) = route.template.strip_prefix("/repos/{owner}/{repo}") {
                router = router.route(&format!("/repositories/{{repository_id}}{rest}"), on(filter, handler));
            }
        }
    }
    router.fallback(serve::unknown).method_not_allowed_fallback(serve::unknown)
}

// What is changed by PATCH may be changed by POST too, where POST has no meaning of its own; octocrab edits comments so.
fn accepted_methods(route: &Route) -> Vec<&'static Method> {
    let has_post = ROUTES.iter().any(|other| other.template == route.template && other.method == POST);
    if route.method == PATCH && !has_post { vec![PATCH, POST] } else { vec![route.method] }
}
