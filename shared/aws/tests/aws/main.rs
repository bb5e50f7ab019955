//! The crate against AWS's own protocols: DynamoDB played by dynoxide, KMS, SQS, ECS, S3 and Secrets Manager by `fake`.
//! One binary; every test has an AWS of its own.

mod batch;
mod blobs_secrets_queue;
mod build;
mod core;
mod deliveries;
mod fake;
mod gates;
mod ledger;
mod lost_answers;
mod runs;
mod slots;
mod tasks;
mod threads;
mod vault;
mod workflows;
