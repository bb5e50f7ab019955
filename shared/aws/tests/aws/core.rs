//! Connections and their repositories (R21).

use crate::build::{connection, in_seconds, now, repository, workspace};
use crate::fake::FakeAws;
use jiff::Timestamp;
use patchbay_aws::tables::core::{Connection, ConnectionStatus, CoreTable};
use patchbay_domain::event::Provider;
use std::collections::BTreeMap;

fn record(status: ConnectionStatus, updated_at: Timestamp) -> Connection {
    Connection {
        workspace: workspace(),
        connection: connection(),
        provider: Provider::Github,
        installation_id: 42,
        account_id: 7,
        account_login: "acme".into(),
        status,
        all_repositories: false,
        permissions: BTreeMap::from([("contents".to_owned(), "write".to_owned())]),
        updated_at,
    }
}

async fn open() -> (FakeAws, CoreTable) {
    let aws = FakeAws::start().await;
    let table = CoreTable::new(&aws.config(), "core");
    (aws, table)
}

#[tokio::test]
async fn a_connection_is_read_back_whole() {
    let (aws, table) = open().await;
    assert_eq!(table.load_connection(&connection()).await.unwrap(), None);
    let saved = record(ConnectionStatus::Active, now());
    assert!(table.save_connection(&saved).await.unwrap());
    assert_eq!(table.load_connection(&connection()).await.unwrap(), Some(saved));
    assert_eq!(aws.take_operations(), ["GetItem", "PutItem", "GetItem"]);
}

#[tokio::test]
async fn an_older_word_never_overwrites_a_newer_one() {
    let (_aws, table) = open().await;
    assert!(table.save_connection(&record(ConnectionStatus::Suspended, in_seconds(10))).await.unwrap());
    assert!(!table.save_connection(&record(ConnectionStatus::Active, in_seconds(5))).await.unwrap());
    assert!(!table.set_connection_status(&connection(), ConnectionStatus::Active, in_seconds(5)).await.unwrap());
    assert_eq!(table.load_connection(&connection()).await.unwrap().unwrap().status, ConnectionStatus::Suspended);
    assert!(table.set_connection_status(&connection(), ConnectionStatus::Active, in_seconds(11)).await.unwrap());
    assert_eq!(table.load_connection(&connection()).await.unwrap().unwrap().status, ConnectionStatus::Active);
}

#[tokio::test]
async fn a_deleted_connection_stays_deleted() {
    let (_aws, table) = open().await;
    assert!(table.save_connection(&record(ConnectionStatus::Deleted, now())).await.unwrap());
    assert!(!table.save_connection(&record(ConnectionStatus::Active, in_seconds(60))).await.unwrap());
    assert!(table.save_connection(&record(ConnectionStatus::Deleted, in_seconds(60))).await.unwrap(), "said again is no contradiction");
    assert_eq!(table.load_connection(&connection()).await.unwrap().unwrap().status, ConnectionStatus::Deleted);
}

#[tokio::test]
async fn an_unknown_connection_has_no_status_to_change() {
    let (_aws, table) = open().await;
    assert!(!table.set_connection_status(&connection(), ConnectionStatus::Deleted, now()).await.unwrap());
    assert_eq!(table.load_connection(&connection()).await.unwrap(), None);
}

#[tokio::test]
async fn repositories_come_and_go_a_hundred_per_call() {
    let (aws, table) = open().await;
    let mut many: Vec<_> = (1..=150).map(repository).collect();
    many.push(repository(1));
    table.put_repositories(&workspace(), &connection(), &many).await.unwrap();
    assert_eq!(aws.take_operations(), ["TransactWriteItems", "TransactWriteItems"]);
    assert_eq!(table.load_repository(&connection(), 150).await.unwrap(), Some(repository(150)));
    table.remove_repositories(&workspace(), &connection(), &[150, 150, 999]).await.unwrap();
    assert_eq!(table.load_repository(&connection(), 150).await.unwrap(), None);
    assert_eq!(table.load_repository(&connection(), 1).await.unwrap(), Some(repository(1)));
    aws.take_calls();
    table.put_repositories(&workspace(), &connection(), &[]).await.unwrap();
    assert_eq!(aws.take_operations(), Vec::<String>::new(), "nothing to do is no call");
}

#[tokio::test]
async fn a_workspace_keeps_its_first_day() {
    let (aws, table) = open().await;
    table.save_workspace(&workspace(), "acme", now()).await.unwrap();
    table.save_workspace(&workspace(), "renamed", in_seconds(60)).await.unwrap();
    assert_eq!(aws.row("core", "ws_github_7", "workspace")["name"]["S"], "acme");
}
