//! What every step sees: the run and its plan, what templates see, and the words by which a step says why it cannot be done.

use crate::services::Services;
use crate::status::{outbound, place_of};
use jiff::{SignedDuration, Timestamp};
use patchbay_domain::event::SubjectKind;
use patchbay_domain::run::plan::{Plan, StepStatus};
use patchbay_domain::run::state::Authority;
use patchbay_domain::run::{PendingEffect, Run};
use patchbay_domain::task::{Failure, FailureCode};
use patchbay_domain::text;
use patchbay_domain::workflow::{self, Outcome, Step, StepOutputs, TemplateError};
use patchbay_forge::{ForgeError, PermissionLevel, RepoAt};
use serde_json::Value;

/// How long the look at a permission that started the run is good for before something is written on its strength (R26).
const AUTHORITY_LASTS: SignedDuration = SignedDuration::from_secs(60);
/// GitHub's limit for comments is 65,536 characters; a marker needs some.
const MAX_BODY_CHARS: usize = 65_000;

/// Why a step cannot be done, or not now.
pub(super) enum StepError {
    /// It never can: the step has failed.
    Failed(Failure),
    /// The forge did not do it; what that means is `forge_outcome`'s to say.
    Forge(ForgeError),
    /// It is to be tried again then.
    Later(Timestamp),
    /// Something of our own is broken; it is tried again until the step's time is over.
    Broken(anyhow::Error),
}

impl From<ForgeError> for StepError {
    fn from(error: ForgeError) -> Self {
        StepError::Forge(error)
    }
}

impl From<anyhow::Error> for StepError {
    fn from(error: anyhow::Error) -> Self {
        StepError::Broken(error)
    }
}

/// The step does not fit the event, or what it asks for is not possible.
pub(super) fn refused(detail: impl AsRef<str>) -> StepError {
    StepError::Failed(Failure::new(FailureCode::StepRefused, detail.as_ref()))
}

fn unrenderable(what: &str, error: &TemplateError) -> StepError {
    StepError::Failed(Failure::new(FailureCode::Template, &format!("`{what}`: {error}.")))
}

/// A thread that a step works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Thread {
    pub number: u64,
    /// `None` for a thread that the file names: nobody knows before the forge is asked.
    pub kind: Option<SubjectKind>,
}

/// A step at work.
pub(super) struct Scene<'a> {
    pub services: &'a Services,
    pub run: &'a Run,
    pub plan: &'a Plan,
    /// The step's place in the plan, from 0.
    pub index: usize,
    pub step: &'a Step,
    /// Which try this is, from 1.
    pub tries: u32,
    pub at: RepoAt,
    context: Value,
}

impl<'a> Scene<'a> {
    /// The scene of the run's step at work; `None` if it is at none.
    pub(super) fn set(services: &'a Services, run: &'a Run, pending: &PendingEffect) -> Option<Self> {
        let plan = run.plan.as_ref()?;
        let (index, planned) = run.active_step()?;
        let context = workflow::context(&plan.event, seen(plan));
        Some(Self { services, run, plan, index, step: &planned.step, tries: pending.tries, at: place_of(run), context })
    }

    /// Whether an earlier try may have done the step already: then look before you write (R33).
    pub(super) fn is_retaken(&self) -> bool {
        self.tries > 1
    }

