//! The write happens, its answer is lost, the SDK tries again: nobody takes their own write for somebody else's.

use crate::build::{in_seconds, now, run, run_id, workspace};
use crate::fake::FakeAws;
use patchbay_aws::tables::deliveries::{Claim, DeliveriesTable};
use patchbay_aws::tables::runs::{Create, Reservation, RunsTable, Save, Slot, SlotClaim};
use patchbay_domain::ids::DeliveryId;
use patchbay_domain::run::SlotScope;
use patchbay_domain::task::Usage;

#[tokio::test]
async fn a_claim_with_a_lost_answer_is_still_ours() {
    let aws = FakeAws::start().await;
    let table = DeliveriesTable::new(&aws.config(), "deliveries");
    aws.lose_next_write();
    let claim = table.claim("github", "app", &DeliveryId("d1".into()), "sha-1", in_seconds(60), now()).await.unwrap();
    assert_eq!(claim, Claim::New);
    assert_eq!(aws.take_operations(), ["UpdateItem", "UpdateItem"], "it was lost, and tried again");
}

#[tokio::test]
async fn a_run_is_created_and_saved_despite_lost_answers() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    aws.lose_next_write();
    assert_eq!(table.create(&run(1)).await, Ok(Create::Created));
    aws.lose_next_write();
    assert_eq!(table.save(&run(1), 1).await, Ok(Save::Saved));
    assert_eq!(table.load(&workspace(), &run_id(1)).await.unwrap().unwrap().version, 2, "saved once");
    assert_eq!(aws.take_operations().len(), 5);
}

#[tokio::test]
async fn money_is_reserved_and_settled_once_despite_lost_answers() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    let used = Usage { model_calls: 1, input_tokens: 2, output_tokens: 3, cost_microusd: 400 };
    aws.lose_next_write();
    assert_eq!(table.reserve(&workspace(), &run_id(1), 600, 1_000).await, Ok(Reservation::Reserved));
    assert_eq!(table.reserve(&workspace(), &run_id(1), 400, 1_000).await, Ok(Reservation::Reserved), "600 was reserved once");
    aws.lose_next_write();
    table.settle(&workspace(), &run_id(1), 600, &used).await.unwrap();
    assert_eq!(table.usage(&workspace(), &run_id(1)).await, Ok(used), "counted once");
    assert_eq!(table.reserve(&workspace(), &run_id(1), 201, 1_000).await, Ok(Reservation::Exhausted));
    assert_eq!(table.reserve(&workspace(), &run_id(1), 200, 1_000).await, Ok(Reservation::Reserved));
}

#[tokio::test]
async fn slots_are_claimed_despite_a_lost_answer() {
    let aws = FakeAws::start().await;
    let table = RunsTable::new(&aws.config(), "runs");
    let slots = [Slot { scope: SlotScope::Workspace, key: "workspace".into(), capacity: 1 }];
    aws.lose_next_write();
    assert_eq!(table.claim_slots(&workspace(), &run_id(1), &slots).await, Ok(SlotClaim::Claimed));
    assert_eq!(table.slot_holders(&workspace(), "workspace").await, Ok(vec![run_id(1)]));
}
