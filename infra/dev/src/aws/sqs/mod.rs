//! SQS standard queues: durable, with visibility, delay, receive counts, dead letters and fair groups.
//!
//! `queue` decides, `store` keeps, `api` speaks AWS's protocol; this module joins them and wakes those who wait.
//! `QueueHandle` is the same for this process: event source mappings and tests use it.

mod api;
mod api_parse;
mod digest;
mod faults;
mod handle;
mod message;
mod query_error;
mod queue;
mod store;

pub use faults::{QueueFault, QueueHook, QueueMoment};
pub use handle::QueueHandle;
pub use message::{MessageAttribute, ReceivedMessage};
pub(super) use query_error::query_error;
pub use queue::Depth;

use super::error::AwsError;
use super::spec::QueueSpec;
use message::{Content, Delivery, Message};
use queue::Queue;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use store::{Change, Store};
use tokio::sync::Notify;

/// The longest delay, 15 minutes.
const MAX_DELAY: Duration = Duration::from_secs(900);
/// The longest visibility timeout, 12 hours.
const MAX_VISIBILITY: Duration = Duration::from_secs(43_200);
/// The longest long poll.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewMessage {
    pub body: String,
    pub group: Option<String>,
    /// `None`: the queue's own delay.
    pub delay: Option<Duration>,
    pub attributes: BTreeMap<String, MessageAttribute>,
}

/// All queues.
pub(super) struct Sqs {
    inner: Mutex<Inner>,
    arrivals: HashMap<String, Arc<Notify>>,
    endpoint: String,
    faults: Option<QueueHook>,
}

struct Inner {
    queues: BTreeMap<String, Queue>,
    store: Store,
    next_seq: u64,
}

