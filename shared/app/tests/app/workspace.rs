//! The workspace's workflows: what the operator's order puts in force for all repositories of an account, beside what
//! repositories and the organisation say themselves.

use crate::stage::{REPO, Stage, ends_at};
use crate::workflows::file;
use jiff::{SignedDuration, Timestamp};
use patchbay_aws::lambda::Handled;
use patchbay_aws::tables::core::{ConnectionStatus, Scope, WorkflowsRow};
use patchbay_domain::envelope::{ConfigureOrder, EventMessage};
use patchbay_domain::ids::ConnectionId;
use patchbay_domain::run::plan::WorkflowSource;
use patchbay_domain::trigger::EventKind;
use patchbay_domain::workflow::FILE_PATH;

/// A file with a workflow of each name that starts when an issue is opened.
fn on_issues(names: &[&str]) -> String {
    let workflows: String = names.iter().map(|name| file(name, &["issues: {}"]).replace("workflows:\n", "")).collect();
    format!("workflows:\n{workflows}")
}

impl Stage {
    fn order(&self, text: Option<&str>, at: Timestamp) -> ConfigureOrder {
        ConfigureOrder { connection: self.at.connection.clone(), text: text.map(str::to_owned), by: "grace".into(), at }
    }

    async fn obey_order(&self, order: ConfigureOrder) -> Handled {
        self.matcher().handle_message(EventMessage::ConfigureV1(order), ends_at()).await.unwrap()
    }

    async fn set_workspace(&self, text: &str) {
        assert_eq!(self.obey_order(self.order(Some(text), Timestamp::now())).await, Handled::Done);
    }

    /// Why the order is refused.
    async fn refuses_order(&self, order: ConfigureOrder) -> String {
        match self.obey_order(order).await {
            Handled::Drop(why) => why,
            handled => panic!("{handled:?}"),
        }
    }

    /// How many runs of these workflows another issue starts.
    async fn started(&self, names: &[&str]) -> Vec<usize> {
        self.listen();
        let before: Vec<usize> = names.iter().map(|name| self.runs_of(name).len()).collect();
        let (_, delivery) = self.opened("dana", "hello");
        self.hear_well(&delivery).await;
        names.iter().zip(before).map(|(name, before)| self.runs_of(name).len() - before).collect()
    }
}

