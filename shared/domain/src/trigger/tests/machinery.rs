//! Workflows, checks, conclusions and deployments.

use super::samples::*;
use crate::trigger::EventKind;
use serde_json::json;

#[test]
fn a_workflow_or_check_is_judged_by_its_name_and_end() {
    for kind in [EventKind::WorkflowRun, EventKind::CheckRun, EventKind::CheckSuite] {
        let event = |name, conclusion| check(kind, name, Some("main"), conclusion);
        let filters = || json!({ "workflows": ["CI", "Build *"], "conclusions": ["failure", "timed_out"] });
        assert!(starts(kind, filters(), &event("CI", "failure")));
        assert!(starts(kind, filters(), &event("Build linux", "timed_out")));
        assert!(!starts(kind, filters(), &event("CI", "success")));
        assert!(!starts(kind, filters(), &event("ci", "failure")));
        assert!(!starts(kind, filters(), &event("Lint", "failure")));
    }
}

#[test]
fn what_is_not_over_has_no_conclusion_that_could_match() {
    let mut running = check(EventKind::WorkflowRun, "CI", Some("main"), "x");
    running.action = Some("requested".into());
    if let crate::event::Detail::Check(check) = &mut running.detail {
        check.conclusion = None;
    }
    assert!(starts(EventKind::WorkflowRun, json!({}), &running));
    assert!(!starts(EventKind::WorkflowRun, json!({ "conclusions": ["success"] }), &running));
}

#[test]
fn a_review_is_judged_by_what_it_said() {
    let filters = || json!({ "conclusions": ["changes_requested"] });
    assert!(starts(EventKind::PullRequestReview, filters(), &review("changes_requested")));
    assert!(starts(EventKind::PullRequestReview, filters(), &review("CHANGES_REQUESTED")));
    assert!(!starts(EventKind::PullRequestReview, filters(), &review("approved")));
    assert_eq!(
        sentences(decided(EventKind::PullRequestReview, filters(), &review("approved"), &facts())),
        ["conclusions: `approved` is not one of `changes_requested`"]
    );
}

#[test]
fn a_deployment_is_judged_by_environment_and_state() {
    let kind = EventKind::DeploymentStatus;
    assert!(starts(kind, json!({ "environments": ["prod*"] }), &deployment_status("Production", "success")));
    assert!(!starts(kind, json!({ "environments": ["prod*"] }), &deployment_status("staging", "success")));
    assert!(starts(kind, json!({ "conclusions": ["failure", "error"] }), &deployment_status("staging", "error")));
    assert!(!starts(kind, json!({ "conclusions": ["failure"] }), &deployment_status("staging", "success")));
}

#[test]
fn a_deployment_that_became_inactive_starts_only_what_asks_for_it() {
    let inactive = deployment_status("staging", "inactive");
    assert!(!starts(EventKind::DeploymentStatus, json!({}), &inactive));
    assert!(starts(EventKind::DeploymentStatus, json!({ "conclusions": ["inactive"] }), &inactive));
}