impl Sqs {
    /// Opens the store and takes up what it holds. Messages of queues that are no longer listed stay stored.
    pub(super) fn open(data_dir: &Path, specs: &[QueueSpec], endpoint: String, faults: Option<QueueHook>) -> anyhow::Result<Self> {
        let store = Store::open(&data_dir.join("sqs.sqlite"))?;
        let mut queues: BTreeMap<String, Queue> = specs.iter().map(|spec| (spec.name.clone(), Queue::new(spec.clone()))).collect();
        for spec in specs {
            if let Some(redrive) = &spec.redrive {
                anyhow::ensure!(queues.contains_key(&redrive.dead_letter_queue), "{}: no such dead-letter queue", spec.name);
            }
        }
        let mut next_seq = 1;
        for (name, message) in store.load()? {
            next_seq = message.seq + 1;
            if let Some(queue) = queues.get_mut(&name) {
                queue.insert(message);
            }
        }
        let arrivals = queues.keys().map(|name| (name.clone(), Arc::new(Notify::new()))).collect();
        Ok(Self { inner: Mutex::new(Inner { queues, store, next_seq }), arrivals, endpoint, faults })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn url(&self, queue: &str) -> String {
        format!("{}/{}/{queue}", self.endpoint, super::ACCOUNT)
    }

    fn wake(&self, queue: &str) {
        if let Some(arrival) = self.arrivals.get(queue) {
            arrival.notify_waiters();
        }
    }

    fn fault(&self, queue: &str, moment: QueueMoment) -> Option<QueueFault> {
        self.faults.as_ref().and_then(|hook| hook(queue, moment))
    }

    /// Stores a message. Returns its id.
    fn send(&self, queue: &str, new: NewMessage) -> Result<String, AwsError> {
        api_parse::check_message(&new)?;
        let now = now_ms();
        let mut inner = self.lock();
        let Inner { queues, store, next_seq } = &mut *inner;
        let target = queues.get_mut(queue).ok_or_else(no_such_queue)?;
        if api_parse::message_bytes(&new) > target.spec.max_message_bytes {
            let limit = target.spec.max_message_bytes;
            return Err(invalid(format!("One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes.")));
        }
        let fault = self.fault(queue, QueueMoment::Send);
        let late = if let Some(QueueFault::Late(by)) = fault { by } else { Duration::ZERO };
        let delay = new.delay.unwrap_or(target.spec.delay).min(MAX_DELAY) + late;
        let id = uuid::Uuid::new_v4().to_string();
        let content = Content { id: id.clone(), body: new.body, group: new.group, attributes: new.attributes, sent_at: now };
        let delivery = Delivery { visible_at: now + millis(delay), ..Delivery::default() };
        for _ in 0..if fault == Some(QueueFault::Twice) { 2 } else { 1 } {
            let message = Message { seq: *next_seq, content: content.clone(), delivery: delivery.clone() };
            store.write(&[Change::Put(queue, &message)])?;
            *next_seq += 1;
            target.insert(message);
        }
        drop(inner);
        self.wake(queue);
        Ok(id)
    }

    /// Receives at once whatever is visible.
    fn receive_now(&self, queue: &str, max: usize, visibility: Option<Duration>) -> Result<Vec<ReceivedMessage>, AwsError> {
        let now = now_ms();
        let mut inner = self.lock();
        let dead_letters_to = inner.advance(queue, now)?;
        let Inner { queues, store, .. } = &mut *inner;
        let source = queues.get_mut(queue).ok_or_else(no_such_queue)?;
        let mut visibility = millis(visibility.unwrap_or(source.spec.visibility_timeout).min(MAX_VISIBILITY));
        let fault = if source.depth().visible > 0 { self.fault(queue, QueueMoment::Receive) } else { None };
        if let Some(QueueFault::Early(after)) = fault {
            visibility = visibility.min(millis(after));
        }
        source.newest_first = fault == Some(QueueFault::OutOfOrder);
        let taken = source.receive(max, visibility, now, || uuid::Uuid::new_v4().simple().to_string());
        store.write(&taken.iter().map(|message| Change::Update(message)).collect::<Vec<_>>())?;
        let received = taken.into_iter().map(Message::received).collect();
        drop(inner);
        if let Some(dead_letter_queue) = dead_letters_to {
            self.wake(&dead_letter_queue);
        }
        Ok(received)
    }

    /// Receives, waiting up to `wait` for a first message.
    async fn receive(
        &self,
        queue: &str,
        max: usize,
        visibility: Option<Duration>,
        wait: Duration,
    ) -> Result<Vec<ReceivedMessage>, AwsError> {
        let deadline = Instant::now() + wait.min(MAX_WAIT);
        let arrival = self.arrivals.get(queue).ok_or_else(no_such_queue)?;
        loop {
            let notified = arrival.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            let received = self.receive_now(queue, max, visibility)?;
            if !received.is_empty() || Instant::now() >= deadline {
                return Ok(received);
            }
            let next_visible = self.lock().queues.get(queue).and_then(Queue::next_visible_at);
            let until_visible = next_visible.map(|at| Duration::from_millis(at.saturating_sub(now_ms()).max(1)));
            let until_deadline = deadline.saturating_duration_since(Instant::now());
            let pause = until_visible.map_or(until_deadline, |until| until.min(until_deadline));
            let _ = tokio::time::timeout(pause, notified).await;
        }
    }

    /// Deletes by receipt. An outdated receipt or a deleted message is no error and deletes nothing.
    fn delete(&self, queue: &str, receipt_handle: &str) -> Result<(), AwsError> {
        let (seq, receipt) = api_parse::receipt(receipt_handle)?;
        let mut inner = self.lock();
        let Inner { queues, store, .. } = &mut *inner;
        let source = queues.get_mut(queue).ok_or_else(no_such_queue)?;
        if source.held(seq, receipt).is_some() {
            store.write(&[Change::Remove(seq)])?;
            source.remove(seq);
        }
        Ok(())
    }

    /// Hides a message for another while from now on; zero makes it visible at once.
    fn change_visibility(&self, queue: &str, receipt_handle: &str, visibility: Duration) -> Result<(), AwsError> {
        let (seq, receipt) = api_parse::receipt(receipt_handle)?;
        if visibility > MAX_VISIBILITY {
            return Err(invalid("Value for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200."));
        }
        let gone = || {
            let reason = "Reason: Message does not exist or is not available for visibility timeout change.";
            invalid(format!("Value {receipt_handle} for parameter ReceiptHandle is invalid. {reason}"))
        };
        let now = now_ms();
        let mut inner = self.lock();
        inner.advance(queue, now)?;
        let Inner { queues, store, .. } = &mut *inner;
        let source = queues.get_mut(queue).ok_or_else(no_such_queue)?;
        source.held(seq, receipt).ok_or_else(gone)?;
        let message = source.hide(seq, millis(visibility), now).ok_or_else(gone)?;
        store.write(&[Change::Update(message)])?;
        drop(inner);
        self.wake(queue);
        Ok(())
    }

    fn depth(&self, queue: &str) -> Result<Depth, AwsError> {
        let mut inner = self.lock();
        inner.advance(queue, now_ms())?;
        inner.queues.get(queue).map(Queue::depth).ok_or_else(no_such_queue)
    }

    fn oldest(&self, queue: &str) -> Result<Option<Duration>, AwsError> {
        let now = now_ms();
        let mut inner = self.lock();
        inner.advance(queue, now)?;
        let sent_at = inner.queues.get(queue).ok_or_else(no_such_queue)?.oldest_sent_at();
        Ok(sent_at.map(|sent_at| Duration::from_millis(now.saturating_sub(sent_at))))
    }

    /// After how long the next message that cannot be received now can be.
    fn next_visible_in(&self, queue: &str) -> Result<Option<Duration>, AwsError> {
        let now = now_ms();
        let mut inner = self.lock();
        inner.advance(queue, now)?;
        let next = inner.queues.get(queue).ok_or_else(no_such_queue)?.next_visible_at();
        Ok(next.map(|at| Duration::from_millis(at.saturating_sub(now))))
    }

    fn spec(&self, queue: &str) -> Result<QueueSpec, AwsError> {
        self.lock().queues.get(queue).map(|queue| queue.spec.clone()).ok_or_else(no_such_queue)
    }

    /// Lets time pass for all messages.
    pub(super) fn pass_time(&self, by: Duration) -> Result<(), AwsError> {
        let mut inner = self.lock();
        let Inner { queues, store, .. } = &mut *inner;
        for queue in queues.values_mut() {
            queue.pass_time(millis(by));
            store.write(&queue.messages().map(|message| Change::Put(&queue.spec.name, message)).collect::<Vec<_>>())?;
        }
        drop(inner);
        self.arrivals.values().for_each(|arrival| arrival.notify_waiters());
        Ok(())
    }

    /// Forgets every message of the queue.
    fn purge(&self, queue: &str) -> Result<(), AwsError> {
        let mut inner = self.lock();
        let Inner { queues, store, .. } = &mut *inner;
        let source = queues.get_mut(queue).ok_or_else(no_such_queue)?;
        let seqs = source.seqs();
        store.write(&seqs.iter().map(|&seq| Change::Remove(seq)).collect::<Vec<_>>())?;
        for seq in seqs {
            source.remove(seq);
        }
        Ok(())
    }

    /// Sends every visible dead letter as a new message to `destination`, or to the queue that it came from.
    /// Returns how many moved.
    fn redrive(&self, dead_letter_queue: &str, destination: Option<&str>) -> Result<usize, AwsError> {
        let mut moved = 0;
        loop {
            let batch = self.receive_now(dead_letter_queue, 10, None)?;
            if batch.is_empty() {
                return Ok(moved);
            }
            for message in batch {
                let source = message.system_attributes.get("DeadLetterQueueSourceArn").and_then(|arn| arn.rsplit(':').next());
                if let Some(target) = destination.or(source) {
                    let group = message.system_attributes.get("MessageGroupId").cloned();
                    let attributes = message.message_attributes;
                    self.send(target, NewMessage { body: message.body, group, delay: None, attributes })?;
                    self.delete(dead_letter_queue, &message.receipt_handle)?;
                    moved += 1;
                }
            }
        }
    }
}

impl Inner {
    /// Lets time pass for one queue. Returns the dead-letter queue that got messages.
    fn advance(&mut self, queue: &str, now: u64) -> Result<Option<String>, AwsError> {
        let source = self.queues.get_mut(queue).ok_or_else(no_such_queue)?;
        let due = source.advance(now);
        let mut changes: Vec<Change<'_>> = due.expired.iter().map(|&seq| Change::Remove(seq)).collect();
        let dead_letter_queue = source.spec.redrive.as_ref().map(|redrive| redrive.dead_letter_queue.clone());
        let Some(dead_letter_queue) = dead_letter_queue.filter(|_| !due.dead.is_empty()) else {
            self.store.write(&changes)?;
            return Ok(None);
        };
        let dead: Vec<Message> = due.dead.into_iter().map(|message| buried(message, queue, now)).collect();
        changes.extend(dead.iter().map(|message| Change::Put(&dead_letter_queue, message)));
        self.store.write(&changes)?;
        if let Some(target) = self.queues.get_mut(&dead_letter_queue) {
            dead.into_iter().for_each(|message| target.insert(message));
        }
        Ok(Some(dead_letter_queue))
    }
}

fn buried(mut message: Message, source: &str, now: u64) -> Message {
    message.delivery = Delivery { visible_at: now, dead_letter_source: Some(arn(source)), ..Delivery::default() };
    message
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:{}:{}:{queue}", super::REGION, super::ACCOUNT)
}

fn no_such_queue() -> AwsError {
    AwsError::refused("QueueDoesNotExist", "The specified queue does not exist.")
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::refused("InvalidParameterValue", message)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn now_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}
