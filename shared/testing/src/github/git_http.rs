//! Git over smart HTTP: access checks, then `git http-backend` as a CGI program; a push makes its webhooks.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::access::{Access, Actor, Level, check_repository};
use super::auth;
use super::error::ApiError;
use super::git::git_command;
use super::store::Store;
use super::world::Doer;

/// What a request may do, once it is let in.
struct Admitted {
    repository: u64,
    root: std::path::PathBuf,
    doer: Option<Doer>,
}

/// `GET …/info/refs`, `POST …/git-upload-pack`, `POST …/git-receive-pack`.
pub(crate) async fn serve(State(store): State<Arc<Store>>, Path((owner, name)): Path<(String, String)>, request: Request) -> Response {
    let query = request.uri().query().unwrap_or_default().to_owned();
    let service =
        request.uri().path().rsplit_once('/').map(|(before, last)| if last == "refs" { (before, "info/refs") } else { (before, last) });
    let Some((_, service)) = service else { return StatusCode::NOT_FOUND.into_response() };
    let service = service.to_owned();
    let pushes = service == "git-receive-pack" || query.contains("service=git-receive-pack");
    if service == "info/refs" && !query.contains("service=git-") {
        return (StatusCode::FORBIDDEN, "Please upgrade your git client.\n").into_response();
    }
    store.count_call(format!("GIT {}", if pushes { "receive-pack" } else { "upload-pack" }));
    let admitted = match admit(&store, request.headers(), &owner, &name, pushes) {
        Ok(admitted) => admitted,
        Err(response) => return *response,
    };
    let answer = run_backend(&admitted, &service, &query, pushes, request).await;
    let (child, output, mut headers) = match answer {
        Ok(answer) => answer,
        Err(error) => {
            tracing::error!(error = %format!("{error:#}"), "git http-backend failed");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let status = headers.remove("status").and_then(|value| value.to_str().ok()?.get(..3)?.parse::<u16>().ok()).unwrap_or(200);
    let body = if service == "git-receive-pack" {
        match finish_push(store, admitted, child, output).await {
            Ok(body) => Body::from(body),
            Err(error) => {
                tracing::error!(error = %format!("{error:#}"), "a push could not be finished");
                return StatusCode::INTERNAL_SERVER_ERROR.into_response();
            }
        }
    } else {
        streamed(child, output)
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    *response.headers_mut() = headers;
    response
}

fn admit(store: &Store, headers: &HeaderMap, owner: &str, name: &str, pushes: bool) -> Result<Admitted, Box<Response>> {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    store.look(|world| {
        let refuse = |error: ApiError, actor: &Actor| {
            // Git asks for a password only after a 401; a stranger is not told what exists.
            if matches!(actor, Actor::Anonymous) { challenge("Repository not found.") } else { plain(error.status, &error.message) }
        };
        let actor = match auth::identify(world, authorization) {
            Ok(actor) => actor,
            Err(error) if error.status == 401 => return Err(challenge("Invalid username or token.")),
            Err(error) => return Err(plain(error.status, &error.message)),
        };
        let Some(repository) = world.state.repository(owner, name) else {
            let Some(moved) = world.moved(owner, name) else { return Err(refuse(ApiError::not_found(), &actor)) };
            let location = format!("{}.git/info/refs?service=git-upload-pack", world.repository_web_url(moved));
            return Err(Box::new((StatusCode::MOVED_PERMANENTLY, [(header::LOCATION, location)]).into_response()));
        };
        let (access, level) = if pushes { (Access::Write, Level::Write) } else { (Access::Read, Level::Read) };
        check_repository(&world.state, &actor, repository, &["contents"], access, level).map_err(|error| refuse(error, &actor))?;
        if pushes && repository.archived {
            return Err(plain(403, "This repository was archived so it is read-only."));
        }
        let bot = world.app.slug_bot();
        let doer = actor.account(&world.state, &bot).ok().map(|account| Doer { login: account.login.clone(), via_app: actor.is_app() });
        Ok(Admitted { repository: repository.id, root: world.git_root(), doer })
    })
}

fn challenge(message: &str) -> Box<Response> {
    Box::new((StatusCode::UNAUTHORIZED, [(header::WWW_AUTHENTICATE, "Basic realm=\"GitHub\"")], format!("{message}\n")).into_response())
}

fn plain(status: u16, message: &str) -> Box<Response> {
    Box::new((StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN), format!("{message}\n")).into_response())
}

type Answer = (Child, BufReader<ChildStdout>, HeaderMap);

async fn run_backend(admitted: &Admitted, service: &str, query: &str, pushes: bool, request: Request) -> anyhow::Result<Answer> {
    let mut command = Command::from(git_command());
    command.arg("http-backend").env("GIT_PROJECT_ROOT", &admitted.root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("PATH_INFO", format!("/{}.git/{service}", admitted.repository)).env("QUERY_STRING", query);
    command.env("REQUEST_METHOD", request.method().as_str()).env("REMOTE_ADDR", "127.0.0.1");
    if let Some(doer) = admitted.doer.as_ref().filter(|_| pushes) {
        command.env("REMOTE_USER", &doer.login);
    }
    let passed = [
        (header::CONTENT_TYPE, "CONTENT_TYPE"),
        (header::CONTENT_ENCODING, "HTTP_CONTENT_ENCODING"),
        (header::CONTENT_LENGTH, "CONTENT_LENGTH"),
    ];
    let protocol = http::HeaderName::from_static("git-protocol");
    for (name, variable) in passed.into_iter().chain([(protocol, "GIT_PROTOCOL")]) {
        if let Some(value) = request.headers().get(name).and_then(|value| value.to_str().ok()) {
            command.env(variable, value);
        }
    }
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        let mut body = request.into_body().into_data_stream();
        tokio::spawn(async move {
            while let Some(Ok(chunk)) = body.next().await {
                if stdin.write_all(&chunk).await.is_err() {
                    break;
                }
            }
        });
    }
    let output = child.stdout.take().ok_or_else(|| anyhow::anyhow!("git http-backend has no output"))?;
    let mut output = BufReader::new(output);
    let headers = read_headers(&mut output).await?;
    Ok((child, output, headers))
}

async fn read_headers(output: &mut BufReader<ChildStdout>) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    loop {
        let mut line = String::new();
        if output.read_line(&mut line).await? == 0 {
            anyhow::bail!("git http-backend ended early");
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(headers);
        }
        if let Some((name, value)) = line.split_once(": ") {
            headers.insert(http::HeaderName::try_from(name.to_ascii_lowercase())?, value.parse()?);
        }
    }
}

fn streamed(child: Child, output: BufReader<ChildStdout>) -> Body {
    // The child stays in the stream's state: a client that goes away ends it.
    Body::from_stream(stream::unfold((child, output), |(child, mut output)| async move {
        let mut buffer = vec![0; 64 * 1024];
        match output.read(&mut buffer).await {
            Ok(0) => None,
            Ok(length) => {
                buffer.truncate(length);
                Some((Ok(Bytes::from(buffer)), (child, output)))
            }
            Err(error) => Some((Err(error), (child, output))),
        }
    }))
}

async fn finish_push(
    store: Arc<Store>,
    admitted: Admitted,
    mut child: Child,
    mut output: BufReader<ChildStdout>,
) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    output.read_to_end(&mut body).await?;
    child.wait().await?;
    if let Some(doer) = admitted.doer {
        tokio::task::spawn_blocking(move || store.change(|world| world.sync_refs(admitted.repository, &doer)))
            .await?
            .map_err(anyhow::Error::from)?;
    }
    Ok(body)
}
