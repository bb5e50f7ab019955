//! The tap on every call that leaves a process: it records them, and strikes at one of them.
//!
//! One tap serves one stack: AWS, the local GitHub, the functions' URLs and the engine ask it before and after each call.

use super::point::{Fault, Kind, Point};
use crate::aws::{self, Aws, AwsError, Call, Moment};
use crate::stack::callers::{Callers, kill_now};
use crate::stack::http::function_url::{UrlFault, UrlFaultHook};
use crate::stack::{STACK_NAME, Stack, StackConfig, TaskEventFault};
use patchbay_testing::github::{self as forge, PostFault};
use serde_json::json;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

/// The one caller that is no function.
pub(super) const TASK: &str = "agent-task";
/// A task that is being killed must not hear anything meanwhile; this is long enough for the slowest machine.
const DYING: Duration = Duration::from_secs(60);
/// What ECS says when a machine fails.
const LOST: &str = "The machine under the task failed";

/// The tap of one stack.
#[derive(Default)]
pub(super) struct Tap {
    watch: Mutex<Watch>,
    callers: Arc<Callers>,
    /// Known once the stack is up.
    aws: OnceLock<Weak<Aws>>,
    /// Nobody hears that the next task ended.
    silent_end: AtomicBool,
    /// ECS says yes to the next StopTask, and forgets it.
    deaf: AtomicBool,
    /// What GitHub notes of the next webhook, which does not arrive.
    lost_post: Mutex<Option<u16>>,
}

/// What is seen between `start` and `stop`.
#[derive(Default)]
struct Watch {
    on: bool,
    begun: BTreeMap<Kind, u32>,
    answered: BTreeMap<Kind, u32>,
    points: Vec<Point>,
    armed: Option<(Point, Fault)>,
    struck: bool,
    trouble: Vec<String>,
    /// Every call, watched or not.
    count: u64,
}

/// What a watch saw.
#[derive(Debug)]
pub(super) struct Seen {
    /// Every call, in order.
    pub(super) points: Vec<Point>,
    /// Whether the armed point came.
    pub(super) struck: bool,
    /// What the tap itself could not do.
    pub(super) trouble: Vec<String>,
}

impl Tap {
    /// Makes a configuration ask a new tap.
    pub(super) fn install(config: &mut StackConfig) -> Arc<Self> {
        let tap = Arc::<Self>::default();
        config.faults = Some(tap.on_aws());
        config.forge_faults = Some(tap.on_forge());
        config.url_faults = Some(tap.on_urls());
        config.task_event_faults = Some(tap.on_task_events());
        config.post_faults = Some(tap.on_posts());
        config.callers = Some(Arc::clone(&tap.callers));
        tap
    }

    /// Lets the tap find the stack's tasks.
    pub(super) fn connect(&self, stack: &Stack) {
        // A second stack with the same tap would be a mistake of this module alone.
        _ = self.aws.set(Arc::downgrade(stack.aws()));
    }

    /// The machines under all tasks fail, and nobody hears of it.
    ///
    /// # Errors
    /// When the stack is not up.
    pub(super) fn lose_tasks_silently(&self) -> Result<(), String> {
        self.silent_end.store(true, Ordering::Release);
        self.lose_tasks()
    }

    /// ECS says yes to the next StopTask, and does nothing.
    pub(super) fn forget_next_stop(&self) {
        self.deaf.store(true, Ordering::Release);
    }

    /// The next webhook does not arrive; the forge's log has this status for it.
    pub(super) fn lose_next_post(&self, status: u16) {
        *self.lost_post.lock().unwrap_or_else(PoisonError::into_inner) = Some(status);
    }

    /// Begins to watch, and strikes at the point if one is named.
    pub(super) fn start(&self, armed: Option<(Point, Fault)>) {
        let count = self.lock().count;
        *self.lock() = Watch { on: true, armed, count, ..Watch::default() };
    }

    /// Ends the watch.
    pub(super) fn stop(&self) -> Seen {
        let mut watch = self.lock();
        watch.on = false;
        Seen { points: std::mem::take(&mut watch.points), struck: watch.struck, trouble: std::mem::take(&mut watch.trouble) }
    }

