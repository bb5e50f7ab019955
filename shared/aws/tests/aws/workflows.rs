//! Configurations of repositories, and when their schedules are due.

use crate::build::{connection, now, repository};
use crate::fake::FakeAws;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::tables::core::{CoreTable, DueSchedule, SCHEDULE_SHARDS, Scope, WorkflowsRow};
use patchbay_domain::trigger::EventKind;
use std::sync::LazyLock;

static START: LazyLock<Timestamp> = LazyLock::new(now);

/// So many seconds after one moment that is the same for the whole test, however long it takes.
fn at(seconds: i64) -> Timestamp {
    *START + SignedDuration::from_secs(seconds)
}

async fn open() -> (FakeAws, CoreTable) {
    let aws = FakeAws::start().await;
    let table = CoreTable::new(&aws.config(), "core");
    (aws, table)
}

fn row(version: &str, fetched_at: Timestamp) -> WorkflowsRow {
    WorkflowsRow {
        version: version.into(),
        names: vec!["triage".into()],
        kinds: [EventKind::Push, EventKind::Schedule].into(),
        crons: vec!["0 4 * * *".into()],
        schedule: Some("mark".into()),
        ..WorkflowsRow::nothing(Some(repository(1)), fetched_at)
    }
}

async fn due(table: &CoreTable, at: Timestamp) -> Vec<DueSchedule> {
    let mut found = Vec::new();
    for shard in 0..SCHEDULE_SHARDS {
        found.extend(table.due_schedules(shard, at, 10).await.unwrap());
    }
    found
}

#[tokio::test]
async fn what_an_event_stands_on_is_one_read() {
    let (aws, table) = open().await;
    let (own, default, workspace) = (row("v1", at(0)), row("v2", at(0)), row("v3", at(0)));
    assert!(table.save_workflows(&connection(), Scope::Repository(1), &own, Some("text"), None).await.unwrap());
    assert!(table.save_workflows(&connection(), Scope::Default, &default, Some("other"), None).await.unwrap());
    assert!(table.save_workflows(&connection(), Scope::Workspace, &workspace, Some("third"), None).await.unwrap());
    assert_eq!(aws.take_operations(), ["TransactWriteItems"; 3]);
    let ground = table.load_ground(&connection(), 1).await.unwrap();
    assert_eq!(aws.take_operations(), ["BatchGetItem"]);
    assert_eq!((ground.own, ground.default, ground.connection), (Some(own), Some(default), None));
    assert_eq!(ground.workspace.as_ref(), Some(&workspace));
    let elsewhere = table.load_ground(&connection(), 2).await.unwrap();
    assert_eq!((elsewhere.own, elsewhere.workspace), (None, Some(workspace)));
    let text = |scope, version: &'static str| {
        let table = table.clone();
        async move { table.load_workflow_text(&connection(), scope, version).await.unwrap() }
    };
    assert_eq!(text(Scope::Repository(1), "v1").await.as_deref(), Some("text"));
    assert_eq!(text(Scope::Workspace, "v3").await.as_deref(), Some("third"));
    assert_eq!((text(Scope::Default, "v2").await.as_deref(), text(Scope::Default, "v1").await), (Some("other"), None));
}

#[tokio::test]
async fn an_earlier_read_never_overwrites_a_later_one() {
    let (_aws, table) = open().await;
    let (scope, later) = (Scope::Repository(1), row("new", at(10)));
    assert!(table.save_workflows(&connection(), scope, &later, Some("new"), None).await.unwrap());
    assert!(!table.save_workflows(&connection(), scope, &row("old", at(5)), Some("old"), Some(at(0))).await.unwrap());
    let nothing = WorkflowsRow::nothing(None, at(5));
    assert!(!table.note_workflow_problem(&connection(), scope, &nothing, "broken").await.unwrap());
    assert_eq!(table.load_ground(&connection(), 1).await.unwrap().own, Some(later));
    assert_eq!(due(&table, at(60)).await, [], "all or none");
}

