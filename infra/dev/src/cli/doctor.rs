//! `patchbay doctor`: every prerequisite, what is wrong with it, and the command that mends it.

use super::data_dir::running_stack;
use super::output::print_result;
use super::{DEFAULT_PORT, Project, aider, default_data_dir};
use crate::template::{Deployment, Template};
use clap::Args;
use reqwest::Url;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, ExitCode};

/// What a debug build, Aider and a demo need.
const DISK_NEEDED_GIB: u64 = 6;

#[derive(Debug, Args)]
pub(super) struct Arguments {}

/// How one check came out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Good(String),
    /// It works, but less well.
    Note(String, String),
    /// What is wrong, and the command that mends it.
    Bad(String, String),
}

use Verdict::{Bad, Good, Note};

pub(super) async fn run(_: Arguments) -> anyhow::Result<ExitCode> {
    let project = Project::find()?;
    let checks = [
        ("Rust", check_cargo()),
        ("git", check_git()),
        ("git http-backend", check_http_backend()),
        ("Python", check_python().await),
        ("Aider", check_aider(&project)),
        ("template.yaml", check_template(&project)),
        ("port", check_port()),
        ("stack", check_stack(&default_data_dir(&project))),
        ("isolation", check_isolation()),
        ("disk", check_disk(&project)),
    ];
    let mut healthy = true;
    for (name, verdict) in checks {
        let line = match verdict {
            Good(what) => format!("ok    {name}: {what}"),
            Note(what, mend) => format!("note  {name}: {what}\n      {mend}"),
            Bad(what, mend) => {
                healthy = false;
                format!("BAD   {name}: {what}\n      mend it: {mend}")
            }
        };
        print_result(&line);
    }
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn check_cargo() -> Verdict {
    let wanted = env!("CARGO_PKG_RUST_VERSION");
    let mend = || "rustup update stable (or install Rust from https://rustup.rs)".to_owned();
    match output_of("cargo", &["--version"]) {
        Some(text) if version(&text) >= version(wanted) => Good(text),
        Some(text) => Bad(format!("{text}, Patchbay needs {wanted}"), mend()),
        None => Bad("cargo does not run".to_owned(), mend()),
    }
}

fn check_git() -> Verdict {
    let mend = || "apt install git".to_owned();
    match output_of("git", &["--version"]) {
        Some(text) if version(&text) >= Some((2, 31)) => Good(text),
        Some(text) => Bad(format!("{text}, Patchbay needs 2.31"), mend()),
        None => Bad("git does not run".to_owned(), mend()),
    }
}

/// The local GitHub serves repositories through it.
fn check_http_backend() -> Verdict {
    let found = output_of("git", &["--exec-path"]).map(|folder| std::path::Path::new(&folder).join("git-http-backend"));
    match found.filter(|program| program.is_file()) {
        Some(program) => Good(program.display().to_string()),
        None => Bad(
            "this git has no http-backend".to_owned(),
            "apt install git (some minimal packages leave it out; on Alpine: apk add git-daemon)".to_owned(),
        ),
    }
}

/// Major and minor of the first version number in a text.
fn version(text: &str) -> Option<(u32, u32)> {
    text.split(|letter: char| !letter.is_ascii_digit() && letter != '.').find_map(|word| {
        let mut parts = word.split('.').map(str::parse::<u32>);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Some((major, minor)),
            _ => None,
        }
    })
}

async fn check_python() -> Verdict {
    match aider::find_python().await {
        Ok((python, version)) => match output_of(python, &["-c", "import venv, ensurepip"]) {
            Some(_) => Good(format!("{python} {version}")),
            None => Bad(format!("{python} {version} cannot make virtual environments"), format!("apt install {python}-venv")),
        },
        Err(error) => Bad(error.to_string(), "apt install python3.11 python3.11-venv".to_owned()),
    }
}

fn check_aider(project: &Project) -> Verdict {
    match aider::installed(project) {
        Some(program) => Good(format!("{} at {}", aider::VERSION, program.display())),
        None => Note(format!("{} is not installed yet", aider::VERSION), "demo and up install it (690 MB): cargo run -- demo".to_owned()),
    }
}

