//! Turns a container's definition into a process: program, environment, user.

use super::isolation::Isolation;
use super::volumes::{Volumes, user_of};
use crate::aws::spec::ContainerSpec;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// The path in every container; nothing of the stack's own environment gets in.
const MINIMAL_PATH: &str = "/usr/local/bin:/usr/bin:/bin";
/// Tells a container what is different on this machine.
const NOTES_VARIABLE: &str = "PATCHBAY_LOCAL_NOTES";

/// What all containers of the stack share.
#[derive(Clone, Debug)]
pub(super) struct ContainerLauncher {
    pub(super) bin_dir: PathBuf,
    /// Environment from the stack's settings; replaces variables of the definition.
    pub(super) settings: BTreeMap<String, String>,
}

impl ContainerLauncher {
    /// The programs that every container's user must be able to reach.
    pub(super) fn programs(&self, containers: &[ContainerSpec]) -> Vec<PathBuf> {
        let own = containers.iter().filter_map(|container| container.command.first()).map(|name| self.program(name));
        let set = self.settings.values().filter(|value| value.starts_with('/')).map(PathBuf::from);
        // A script's interpreter in a Python environment lies beside it.
        let set = set.flat_map(|path| {
            let python = path.with_file_name("python3");
            [path, python]
        });
        own.chain(set).filter(|path| path.is_absolute()).collect()
    }

    /// The container's process, ready to start. `overrides` is RunTask's whole override.
    pub(super) fn command(&self, container: &ContainerSpec, overrides: &Value, volumes: &Volumes, isolation: &Isolation) -> Command {
        let own = override_of(overrides, &container.name);
        let given: Option<Vec<String>> = own["command"].as_array().map(|command| texts(command));
        let words = given.as_ref().unwrap_or(&container.command);
        let mut command = Command::new(self.program(words.first().map_or("", String::as_str)));
        command.args(words.iter().skip(1));
        command.env_clear().envs(self.environment(container, own, volumes, isolation));
        command.current_dir(volumes.home(container));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if let Some(user) = user_of(container, isolation) {
            command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
        }
        command
    }

    /// Later wins: minimal, definition, settings, overrides. Paths of mounts become paths of this machine, except in
    /// settings, which are of this machine.
    fn environment(&self, container: &ContainerSpec, own: &Value, volumes: &Volumes, isolation: &Isolation) -> BTreeMap<String, String> {
        let mut all = BTreeMap::from([
            ("PATH".to_owned(), MINIMAL_PATH.to_owned()),
            ("LANG".to_owned(), "C.UTF-8".to_owned()),
            ("HOME".to_owned(), volumes.home(container).display().to_string()),
            ("TMPDIR".to_owned(), volumes.tmp(container).display().to_string()),
        ]);
        for (name, value) in &container.environment {
            let value = self.settings.get(name).cloned().unwrap_or_else(|| volumes.translate(container, value));
            all.insert(name.clone(), value);
        }
        if let Isolation::SameUser(reason) = isolation
            && container.user.is_some()
        {
            all.insert(NOTES_VARIABLE.to_owned(), format!("agent runs as the same user as the supervisor: {reason}"));
        }
        for pair in own["environment"].as_array().into_iter().flatten() {
            if let (Some(name), Some(value)) = (pair["name"].as_str(), pair["value"].as_str()) {
                all.insert(name.to_owned(), volumes.translate(container, value));
            }
        }
        all
    }

    /// A bare name in the stack's folder of binaries, else what the system finds.
    fn program(&self, name: &str) -> PathBuf {
        let own = self.bin_dir.join(name);
        let is_bare = !name.is_empty() && !name.contains('/');
        if is_bare && own.is_file() { own } else { Path::new(name).to_owned() }
    }
}

/// The override of one container; null when there is none.
pub(super) fn override_of<'a>(overrides: &'a Value, container: &str) -> &'a Value {
    let all = overrides["containerOverrides"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().find(|one| one["name"] == container).unwrap_or(&Value::Null)
}

fn texts(values: &[Value]) -> Vec<String> {
    values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
