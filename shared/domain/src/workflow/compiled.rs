//! A configuration made ready for decisions, and what it decides about an event, workflow by workflow. Where configurations
//! come from and how long a compiled one is kept is `app`'s; what the filters of one workflow say is `trigger::decide`'s.

use super::model::{Configuration, Workflow};
use crate::event::{Detail, Event};
use crate::trigger::{CompiledTrigger, Decision, Facts, FilterProblem, How, Reason, compile, decide};

/// The workflows of a configuration, in the file's order, with their triggers compiled.
#[derive(Clone, Debug, Default)]
pub struct CompiledConfiguration {
    workflows: Vec<CompiledWorkflow>,
}

/// A workflow as far as decisions need it.
#[derive(Clone, Debug)]
pub struct CompiledWorkflow {
    pub name: String,
    pub triggers: Vec<CompiledTrigger>,
}

/// What was decided about one workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkflowDecision {
    pub workflow: String,
    pub decision: Decision,
}

impl CompiledConfiguration {
    /// Compiles every trigger of every workflow.
    ///
    /// # Errors
    /// What is wrong with filters. A configuration that [`super::read`] gave has nothing wrong with them.
    pub fn compile(configuration: &Configuration) -> Result<Self, Vec<FilterProblem>> {
        let mut problems = Vec::new();
        let mut workflows = Vec::with_capacity(configuration.workflows.len());
        for workflow in &configuration.workflows {
            match CompiledWorkflow::compile(workflow) {
                Ok(compiled) => workflows.push(compiled),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(Self { workflows }) } else { Err(problems) }
    }

    pub fn workflows(&self) -> &[CompiledWorkflow] {
        &self.workflows
    }

    /// What becomes of every workflow, with what is known so far; one that needs to know more says so.
    pub fn decide_all(&self, event: &Event, facts: &Facts) -> Vec<WorkflowDecision> {
        let decided =
            |workflow: &CompiledWorkflow| WorkflowDecision { workflow: workflow.name.clone(), decision: workflow.decide(event, facts) };
        self.workflows.iter().map(decided).collect()
    }
}

impl CompiledWorkflow {
    /// Compiles the triggers of one workflow.
    ///
    /// # Errors
    /// What is wrong with its filters.
    pub fn compile(workflow: &Workflow) -> Result<Self, Vec<FilterProblem>> {
        let mut problems = Vec::new();
        let mut triggers = Vec::with_capacity(workflow.triggers.len());
        for trigger in &workflow.triggers {
            match compile(trigger) {
                Ok(compiled) => triggers.push(compiled),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if problems.is_empty() { Ok(Self { name: workflow.name.clone(), triggers }) } else { Err(problems) }
    }

    /// Whether the event starts this workflow. What is started by name starts the workflow of that name only.
    pub fn decide(&self, event: &Event, facts: &Facts) -> Decision {
        match &event.detail {
            Detail::Manual(manual) if manual.workflow != self.name => {
                Decision::Skipped { reasons: vec![Reason::new("event", How::NotOneOf, &manual.workflow, Some(&self.name))] }
            }
            _ => decide(&self.triggers, event, facts),
        }
    }
}