fn check_template(project: &Project) -> Verdict {
    let read = Template::load(&project.template()).and_then(|template| {
        let urls = template.functions_with_url()?.into_iter().map(|id| (id, String::new())).collect();
        let stack_name = crate::stack::STACK_NAME.to_owned();
        template.evaluate(&Deployment {
            stack_name,
            parameters: [].into(),
            aws_endpoint: String::new(),
            function_urls: urls,
            api_url: String::new(),
            arns: [].into(),
        })
    });
    match read {
        Ok(model) => Good(format!("{} functions, {} queues, {} tables", model.functions.len(), model.queues.len(), model.tables.len())),
        Err(error) => Bad(error.to_string(), "git checkout template.yaml (or mend the line)".to_owned()),
    }
}

fn check_port() -> Verdict {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, DEFAULT_PORT)) {
        Ok(_) => Good(format!("{DEFAULT_PORT} is free")),
        Err(_) => Note(format!("{DEFAULT_PORT} is taken (perhaps by a running `up`)"), "patchbay up --port 8788".to_owned()),
    }
}

/// Whether a stack runs on the default data folder, and whether it still answers.
fn check_stack(data_dir: &Path) -> Verdict {
    let Ok(info) = running_stack(data_dir) else {
        return Good("none runs; patchbay up starts one".to_owned());
    };
    let address = Url::parse(&info.control_url).ok().and_then(|url| url.socket_addrs(|| None).ok()?.into_iter().next());
    match address.map(TcpStream::connect) {
        Some(Ok(_)) => Good(format!("one runs on {}; patchbay top shows it", data_dir.display())),
        _ => Note(format!("the stack of {} was killed and left its addresses behind", data_dir.display()), "patchbay up".to_owned()),
    }
}

/// Whether the agent can run as a user of its own, and in a network of its own.
fn check_isolation() -> Verdict {
    let root = nix::unistd::geteuid().is_root();
    let namespace = output_of("unshare", &["--user", "--map-root-user", "--net", "true"]).is_some();
    match (root, namespace) {
        (true, true) => Good("the agent runs as a user and in a network of its own".to_owned()),
        (true, false) => Note(
            "the agent runs as a user of its own, but shares the network".to_owned(),
            "sysctl -w kernel.unprivileged_userns_clone=1".to_owned(),
        ),
        (false, true) => Note(
            "the agent shares your user; it gets a network of its own".to_owned(),
            "run it as root in a container or virtual machine for users of their own".to_owned(),
        ),
        (false, false) => Note(
            "the agent shares your user and your network".to_owned(),
            "run it in a container or virtual machine, or: sysctl -w kernel.unprivileged_userns_clone=1".to_owned(),
        ),
    }
}

fn check_disk(project: &Project) -> Verdict {
    let Ok(found) = nix::sys::statvfs::statvfs(project.root()) else {
        return Note("free space is unknown".to_owned(), format!("df -h {}", project.root().display()));
    };
    let free = found.blocks_available() * found.fragment_size() / (1024 * 1024 * 1024);
    if free >= DISK_NEEDED_GIB {
        Good(format!("{free} GiB free"))
    } else {
        Bad(format!("{free} GiB free, {DISK_NEEDED_GIB} are needed"), "cargo clean".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_programs_print() {
        assert_eq!(version("git version 2.39.5 (Apple Git-154)"), Some((2, 39)));
        assert_eq!(version("cargo 1.95.0 (f2d3ce0bd 2026-03-21)"), Some((1, 95)));
        assert_eq!(version("none"), None);
        assert!(version("git version 2.9.1") < Some((2, 31)));
    }

    #[test]
    fn a_stack_that_runs_is_told_from_one_that_was_killed_and_from_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(check_stack(folder.path()), Good(what) if what.contains("none runs")));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/_patchbay", listener.local_addr().unwrap());
        let info = serde_json::json!({
            "webhook_url": "", "forge_url": "", "forge_api_url": "", "webhook_secret_file": "", "forge_user": null, "data_dir": "",
            "control_url": url, "control_token": "t", "aws": { "endpoint": "", "resources": {} }
        });
        std::fs::write(folder.path().join("stack.json"), info.to_string()).unwrap();
        assert!(matches!(check_stack(folder.path()), Good(what) if what.contains("patchbay top")));
        drop(listener);
        assert!(matches!(check_stack(folder.path()), Note(what, _) if what.contains("was killed")));
    }

    #[test]
    fn the_projects_own_template_is_readable() {
        let verdict = check_template(&Project::find().unwrap());
        assert!(matches!(verdict, Good(_)), "{verdict:?}");
    }
}
