//! The `run_workflow` step: an order on the events queue, under a delivery id that is the same on every try, so that the matcher
//! starts the workflow once (R5).

use super::scene::{Scene, StepError, refused};
use crate::matching::MAX_DEPTH;
use jiff::Timestamp;
use patchbay_aws::queue::Queue;
use patchbay_domain::envelope::{EventMessage, StartOrder};
use patchbay_domain::event::{Detail, Manual};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::run::plan::Outputs;
use patchbay_domain::workflow::limits::MAX_OUTPUT_CHARS;
use patchbay_domain::workflow::model::RunWorkflowStep;
use std::collections::BTreeMap;

/// Starts the workflow. One send.
pub(super) async fn workflow(scene: &Scene<'_>, step: &RunWorkflowStep, events: &Queue) -> Result<Outputs, StepError> {
    let depth = scene.plan.depth + 1;
    if depth > MAX_DEPTH {
        return Err(refused(format!(
            "This run is the last of {MAX_DEPTH} that started each other, and starts no other: workflows that call each other in a circle would never end."
        )));
    }
    let mut inputs = BTreeMap::new();
    for (name, template) in &step.inputs {
        let value: String = scene.render(&format!("inputs.{name}"), template)?.chars().take(MAX_OUTPUT_CHARS).collect();
        inputs.insert(name.clone(), value);
    }
    let id = DeliveryId(format!("step-{}-{}", scene.run.id, scene.index));
    let order = StartOrder {
        id: id.clone(),
        connection: scene.run.connection.clone(),
        repository: scene.run.repository.clone(),
        actor: None,
        detail: Detail::Manual(Manual { workflow: step.workflow.clone(), inputs, depth }),
        at: Timestamp::now(),
    };
    let sent = events.send(&EventMessage::StartV1(Box::new(order)), scene.run.connection.as_str(), 0).await;
    sent.map_err(anyhow::Error::from)?;
    Ok(Outputs::from([("delivery".to_owned(), id.0)]))
}
