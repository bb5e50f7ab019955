//! The journeys that are swept. A new one is one more value in [`JOURNEYS`].

/// What people do, and what must have come of it in the end, whatever struck in between.
#[derive(Clone, Copy, Debug)]
pub struct Journey {
    /// Its name on the command line and in tables.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// Template parameters that differ from their defaults.
    pub parameters: &'static [(&'static str, &'static str)],
    /// The repository's files on `main`.
    pub files: &'static [(&'static str, &'static str)],
    /// In order, each when its time has come.
    pub steps: &'static [Step],
    /// The agent works until it is stopped: the journey goes on while it does.
    pub agent_hangs: bool,
    pub goal: Goal,
}

/// One thing that somebody does.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    pub when: When,
    pub deed: Deed,
}

/// When a step is done. If that can no longer come about, the step is done when everything has come to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When the step before is done.
    AtOnce,
    /// When everything that the steps before caused has come to rest.
    Settled,
    /// When the agent is at work, and the status comment says so.
    Working,
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// Opens issue #1.
    OpenIssue { title: &'static str, body: &'static str },
    /// Comments in #1.
    Comment(&'static str),
    /// Takes the App off the organisation.
    Uninstall,
}

/// What must be true in the end, besides the invariants.
#[derive(Clone, Copy, Debug)]
pub struct Goal {
    /// The names of the runs' states.
    pub runs: &'static [&'static str],
    /// Pull requests, all open.
    pub pull_requests: usize,
    /// What the App's comments in #1 say, one text for each comment. `None`: nothing is said about comments but that
    /// there is at most one for each run.
    pub comments: Option<&'static [&'static str]>,
}

const FILES: [(&str, &str); 2] = [("hello.py", "print(\"hello\")\n"), ("README.md", "# Hello\n\nGreets.\n")];

const HANG: Step = Step {
    when: When::AtOnce,
    deed: Deed::OpenIssue { title: "Slowly", body: "@patchbay slowly\n\n```script\nwrite new.txt x\\n\nhang\n```\n" },
};

/// All journeys, in the table's order.
pub const JOURNEYS: [Journey; 4] = [
    Journey {
        name: "change",
        about: "an issue becomes a pull request",
        parameters: &[],
        files: &FILES,
        steps: &[Step {
            when: When::AtOnce,
            deed: Deed::OpenIssue {
                title: "Greet by name",
                body: "@patchbay greet by name\n\n```script\nwrite hello.py print(\"hello, name\")\\n\nwrite docs/new.md # New\\n\ndelete README.md\nanswer Done.\n```\n",
            },
        }],
        agent_hangs: false,
        goal: Goal { runs: &["succeeded"], pull_requests: 1, comments: Some(&["✅ Done"]) },
    },
    Journey {
        name: "question",
        about: "a question is answered",
        parameters: &[],
        files: &FILES,
        steps: &[Step {
            when: When::AtOnce,
            deed: Deed::OpenIssue {
                title: "How does it greet?",
                body: "@patchbay ask how?\n\n```script\nanswer It prints **hello**.\n```\n",
            },
        }],
        agent_hangs: false,
        goal: Goal { runs: &["succeeded"], pull_requests: 0, comments: Some(&["It prints **hello**."]) },
    },
    Journey {
        name: "stop",
        about: "a comment stops a running agent",
        parameters: &[],
        files: &FILES,
        steps: &[HANG, Step { when: When::Working, deed: Deed::Comment("@patchbay stop") }],
        agent_hangs: true,
        goal: Goal { runs: &["cancelled"], pull_requests: 0, comments: Some(&["⏹️ Stopped by"]) },
    },
    Journey {
        name: "uninstall",
        about: "the App is uninstalled while an agent runs",
        parameters: &[],
        files: &FILES,
        steps: &[HANG, Step { when: When::Working, deed: Deed::Uninstall }],
        agent_hangs: true,
        goal: Goal { runs: &["cancelled"], pull_requests: 0, comments: None },
    },
];

/// The journey of this name.
pub fn find(name: &str) -> Option<&'static Journey> {
    JOURNEYS.iter().find(|journey| journey.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn journeys_have_names_of_their_own() {
        for journey in &JOURNEYS {
            assert_eq!(find(journey.name).map(|found| found.about), Some(journey.about));
            assert!(!journey.goal.runs.is_empty(), "{} must end somewhere", journey.name);
        }
    }
}
