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
    /// The repository's files on `main`; [`ENGINE`] in them becomes the engine's address.
    pub files: &'static [(&'static str, &'static str)],
    /// In order, each when its time has come.
    pub steps: &'static [Step],
    pub agent: Agent,
    /// Whose calls are swept; empty: everybody's. For journeys that differ from others only in these.
    pub callers: &'static [&'static str],
    pub goal: Goal,
}

/// How long an agent works: whoever plays the journey must not wait for one that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agent {
    /// Until it is done.
    Ends,
    /// Until people have done everything that they do.
    HangsUntilAllIsDone,
    /// Until it is stopped.
    Hangs,
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
    /// When a run waits to be called back.
    Waiting,
}

/// What somebody does.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// Opens issue #1.
    OpenIssue { title: &'static str, body: &'static str },
    /// Comments in #1.
    Comment(&'static str),
    /// Puts a label on #1.
    Label(&'static str),
    /// The external engine calls back with this JSON.
    CallBack(&'static str),
    /// Takes the App off the organisation.
    Uninstall,
    /// Pushes a file to `main`.
    Push { path: &'static str, content: &'static str },
    /// The machine under the agent's task fails, and nobody hears of it.
    LoseTaskSilently,
    /// ECS says yes to the next StopTask, and does nothing.
    ForgetNextStop,
    /// The next webhook does not arrive; GitHub's log has this status for it.
    LoseNextDelivery { status: u16 },
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
    /// The labels of #1.
    pub labels: &'static [&'static str],
    /// The App's check runs on the pull requests' commits, with their conclusions.
    pub checks: &'static [(&'static str, &'static str)],
    /// Different calls that the external engine had, by their `webhook-id`.
    pub engine_calls: usize,
}

/// What stands in a file where the external engine's address belongs.
pub const ENGINE: &str = "http://engine.invalid/";

/// Nothing came of it; for what a journey's goal does not speak of.
const NOTHING: Goal = Goal { runs: &[], pull_requests: 0, comments: None, labels: &[], checks: &[], engine_calls: 0 };

const FILES: [(&str, &str); 2] = [("hello.py", "print(\"hello\")\n"), ("README.md", "# Hello\n\nGreets.\n")];

/// A step of each family, and one more comment: everything that a run of steps could leave behind twice.
const WORKFLOW: &str = r#"
workflows:
  swept:
    on:
      issues: { types: [labeled], labels: [go] }
    steps:
      - label: { add: [taken], remove: [go] }
      - comment: { body: "Taken over.", key: progress }
      - id: engine
        http: { url: "http://engine.invalid/", wait: true, retries: 3, inputs: { title: "{{ event.subject.title }}" } }
      - id: change
        agent:
          mode: change
          prompt: |
            ```script
            write docs/new.md # New\n
            answer Done.
            ```
      - check:
          name: swept
          sha: "{{ steps.change.outputs.commit }}"
          conclusion: "{{ steps.engine.outputs.verdict }}"
          summary: "{{ steps.engine.outputs.note }}"
      - comment: { body: "It came to #{{ steps.change.outputs.pull_request }}." }
"#;

const WITH_WORKFLOW: [(&str, &str); 2] = [("README.md", "# Hello\n\nGreets.\n"), (".github/patchbay.yml", WORKFLOW)];

const fn at_once(deed: Deed) -> Step {
    Step { when: When::AtOnce, deed }
}

const fn working(deed: Deed) -> Step {
    Step { when: When::Working, deed }
}

const HANG: Step = at_once(Deed::OpenIssue { title: "Slowly", body: "@patchbay slowly\n\n```script\nwrite new.txt x\\n\nhang\n```\n" });
const QUESTION: Step =
    at_once(Deed::OpenIssue { title: "How does it greet?", body: "@patchbay ask how?\n\n```script\nanswer It prints **hello**.\n```\n" });
/// What becomes of `QUESTION`.
const ANSWERED: Goal = Goal { runs: &["succeeded"], comments: Some(&["It prints **hello**."]), ..NOTHING };
const STOPPED: Goal = Goal { runs: &["cancelled"], comments: Some(&["⏹️ Stopped by"]), ..NOTHING };
/// What was lost, nobody else finds.
const REAPER: &[&str] = &["run-reaper"];

/// All journeys, in the table's order.
pub const JOURNEYS: [Journey; 10] = [
    Journey {
        name: "change",
        about: "an issue becomes a pull request",
        parameters: &[],
        files: &FILES,
        steps: &[at_once(Deed::OpenIssue {
            title: "Greet by name",
            body: "@patchbay greet by name\n\n```script\nwrite hello.py print(\"hello, name\")\\n\nwrite docs/new.md # New\\n\ndelete README.md\nanswer Done.\n```\n",
        })],
        agent: Agent::Ends,
        callers: &[],
        goal: Goal { runs: &["succeeded"], pull_requests: 1, comments: Some(&["✅ Done"]), ..NOTHING },
    },
    Journey {
        name: "question",
        about: "a question is answered",
        parameters: &[],
        files: &FILES,
        steps: &[QUESTION],
        agent: Agent::Ends,
        callers: &[],
        goal: ANSWERED,
    },
    Journey {
        name: "stop",
        about: "a comment stops a running agent",
        parameters: &[],
        files: &FILES,
        steps: &[HANG, working(Deed::Comment("@patchbay stop"))],
        agent: Agent::Hangs,
        callers: &[],
        goal: STOPPED,
    },
    Journey {
        name: "uninstall",
        about: "the App is uninstalled while an agent runs",
        parameters: &[],
        files: &FILES,
        steps: &[HANG, working(Deed::Uninstall)],
        agent: Agent::Hangs,
        callers: &[],
        goal: Goal { runs: &["cancelled"], ..NOTHING },
    },
    Journey {
        name: "silent-death",
        about: "a task's machine fails, nobody says so, and the second task succeeds",
        parameters: &[],
        files: &FILES,
        // The agent of the second clone finds the file for which the first one's waits.
        steps: &[
            at_once(Deed::OpenIssue {
                title: "Add a file",
                body: "@patchbay add it\n\n```script\nrun test -e go.md || sleep 86400\nwrite new.txt x\\n\n```\n",
            }),
            working(Deed::Push { path: "go.md", content: "Go.\n" }),
            at_once(Deed::LoseTaskSilently),
        ],
        agent: Agent::HangsUntilAllIsDone,
        callers: REAPER,
        goal: Goal { runs: &["succeeded"], pull_requests: 1, comments: Some(&["✅ Done"]), ..NOTHING },
    },
    Journey {
        name: "deadline",
        about: "an agent works on beyond its deadline",
        parameters: &[("RunDeadlineSeconds", "240")],
        files: &FILES,
        steps: &[HANG],
        agent: Agent::Hangs,
        callers: REAPER,
        goal: Goal { runs: &["failed"], comments: Some(&["❌"]), ..NOTHING },
    },
    Journey {
        name: "orphan",
        about: "a task that was told to stop works on",
        parameters: &[],
        files: &FILES,
        steps: &[HANG, working(Deed::ForgetNextStop), at_once(Deed::Comment("@patchbay stop"))],
        agent: Agent::Hangs,
        callers: REAPER,
        goal: STOPPED,
    },
    Journey {
        name: "lost-delivery",
        about: "a webhook does not arrive and is asked for again",
        parameters: &[],
        files: &FILES,
        steps: &[at_once(Deed::LoseNextDelivery { status: 502 }), QUESTION],
        agent: Agent::Ends,
        callers: REAPER,
        goal: ANSWERED,
    },
    Journey {
        name: "large-delivery",
        about: "a webhook is too large for the front door and is taken from the forge's log",
        parameters: &[],
        files: &FILES,
        steps: &[at_once(Deed::LoseNextDelivery { status: 413 }), QUESTION],
        agent: Agent::Ends,
        callers: REAPER,
        goal: ANSWERED,
    },
    Journey {
        name: "workflow",
        about: "a label starts a workflow of six steps, one of which waits for a callback",
        parameters: &[],
        files: &WITH_WORKFLOW,
        steps: &[
            at_once(Deed::OpenIssue { title: "Write a page", body: "Nobody is asked yet." }),
            at_once(Deed::Label("go")),
            Step { when: When::Waiting, deed: Deed::CallBack(r#"{"verdict":"success","note":"All is well."}"#) },
        ],
        agent: Agent::Ends,
        callers: &[],
        goal: Goal {
            runs: &["succeeded"],
            pull_requests: 1,
            comments: Some(&["Taken over.", "✅ Done", "It came to #2."]),
            labels: &["taken"],
            checks: &[("swept", "success")],
            engine_calls: 1,
        },
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
            let only_callers = journey.callers.iter().all(|caller| REAPER.contains(caller));
            assert!(only_callers, "{} is swept at {:?}", journey.name, journey.callers);
        }
    }

    #[test]
    fn the_workflow_is_a_good_one_and_has_at_least_five_kinds_of_steps() {
        let configuration = patchbay_domain::workflow::read(WORKFLOW).unwrap();
        let kinds: std::collections::BTreeSet<&str> = configuration.workflows[0].steps.iter().map(|step| step.action.name()).collect();
        assert!(kinds.len() >= 5, "{kinds:?}");
        assert_eq!(WORKFLOW.matches(ENGINE).count(), 1, "the engine is called");
    }
}