    /// How many calls there were: a change means that something is at work.
    pub(super) fn count(&self) -> u64 {
        self.lock().count
    }

    fn lock(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn on_aws(self: &Arc<Self>) -> aws::FaultHook {
        let tap = Arc::clone(self);
        Arc::new(move |call, moment| {
            if !tap.is_on() {
                return None;
            }
            let kind = Kind { caller: call.caller.clone(), call: name_of(call) };
            let kill = || tap.kill_function(&call.caller, call.peer);
            if tap.see(kind, moment == Moment::Before, kill).is_some() {
                cut();
            }
            let unheard = call.operation == "StopTask" && moment == Moment::Before && tap.deaf.swap(false, Ordering::AcqRel);
            unheard.then(stopping)
        })
    }

    fn on_forge(self: &Arc<Self>) -> forge::FaultHook {
        let tap = Arc::clone(self);
        Arc::new(move |call, moment| {
            if !tap.is_on() {
                return None;
            }
            let caller = tap.caller_at(call.peer);
            let kind = Kind { caller: caller.clone(), call: format!("{} {}", call.method, call.route) };
            let kill = || if caller == TASK { tap.lose_tasks() } else { tap.kill_function(&caller, call.peer) };
            let strike = tap.see(kind, moment == forge::Moment::Before, kill)?;
            let dies = caller == TASK && strike != Fault::DropResponse;
            Some(if dies { forge::Fault::Delay(DYING) } else { forge::Fault::Drop })
        })
    }

    fn on_urls(self: &Arc<Self>) -> UrlFaultHook {
        let tap = Arc::clone(self);
        Arc::new(move |call, moment| {
            if !tap.is_on() {
                return None;
            }
            let kind = Kind { caller: TASK.to_owned(), call: format!("{} {} {}", call.function, call.method, call.path) };
            let strike = tap.see(kind, moment == Moment::Before, || tap.lose_tasks())?;
            Some(if strike == Fault::DropResponse { UrlFault::Drop } else { UrlFault::Hang })
        })
    }

    fn on_task_events(self: &Arc<Self>) -> crate::stack::TaskEventHook {
        let tap = Arc::clone(self);
        Arc::new(move |event| {
            let unheard = event["detail"]["lastStatus"] == "STOPPED" && tap.silent_end.swap(false, Ordering::AcqRel);
            unheard.then_some(TaskEventFault::Lost)
        })
    }

    fn on_posts(self: &Arc<Self>) -> forge::PostHook {
        let tap = Arc::clone(self);
        Arc::new(move |_| tap.lost_post.lock().unwrap_or_else(PoisonError::into_inner).take().map(PostFault::Refused))
    }

    fn is_on(&self) -> bool {
        let mut watch = self.lock();
        watch.count += 1;
        watch.on
    }

    /// Notes a call; strikes if it is the one. Then the caller gets no answer.
    fn see(&self, kind: Kind, before: bool, kill: impl FnOnce() -> Result<(), String>) -> Option<Fault> {
        let mut watch = self.lock();
        let counts = if before { &mut watch.begun } else { &mut watch.answered };
        let nth = counts.entry(kind.clone()).or_default();
        *nth += 1;
        let point = Point { kind, nth: *nth };
        let hit = |(armed, fault): &&(Point, Fault)| *armed == point && before == (*fault == Fault::KillBefore);
        let strike = watch.armed.as_ref().filter(|_| !watch.struck).filter(hit).map(|(_, fault)| *fault);
        if before {
            watch.points.push(point.clone());
        }
        let fault = strike?;
        watch.struck = true;
        drop(watch);
        if fault != Fault::DropResponse
            && let Err(trouble) = kill()
        {
            self.lock().trouble.push(format!("{point}: {trouble}"));
        }
        Some(fault)
    }

    /// A call to the external engine has come from there, or has taken effect. Does not return if the connection closes.
    pub(super) fn at_engine(&self, peer: SocketAddr, before: bool) {
        if !self.is_on() {
            return;
        }
        let caller = self.caller_at(Some(peer));
        let kind = Kind { caller: caller.clone(), call: "POST engine".to_owned() };
        if self.see(kind, before, || self.kill_function(&caller, Some(peer))).is_some() {
            cut();
        }
    }

    /// The function whose process made a request from there; whoever is none belongs to the task.
    fn caller_at(&self, peer: Option<SocketAddr>) -> String {
        let found = peer.and_then(|peer| self.callers.find(peer));
        found.map_or(TASK, |(package, _)| package).to_owned()
    }

    fn kill_function(&self, package: &str, peer: Option<SocketAddr>) -> Result<(), String> {
        let peer = peer.ok_or("the call has no address")?;
        let pid = self.callers.process_of(package, peer).ok_or_else(|| format!("no process of {package} holds {peer}"))?;
        kill_now(pid).map_err(|error| format!("process {pid} cannot be killed: {error}"))
    }

    fn lose_tasks(&self) -> Result<(), String> {
        let aws = self.aws.get().and_then(Weak::upgrade).ok_or("the stack is not up")?;
        aws.lose_tasks(LOST);
        Ok(())
    }
}

/// ECS's answer to a StopTask that it will not carry out. No error: an answer in place of the operation.
fn stopping() -> AwsError {
    let mut answer = AwsError::with_status(200, "", "");
    answer.extra.insert("task".into(), json!({ "desiredStatus": "STOPPED" }));
    answer
}

/// Ends the connection's task: its socket closes, nothing is sent.
fn cut() {
    std::panic::resume_unwind(Box::new("the connection is dropped"));
}

/// The call without what differs from run to run.
fn name_of(call: &Call) -> String {
    let resources: Vec<&str> = match call.service {
        // Task ids: one journey has one task.
        "ecs" => Vec::new(),
        "s3" => call.resources.iter().map(|path| path.split('/').nth(1).unwrap_or(path)).collect(),
        "kms" | "secretsmanager" => Vec::new(),
        _ => call.resources.iter().map(String::as_str).collect(),
    };
    let own = format!("{STACK_NAME}-");
    let resources: Vec<&str> = resources.into_iter().map(|name| name.strip_prefix(&own).unwrap_or(name)).collect();
    format!("{} {}", call.action(), resources.join("+")).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(call: &str) -> Kind {
        Kind { caller: "run-results".to_owned(), call: call.to_owned() }
    }

    #[test]
    fn it_strikes_once_at_the_named_call_and_moment() {
        let tap = Tap::default();
        let check = |call: &str, before: bool| {
            let mut killed = false;
            let cut = tap.see(kind(call), before, || {
                killed = true;
                Ok(())
            });
            (cut.is_some(), killed)
        };
        tap.start(Some((Point { kind: kind("a"), nth: 2 }, Fault::KillAfter)));
        assert_eq!(check("a", true), (false, false));
        assert_eq!(check("b", true), (false, false));
        assert_eq!(check("a", false), (false, false));
        assert_eq!(check("a", true), (false, false), "not before it took effect");
        assert_eq!(check("a", false), (true, true));
        assert_eq!(check("a", false), (false, false));
        let seen = tap.stop();
        assert!(seen.struck);
        assert_eq!(
            seen.points.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["run-results a #1", "run-results b #1", "run-results a #2"]
        );
        tap.start(Some((Point { kind: kind("a"), nth: 1 }, Fault::DropResponse)));
        assert_eq!(check("a", true), (false, false));
        assert_eq!(check("a", false), (true, false), "only the answer is lost");
        assert!(tap.stop().struck);
    }

    #[test]
    fn a_call_is_named_without_what_differs_from_run_to_run() {
        let check = |service: &'static str, operation: &str, resource: &str, expected: &str| {
            let call =
                Call { service, operation: operation.to_owned(), resources: vec![resource.to_owned()], caller: String::new(), peer: None };
            assert_eq!(name_of(&call), expected);
        };
        check("dynamodb", "PutItem", "patchbay-local-runs", "dynamodb:PutItem runs");
        check("s3", "GetObject", "patchbay-local-bucket/results/ws_1/run_2/1.json", "s3:GetObject results");
        check("ecs", "StopTask", "0123abcd", "ecs:StopTask");
    }
}
