//! What a workflow file may not hold that is to be in force for all repositories of a workspace. Everything else is as in a
//! repository's file.

use super::Configuration;
use crate::trigger::EventKind;

/// Why a configuration cannot be a workspace's, in a sentence; `None` if it can.
pub fn not_for_workspace(configuration: &Configuration) -> Option<String> {
    let scheduled = |event: &EventKind| *event == EventKind::Schedule;
    let workflow = configuration.workflows.iter().find(|workflow| workflow.triggers.iter().any(|trigger| scheduled(&trigger.event)))?;
    Some(format!(
        "workflow `{}` has the trigger `schedule`: a schedule needs a repository, and a workspace's workflows belong to none; put it into a \
         repository's file",
        workflow.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::read;

    #[test]
    fn a_schedule_is_for_repositories_only() {
        let file = |event: &str| format!("workflows:\n  nightly:\n    on: {event}\n    steps:\n      - file: {{ path: x }}\n");
        assert_eq!(not_for_workspace(&read(&file("[push, manual]")).unwrap()), None);
        let why = not_for_workspace(&read(&file("{ push: {}, schedule: { cron: ['0 4 * * *'] } }")).unwrap()).unwrap();
        assert!(why.starts_with("workflow `nightly` has the trigger `schedule`: a schedule needs a repository"), "{why}");
    }
}
