//! Briefs: exchanged once, read once, and nowhere else readable (R23, R39).

use crate::build::{in_seconds, run_id, workspace};
use crate::fake::FakeAws;
use futures_util::future::join_all;
use patchbay_aws::AwsError;
use patchbay_aws::vault::{Place, Vault};
use patchbay_domain::ids::WorkspaceId;

const BRIEF: &[u8] = b"{\"clone_token\":\"canary-91c2\"}";

async fn open() -> (FakeAws, Vault) {
    let aws = FakeAws::start().await;
    let vault = Vault::new(&aws.config(), "vault", "alias/patchbay");
    (aws, vault)
}

async fn put(vault: &Vault, run: u32) -> Result<(), AwsError> {
    vault.put_brief(&workspace(), &run_id(run), 1, BRIEF, "bootstrap", in_seconds(600)).await
}

async fn exchange(vault: &Vault, hash: &str) -> bool {
    vault.exchange(&workspace(), &run_id(1), 1, hash).await.unwrap()
}

async fn take(vault: &Vault) -> Option<Vec<u8>> {
    vault.take_brief(&workspace(), &run_id(1), 1).await.unwrap()
}

#[tokio::test]
async fn a_brief_is_read_once_after_the_exchange() {
    let (aws, vault) = open().await;
    put(&vault, 1).await.unwrap();
    assert_eq!(aws.take_operations(), ["GenerateDataKey", "PutItem"]);
    assert_eq!(take(&vault).await, None, "not before the exchange");
    assert!(exchange(&vault, "bootstrap").await);
    aws.take_calls();
    assert_eq!(take(&vault).await.as_deref(), Some(BRIEF));
    assert_eq!(aws.take_operations(), ["DeleteItem", "Decrypt"]);
    assert_eq!(take(&vault).await, None, "not a second time");
    assert_eq!(aws.rows("vault"), Vec::<serde_json::Value>::new(), "nothing is left of it");
}

#[tokio::test]
async fn a_brief_lies_sealed() {
    let (aws, vault) = open().await;
    put(&vault, 1).await.unwrap();
    let row = &aws.rows("vault")[0];
    let sealed = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, row["sealed"]["B"].as_str().unwrap()).unwrap();
    assert!(!String::from_utf8_lossy(&sealed).contains("canary"));
    assert!(!row.to_string().contains("canary"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bootstrap_secret_works_once_for_one() {
    let (_aws, vault) = open().await;
    put(&vault, 1).await.unwrap();
    assert!(!exchange(&vault, "wrong").await, "the wrong secret");
    let won = join_all((0..20).map(|_| exchange(&vault, "bootstrap"))).await;
    assert_eq!(won.into_iter().filter(|won| *won).count(), 1);
}

#[tokio::test]
async fn an_expired_brief_is_neither_exchanged_nor_read() {
    let (aws, vault) = open().await;
    vault.put_brief(&workspace(), &run_id(1), 1, BRIEF, "bootstrap", in_seconds(-1)).await.unwrap();
    assert!(!exchange(&vault, "bootstrap").await);
    let mut row = aws.rows("vault").remove(0);
    row["exchanged_at"] = serde_json::json!({"N": "1"});
    aws.put_row("vault", &row);
    assert_eq!(take(&vault).await, None);
}

#[tokio::test]
async fn a_brief_is_replaced_until_the_task_has_come_for_it() {
    let (_aws, vault) = open().await;
    put(&vault, 1).await.unwrap();
    put(&vault, 1).await.unwrap();
    assert!(exchange(&vault, "bootstrap").await);
    assert_eq!(put(&vault, 1).await, Err(AwsError::Conflict));
}

#[tokio::test]
async fn a_brief_moved_to_another_run_does_not_open() {
    let (aws, vault) = open().await;
    put(&vault, 1).await.unwrap();
    put(&vault, 2).await.unwrap();
    let rows = aws.rows("vault");
    let of = |run: u32| rows.iter().find(|row| row["sk"]["S"].as_str().unwrap().contains(run_id(run).as_str())).unwrap().clone();
    let mut swapped = of(1);
    swapped["sealed"] = of(2)["sealed"].clone();
    aws.put_row("vault", &swapped);
    assert!(exchange(&vault, "bootstrap").await);
    assert!(matches!(vault.take_brief(&workspace(), &run_id(1), 1).await, Err(AwsError::Permanent(_))));
}

#[tokio::test]
async fn a_sealed_secret_opens_in_its_own_place_only() {
    let (_aws, vault) = open().await;
    let (ours, theirs) = (workspace(), WorkspaceId("ws_github_8".into()));
    let here = Place { workspace: &ours, provider: "github", record: "token", version: 1 };
    let sealed = vault.seal(&here, b"secret").await.unwrap();
    assert_eq!(**vault.open(&here, &sealed).await.unwrap(), *b"secret");
    for there in [Place { workspace: &theirs, ..here }, Place { version: 2, ..here }, Place { record: "other", ..here }] {
        assert!(matches!(vault.open(&there, &sealed).await, Err(AwsError::Permanent(_))), "{there:?}");
    }
    assert!(matches!(vault.open(&here, b"\x01\x00").await, Err(AwsError::Permanent(_))));
}
