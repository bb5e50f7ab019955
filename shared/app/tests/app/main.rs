//! The use cases against stand-ins: DynamoDB (dynoxide) and the rest of AWS in process, a local GitHub behind the real
//! client, and between the two a watch that counts the forge's calls and breaks the one that a test names.

mod applying;
mod cloud;
mod counters;
mod dispatch;
mod ecs;
mod effects;
mod launch;
mod matching;
mod options;
mod reap;
mod redelivery;
mod runs;
mod schedules;
mod silent;
mod stage;
mod steps;
mod task_ends;
mod watched_forge;
mod workflow_gates;
mod workflows;
mod workspace;