#[tokio::test]
async fn of_three_workflows_with_one_name_the_nearest_starts() {
    let stage = Stage::set().await;
    stage.set_workspace(&on_issues(&["a", "b", "c", "d"])).await;
    stage.github.create_repository("acme", ".github", &[(FILE_PATH, &on_issues(&["a", "b", "e"]))]).unwrap();
    // `d` listens to something else in the repository: it is hidden all the same.
    let own = on_issues(&["a"]) + &file("d", &["release: {}"]).replace("workflows:\n", "");
    stage.configure(&own).await;
    let (_, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    let (own, organization, workspace) = (WorkflowSource::Repository, WorkflowSource::Organization, WorkflowSource::Workspace);
    for (name, source) in [("a", own), ("b", organization), ("e", organization), ("c", workspace)] {
        let runs = stage.runs_of(name);
        assert_eq!(runs.iter().map(|run| run.plan.as_ref().unwrap().workflow.source).collect::<Vec<_>>(), [source], "{name}");
        assert_eq!(stage.decision(&delivery, name).await.source, Some(source), "{name}");
    }
    assert_eq!((stage.runs().len(), stage.runs_of("d").len()), (4, 0));
}

#[tokio::test]
async fn the_organizations_names_hide_the_workspaces_even_where_they_listen_to_nothing() {
    let stage = Stage::set().await;
    stage.set_workspace(&on_issues(&["a", "b"])).await;
    stage.github.create_repository("acme", ".github", &[(FILE_PATH, &file("a", &["release: {}"]))]).unwrap();
    assert_eq!(stage.started(&["a", "b"]).await, [0, 1]);
}

#[tokio::test]
async fn a_workspaces_workflow_is_told_like_any_other_and_costs_no_call_at_the_forge() {
    let stage = Stage::set().await;
    stage.configure(&file("own", &["release: {}"])).await;
    stage.set_workspace(&file("triage", &["issues: { types: [labeled], labels: [bug] }"])).await;
    stage.forge.forget();
    let (number, delivery) = stage.opened("dana", "hello");
    stage.hear_well(&delivery).await;
    assert_eq!((stage.forge.count("read_file"), stage.forge.count("repository_by_name")), (0, 0));
    assert!(!stage.decision(&delivery, "triage").await.started);
    stage.github.comment(REPO, number, "dana", "@patchbay why").unwrap();
    stage.hear_well(&stage.latest("issue_comment")).await;
    let said = stage.said_in(number);
    assert!(said.len() == 1 && said[0].contains("`triage` did not start (`issues`, from the workspace)"), "{said:?}");
}

#[tokio::test]
async fn what_is_removed_starts_no_more() {
    let stage = Stage::set().await;
    stage.set_workspace(&on_issues(&["greet"])).await;
    assert_eq!(stage.started(&["greet"]).await, [1]);
    assert_eq!(stage.obey_order(stage.order(None, Timestamp::now())).await, Handled::Done);
    assert_eq!(stage.started(&["greet"]).await, [0]);
    stage.set_workspace(&on_issues(&["greet"])).await;
    assert_eq!(stage.started(&["greet"]).await, [1], "the same file again");
}

#[tokio::test]
async fn a_file_that_is_wrong_is_refused_and_the_last_one_stays_in_force() {
    let stage = Stage::set().await;
    stage.set_workspace(&on_issues(&["greet"])).await;
    let broken = file("greet", &["issues: { labls: [bug] }"]);
    let why = stage.refuses_order(stage.order(Some(&broken), Timestamp::now())).await;
    assert!(why.contains("grace") && why.contains("labls"), "{why}");
    let scheduled = on_issues(&["other"]) + &file("nightly", &["schedule: { cron: ['0 4 * * *'] }"]).replace("workflows:\n", "");
    let why = stage.refuses_order(stage.order(Some(&scheduled), Timestamp::now())).await;
    assert!(why.contains("workflow `nightly` has the trigger `schedule`: a schedule needs a repository"), "{why}");
    assert_eq!(stage.started(&["greet", "other"]).await, [1, 0]);
}

#[tokio::test]
async fn the_later_order_counts_in_whatever_order_they_come() {
    let stage = Stage::set().await;
    let now = Timestamp::now();
    let (first, second) = (on_issues(&["first"]), on_issues(&["second"]));
    let later = stage.order(Some(&second), now + SignedDuration::from_secs(1));
    for order in [later.clone(), stage.order(Some(&first), now), stage.order(None, now), later] {
        assert_eq!(stage.obey_order(order).await, Handled::Done);
    }
    assert_eq!(stage.started(&["first", "second"]).await, [0, 1]);
}

#[tokio::test]
async fn an_order_for_an_installation_that_is_not_there_is_refused() {
    let stage = Stage::set().await;
    let text = on_issues(&["greet"]);
    let unknown = ConfigureOrder { connection: ConnectionId("con_github_999".into()), ..stage.order(Some(&text), Timestamp::now()) };
    assert!(stage.refuses_order(unknown).await.contains("con_github_999 is no installation"));
    stage.note_connection(ConnectionStatus::Deleted).await;
    assert!(stage.refuses_order(stage.order(Some(&text), Timestamp::now())).await.contains("is no installation"));
}

#[tokio::test]
async fn a_text_that_was_lost_starts_nothing_keeps_nothing_else_back_and_is_not_looked_for_at_the_forge() {
    let stage = Stage::set().await;
    stage.configure(&on_issues(&["own"])).await;
    let (names, kinds) = (vec!["greet".to_owned()], [EventKind::Issues].into());
    let lost = WorkflowsRow { version: "lost".into(), names, kinds, ..WorkflowsRow::nothing(None, Timestamp::now()) };
    assert!(stage.services.core.save_workflows(&stage.at.connection, Scope::Workspace, &lost, None, None).await.unwrap());
    assert_eq!(stage.started(&["own", "greet"]).await, [1, 0]);
    assert_eq!(stage.forge.count("read_file"), 0);
    stage.set_workspace(&on_issues(&["greet"])).await;
    assert_eq!(stage.started(&["own", "greet"]).await, [1, 1]);
}