#[tokio::test]
async fn a_problem_leaves_what_is_in_force_and_goes_with_the_next_good_version() {
    let (_aws, table) = open().await;
    let scope = Scope::Repository(1);
    let nothing = |seconds| WorkflowsRow::nothing(Some(repository(1)), at(seconds));
    assert!(table.note_workflow_problem(&connection(), scope, &nothing(0), "first").await.unwrap());
    let own = table.load_ground(&connection(), 1).await.unwrap().own.unwrap();
    assert_eq!((own.version.as_str(), own.problem.as_deref()), ("none", Some("first")));
    table.save_workflows(&connection(), scope, &row("v1", at(1)), Some("text"), None).await.unwrap();
    assert_eq!(table.load_ground(&connection(), 1).await.unwrap().own.unwrap().problem, None);
    assert!(table.note_workflow_problem(&connection(), scope, &nothing(2), "second").await.unwrap());
    let own = table.load_ground(&connection(), 1).await.unwrap().own.unwrap();
    assert_eq!((own.version.as_str(), own.problem.as_deref(), own.fetched_at), ("v1", Some("second"), at(2)));
}

#[tokio::test]
async fn a_text_that_is_kept_no_more_is_gone() {
    let (aws, table) = open().await;
    let long_ago = at(0) - SignedDuration::from_hours(24 * 91);
    table.save_workflows(&connection(), Scope::Default, &row("v1", long_ago), Some("text"), None).await.unwrap();
    assert_eq!(table.load_workflow_text(&connection(), Scope::Default, "v1").await.unwrap(), None);
    assert_eq!(aws.row("core", "connection#con_github_42", "workflows#default")["ttl"], serde_json::Value::Null);
}

#[tokio::test]
async fn the_text_of_a_workspace_is_kept_for_ever() {
    let (aws, table) = open().await;
    let long_ago = at(0) - SignedDuration::from_hours(24 * 1000);
    assert!(table.save_workflows(&connection(), Scope::Workspace, &row("v1", long_ago), Some("text"), None).await.unwrap());
    assert_eq!(table.load_workflow_text(&connection(), Scope::Workspace, "v1").await.unwrap().as_deref(), Some("text"));
    for row in ["workflows#workspace", "workflow-text#workspace#v1"] {
        let row = aws.row("core", "connection#con_github_42", row);
        assert!(row["pk"].is_object() && row["ttl"].is_null(), "{row}");
    }
}

#[tokio::test]
async fn a_workspace_that_has_no_workflows_any_more_keeps_an_earlier_order_out() {
    let (_aws, table) = open().await;
    let removed = WorkflowsRow::nothing(None, at(10));
    assert!(table.save_workflows(&connection(), Scope::Workspace, &row("v1", at(0)), Some("text"), None).await.unwrap());
    assert!(table.save_workflows(&connection(), Scope::Workspace, &removed, None, None).await.unwrap());
    assert!(!table.save_workflows(&connection(), Scope::Workspace, &row("v2", at(5)), Some("text"), None).await.unwrap());
    assert_eq!(table.load_ground(&connection(), 1).await.unwrap().workspace, Some(removed));
}

#[tokio::test]
async fn a_repository_that_went_takes_its_configuration_along() {
    let (_aws, table) = open().await;
    table.save_workflows(&connection(), Scope::Repository(1), &row("v1", at(0)), Some("text"), None).await.unwrap();
    table.remove_repositories(&crate::build::workspace(), &connection(), &[1]).await.unwrap();
    assert_eq!(table.load_ground(&connection(), 1).await.unwrap().own, None);
}

#[tokio::test]
async fn a_schedule_is_found_when_it_is_due_and_moved_by_one() {
    let (_aws, table) = open().await;
    let saved = row("v1", at(0));
    assert!(table.save_workflows(&connection(), Scope::Repository(1), &saved, None, Some(at(300))).await.unwrap());
    assert_eq!(due(&table, at(299)).await, []);
    let found = due(&table, at(300)).await;
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].repository, found[0].mark.as_str(), found[0].since), (1, "mark", saved.fetched_at));
    let (next, since) = (Some(at(600)), at(301));
    assert!(table.move_schedule(&found[0], next, since).await.unwrap());
    assert!(!table.move_schedule(&found[0], next, since).await.unwrap(), "somebody was faster");
    assert_eq!(due(&table, at(599)).await, []);
    let moved = due(&table, at(600)).await;
    assert_eq!((moved.len(), moved[0].since), (1, since));
    assert!(table.move_schedule(&moved[0], None, since).await.unwrap());
    assert_eq!(due(&table, at(6000)).await, []);
}