    /// The step's own name among everything that Patchbay writes: `<run>/<index>`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.run.id, self.index)
    }

    /// Why the step is skipped, if its condition is false.
    pub(super) fn reason_to_skip(&self) -> Result<Option<String>, StepError> {
        let Some(condition) = &self.step.condition else { return Ok(None) };
        match workflow::holds(condition, &self.context) {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some("its `if` is false".to_owned())),
            Err(error) => Err(unrenderable("if", &error)),
        }
    }

    /// A template as text; `what` is its key in the file.
    pub(super) fn render(&self, what: &str, template: &str) -> Result<String, StepError> {
        workflow::render(template, &self.context).map_err(|error| unrenderable(what, &error))
    }

    /// A template as one value, without space around it.
    pub(super) fn value(&self, what: &str, template: &str) -> Result<String, StepError> {
        Ok(self.render(what, template)?.trim().to_owned())
    }

    /// Templates as a list of values: every line is one, each is there once, in the file's order.
    pub(super) fn values(&self, what: &str, templates: &[String]) -> Result<Vec<String>, StepError> {
        let mut values: Vec<String> = Vec::new();
        for template in templates {
            for line in self.render(what, template)?.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let line = self.outgoing(line.to_owned());
                if !values.contains(&line) {
                    values.push(line);
                }
            }
        }
        Ok(values)
    }

    /// A template as Markdown that is shown to people (R34). What templates bring in is inert: it mentions nobody, closes nothing,
    /// loads nothing. Of what stands in the template itself only mentions stay alive, because whoever wrote the file, on the
    /// default branch, means them. Without secrets, and short enough for a comment.
    pub(super) fn markdown(&self, what: &str, template: &str) -> Result<String, StepError> {
        let rendered = self.render(what, template)?;
        let mentioned = workflow::literal_mentions(template);
        let keep: Vec<&str> = mentioned.iter().map(String::as_str).collect();
        let mut most = MAX_BODY_CHARS;
        loop {
            let cut: String = rendered.chars().take(most).collect();
            let whole = cut.len() == rendered.len();
            let note = if whole { "" } else { "\n\n(cut here: the text was too long for GitHub)" };
            let inert = format!("{}{note}", text::neutralise(&cut, &keep));
            if inert.chars().count() <= MAX_BODY_CHARS {
                return Ok(self.outgoing(inert));
            }
            most = most / 4 * 3;
        }
    }

    /// R34: without what looks like a secret.
    pub(super) fn outgoing(&self, text: String) -> String {
        outbound(self.services.known_secrets(), self.run, text)
    }

    /// The thread to work on: the one that the file names, or the event's own.
    pub(super) fn thread(&self, number: Option<&String>) -> Result<Thread, StepError> {
        let own = self.run.thread.as_ref().map(|thread| Thread { number: thread.number, kind: Some(thread.kind) });
        let thread = match number {
            Some(template) => {
                let text = self.value("number", template)?;
                let Ok(number) = text.trim_start_matches('#').parse() else {
                    let shown: String = text.chars().take(50).collect();
                    return Err(refused(format!(
                        "`number` came to `{}`, which is no number of an issue or pull request.",
                        quotable(&shown)
                    )));
                };
                own.filter(|own| own.number == number).unwrap_or(Thread { number, kind: None })
            }
            None => own.ok_or_else(|| {
                refused("The event belongs to no issue or pull request. Say with `number` which one is meant, or skip the step with `if`.")
            })?,
        };
        if thread.kind == Some(SubjectKind::Discussion) {
            let what = self.step.action.name();
            return Err(refused(format!("`{what}` is not supported on discussions: GitHub lets no App write there through this API.")));
        }
        Ok(thread)
    }

    /// The pull request to work on.
    pub(super) fn pull_request(&self, number: Option<&String>) -> Result<u64, StepError> {
        let thread = self.thread(number)?;
        if thread.kind == Some(SubjectKind::Issue) {
            let (what, number) = (self.step.action.name(), thread.number);
            return Err(refused(format!("`{what}` works on pull requests, and #{number} is an issue.")));
        }
        Ok(thread.number)
    }

    /// The commit to work on: the one that the file names, or the event's own.
    pub(super) fn commit(&self, sha: Option<&String>) -> Result<String, StepError> {
        match sha {
            Some(template) => {
                let sha = self.value("sha", template)?;
                if sha.is_empty() { Err(refused("`sha` came to nothing.")) } else { Ok(sha) }
            }
            None => self
                .plan
                .commit()
                .map(str::to_owned)
                .ok_or_else(|| refused("The event is about no commit. Say with `sha` which one is meant, or skip the step with `if`.")),
        }
    }

    /// Asks again whether the person on whose word this run writes still may (R26), unless that was asked a moment ago.
    pub(super) async fn check_authority(&self) -> Result<(), StepError> {
        let fresh = self.run.created_at + AUTHORITY_LASTS > Timestamp::now();
        if self.run.request.authority == Authority::Configuration || fresh {
            return Ok(());
        }
        let who = &self.run.request.requester;
        let permission = self.services.forge.permission(&self.at, &who.login).await?;
        if permission.user_id == who.id && permission.level >= PermissionLevel::Write {
            return Ok(());
        }
        Err(StepError::Failed(Failure::new(FailureCode::PermissionLost, "")))
    }
}

/// What later steps see of those that are over and have an id.
fn seen(plan: &Plan) -> impl Iterator<Item = (String, StepOutputs)> {
    plan.steps.iter().filter_map(|planned| {
        let id = planned.step.id.clone()?;
        let outcome = match &planned.status {
            StepStatus::Succeeded { .. } => Outcome::Success,
            StepStatus::Failed { .. } => Outcome::Failure,
            StepStatus::Skipped { .. } => Outcome::Skipped,
            StepStatus::Pending | StepStatus::Active | StepStatus::Waiting { .. } => return None,
        };
        let given = match &planned.status {
            StepStatus::Succeeded { outputs } => outputs.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect(),
            _ => Default::default(),
        };
        Some((id, StepOutputs::of(&planned.step.action, outcome, given)))
    })
}

/// On one line and without what would end a code span.
pub(super) fn quotable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || c == '`' { ' ' } else { c }).collect()
}
