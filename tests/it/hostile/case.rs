//! What a hostile case is: who does what, what Patchbay makes of it, and how a test sees that. The same values are the
//! rows of SECURITY.md's table.

use super::engine::Engine;
use super::gateway::Doors;
use super::known::Known;
use super::seen::Seen;
use anyhow::Result;
use futures_util::future::BoxFuture;

/// One attack and its end.
pub(crate) struct Case {
    /// Also the name of the repository in which it happens.
    pub(crate) name: &'static str,
    /// The requirement that it belongs to.
    pub(crate) requirement: &'static str,
    /// What the attacker does, for the table.
    pub(crate) attacker: &'static str,
    pub(crate) attack: Attack,
    pub(crate) end: End,
    pub(crate) needs: Needs,
    /// Cases with the same word here are one run: each refusal of it is told, so each case still sees its own.
    pub(crate) together: Option<&'static str>,
}

/// What the end rests on.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Needs {
    /// It is the same wherever Patchbay runs.
    Nothing,
    /// The agent's being kept apart: containers at Fargate, namespaces on a machine that allows them.
    Apart,
}

/// A file, link or submodule of a repository: mode, path, content (a submodule's is its commit).
pub(crate) type Entry = (&'static str, &'static str, &'static str);

/// Script lines for the scripted agent, made when the agent asks.
pub(crate) type Script = Box<dyn Fn(&Known) -> Vec<String> + Send + Sync>;

pub(crate) enum Attack {
    /// In a repository like this, the agent does what its model tells it.
    Agent { base: &'static [Entry], wish: &'static str, script: Script, commit: Option<Script> },
    /// The thread itself is hostile: the body of its issue, and a comment that asks (`None`: the issue asks).
    Thread { author: &'static str, body: &'static str, comment: Option<&'static str>, script: &'static [&'static str] },
    /// Somebody tries this at the task gateway.
    Door(for<'a> fn(&'a Doors) -> BoxFuture<'a, Result<()>>),
    /// Somebody tries this at a workflow engine's place, or has Patchbay call one.
    Engine(for<'a> fn(&'a Engine) -> BoxFuture<'a, Result<()>>),
    /// Whoever has taken over a task's supervisor hands in these files.
    Result { files: Box<dyn Fn() -> Vec<HandedIn> + Send + Sync> },
}

/// A file of a change set that no agent made: path, mode (none: deleted), content.
pub(crate) type HandedIn = (String, Option<&'static str>, Content);

pub(crate) enum Content {
    Text(String),
    Base64(String),
}

/// What Patchbay makes of it.
pub(crate) enum End {
    /// Nothing is written, and the thread says this.
    Refused(&'static str),
    /// A pull request with exactly these files; the second part is for the table.
    Inert(&'static [&'static str], &'static str),
    /// Whatever the check looks at; the second part is for the table.
    Seen(fn(&Seen) -> Result<()>, &'static str),
    /// Whatever the attempt itself looks at, in words for the table.
    Shown(&'static str),
}

impl Case {
    /// A case of the scripted agent, asked to change something in a repository with a README.
    pub(crate) fn agent(
        name: &'static str,
        requirement: &'static str,
        attacker: &'static str,
        script: &'static [&'static str],
        end: End,
    ) -> Self {
        let script: Script = Box::new(|_| script.iter().map(|line| (*line).to_owned()).collect());
        let attack = Attack::Agent { base: PLAIN, wish: "change it", script, commit: None };
        Self { name, requirement, attacker, attack, end, needs: Needs::Nothing, together: None }
    }

    /// A change set of which nothing is written.
    pub(crate) fn handed_in(
        name: &'static str,
        requirement: &'static str,
        attacker: &'static str,
        files: impl Fn() -> Vec<HandedIn> + Send + Sync + 'static,
        said: &'static str,
    ) -> Self {
        let attack = Attack::Result { files: Box::new(files) };
        Self { name, requirement, attacker, attack, end: End::Refused(said), needs: Needs::Nothing, together: None }
    }

    /// The name of the run that it is part of, and of that run's repository.
    pub(super) fn run_name(&self) -> &'static str {
        self.together.unwrap_or(self.name)
    }

    /// In one run with others.
    pub(crate) fn together(mut self, with: &'static str) -> Self {
        self.together = Some(with);
        self
    }

    /// In another repository.
    pub(crate) fn in_repository(mut self, entries: &'static [Entry]) -> Self {
        if let Attack::Agent { base, .. } = &mut self.attack {
            *base = entries;
        }
        self
    }

    /// With a question instead of a wish for a change.
    pub(crate) fn asked(mut self) -> Self {
        if let Attack::Agent { wish, .. } = &mut self.attack {
            *wish = "ask about it";
        }
        self
    }

    /// With a script that depends on what is secret.
    pub(crate) fn knowing(mut self, make: impl Fn(&Known) -> Vec<String> + Send + Sync + 'static) -> Self {
        if let Attack::Agent { script, .. } = &mut self.attack {
            *script = Box::new(make);
        }
        self
    }

    /// With a commit message of the model's.
    pub(crate) fn committed(mut self, make: impl Fn(&Known) -> String + Send + Sync + 'static) -> Self {
        if let Attack::Agent { commit, .. } = &mut self.attack {
            *commit = Some(Box::new(move |known| vec![make(known)]));
        }
        self
    }

    /// Where the end rests on the agent's being kept apart.
    pub(crate) fn kept_apart(mut self) -> Self {
        self.needs = Needs::Apart;
        self
    }
}

/// The repository of most cases.
pub(crate) const PLAIN: &[Entry] = &[("100644", "README.md", "# Hello\n")];

impl End {
    /// The table's last column.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Refused(said) => format!("refuses: “{}”", said.replace('|', "\\|")),
            Self::Inert(_, told) | Self::Seen(_, told) | Self::Shown(told) => (*told).to_owned(),
        }
    }
}
