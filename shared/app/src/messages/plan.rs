//! What a workflow's run is called, and what its steps did.

use patchbay_domain::run::plan::{Plan, PlannedStep, StepStatus};
use patchbay_domain::run::{Run, State};
use patchbay_domain::text;
use patchbay_domain::workflow::StepAction;

/// Workflow and step, for a run that is at one: ``Workflow `docs`, step 2 of 3 (`comment`).``
pub(super) fn headline(run: &Run, plan: &Plan) -> String {
    let name = &plan.workflow.name;
    match run.active_step() {
        Some((at, planned)) if plan.steps.len() > 1 => {
            format!("Workflow `{name}`, step {} of {} ({}).", at + 1, plan.steps.len(), step_name(planned))
        }
        _ => format!("Workflow `{name}`."),
    }
}

/// The step at which a workflow's run failed, as the start of a sentence; empty for a run without a plan.
pub(super) fn failed_step(run: &Run) -> String {
    match (&run.plan, &run.state) {
        (Some(plan), State::Failed { .. }) => format!("{} ", headline(run, plan)),
        _ => String::new(),
    }
}

/// What the steps did, one a line; empty for a run without a plan, and for a plan of one step.
pub(super) fn step_list(run: &Run) -> String {
    let Some(plan) = run.plan.as_ref().filter(|plan| plan.steps.len() > 1) else { return String::new() };
    let line = |(index, planned): (usize, &PlannedStep)| {
        let ended_the_run = index == plan.at && run.state.is_terminal();
        format!("{}. {}: {}\n", index + 1, step_name(planned), came_of(planned, ended_the_run))
    };
    format!("\n\n{}", plan.steps.iter().enumerate().map(line).collect::<String>().trim_end())
}

fn step_name(planned: &PlannedStep) -> String {
    let action = planned.step.action.name();
    match &planned.step.id {
        Some(id) if id != action => format!("`{action}`, `{id}`"),
        _ => format!("`{action}`"),
    }
}

fn came_of(planned: &PlannedStep, ended_the_run: bool) -> String {
    match &planned.status {
        StepStatus::Pending => "not begun".to_owned(),
        StepStatus::Active | StepStatus::Waiting { .. } if ended_the_run => "stopped".to_owned(),
        StepStatus::Failed { .. } if ended_the_run => "failed".to_owned(),
        StepStatus::Active => "at work".to_owned(),
        StepStatus::Waiting { .. } => "waits to be called back".to_owned(),
        StepStatus::Skipped { why } => format!("skipped, because {why}"),
        StepStatus::Failed { failure } => {
            let detail = failure.detail.split("\n\n").next().unwrap_or_default();
            let detail = super::one_line(&text::neutralise(detail, &[]));
            format!("failed, and the workflow went on. {}", super::cut(&detail, 300)).trim_end().to_owned()
        }
        StepStatus::Succeeded { outputs } => match link(&planned.step.action).and_then(|()| outputs.get("url")) {
            Some(url) if !url.is_empty() => format!("[done]({url})"),
            _ => "done".to_owned(),
        },
    }
}

/// Whether a step's `url` is the forge's word, not somebody's answer.
fn link(action: &StepAction) -> Option<()> {
    matches!(action, StepAction::Agent(_) | StepAction::Comment(_) | StepAction::Check(_)).then_some(())
}
