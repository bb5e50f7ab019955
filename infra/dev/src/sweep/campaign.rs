//! Going through a whole sweep: recording each journey, and playing it again for each call and fault on several stacks.

use super::journey::Journey;
use super::point::{Fault, Point};
use super::scene::{Play, Theatre};
use super::table::{JourneyResult, Report, Violation};
use crate::stack::{Schedules, StackConfig};
use anyhow::bail;
use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// A journey is recorded so often: which calls it makes depends a little on who is faster.
const RECORDINGS: usize = 2;

/// What to sweep, and how.
#[derive(Clone)]
pub struct Options {
    /// Binaries, template and settings; the data folder is not used.
    pub stack: StackConfig,
    pub journeys: Vec<&'static Journey>,
    /// Which part of the sweep a sample takes, and in which order everything is played.
    pub seed: u64,
    /// So many reruns of each journey; `None`: all.
    pub sample: Option<usize>,
    /// Only points whose name contains this.
    pub only: Option<String>,
    pub faults: Vec<Fault>,
    /// Stacks at once.
    pub stacks: usize,
}

impl Options {
    /// Everything, with the scripted agent and without schedules of the stack's own: the sweep ticks by itself.
    pub fn new(mut stack: StackConfig) -> Self {
        stack.schedules = Schedules::OnRequest;
        stack.task_env_overrides.insert("PATCHBAY_AGENT".to_owned(), "scripted".to_owned());
        let journeys = super::journey::JOURNEYS.iter().collect();
        Self { stack, journeys, seed: 1, sample: None, only: None, faults: Fault::ALL.to_vec(), stacks: 2 }
    }
}

/// One rerun.
#[derive(Clone, Debug)]
struct Job {
    journey: &'static Journey,
    point: Point,
    fault: Fault,
}

/// Sweeps. `tell` hears one line for each step.
///
/// # Errors
/// When a stack does not start, or a journey fails without any fault. Violations are in the report.
pub async fn sweep(options: Options, tell: impl Fn(String) + Send + Sync + 'static) -> anyhow::Result<Report> {
    let tell: Arc<dyn Fn(String) + Send + Sync> = Arc::new(tell);
    let mut results = BTreeMap::new();
    let mut jobs = Vec::new();
    for (order, journey, points) in record_all(&options).await? {
        tell(format!("{}: {} calls leave a process", journey.name, points.len()));
        let planned = plan(&options, journey, &points);
        results.insert(order, JourneyResult::new(journey, &points, planned.len()));
        jobs.extend(planned.into_iter().map(|job| (order, job)));
    }
    let total = jobs.len();
    jobs.reverse();
    let (jobs, shared) = (Arc::new(Mutex::new(jobs)), Arc::new(Mutex::new(results)));
    let mut workers = JoinSet::new();
    for _ in 0..options.stacks.max(1) {
        let worker =
            Worker { options: options.clone(), jobs: Arc::clone(&jobs), results: Arc::clone(&shared), tell: Arc::clone(&tell), total };
        workers.spawn(worker.work());
    }
    while let Some(worked) = workers.join_next().await {
        worked??;
    }
    let results = std::mem::take(&mut *locked(&shared));
    Ok(Report {
        seed: options.seed,
        sampled: options.sample.is_some() || options.only.is_some(),
        journeys: results.into_values().collect(),
    })
}

/// Every journey with its calls, in order.
async fn record_all(options: &Options) -> anyhow::Result<Vec<(usize, &'static Journey, Vec<Point>)>> {
    let stacks = Arc::new(Semaphore::new(options.stacks.max(1)));
    let mut recordings = JoinSet::new();
    for (order, journey) in options.journeys.iter().copied().enumerate() {
        let (stacks, stack) = (Arc::clone(&stacks), options.stack.clone());
        recordings.spawn(async move {
            let _permit = stacks.acquire_owned().await?;
            anyhow::Ok((order, journey, record(stack, journey).await?))
        });
    }
    let mut recorded = Vec::new();
    while let Some(recording) = recordings.join_next().await {
        recorded.push(recording??);
    }
    recorded.sort_by_key(|(order, ..)| *order);
    Ok(recorded)
}

/// Every call of a journey that goes well, of those callers that are swept in it.
async fn record(stack: StackConfig, journey: &Journey) -> anyhow::Result<Vec<Point>> {
    let mut theatre = Theatre::open(stack, journey).await?;
    let mut points: Vec<Point> = Vec::new();
    for _ in 0..RECORDINGS {
        let play = theatre.play(journey, None).await?;
        if !play.verdict.violations.is_empty() {
            bail!("the journey {} fails without any fault: {}", journey.name, play.verdict.violations.join("; "));
        }
        points.extend(play.seen.points);
    }
    theatre.close().await;
    points.retain(|point| journey.callers.is_empty() || journey.callers.contains(&point.kind.caller.as_str()));
    points.sort();
    points.dedup();
    Ok(points)
}

/// The reruns of a journey in the seed's order. A sample takes its share of every caller.
fn plan(options: &Options, journey: &'static Journey, points: &[Point]) -> Vec<Job> {
    let wanted = |point: &&Point| options.only.as_ref().is_none_or(|only| point.to_string().contains(only));
    let of_point = |point: &Point| options.faults.iter().map(|fault| (point.clone(), *fault)).collect::<Vec<_>>();
    let mut reruns: Vec<(Point, Fault)> = points.iter().filter(wanted).flat_map(of_point).collect();
    reruns.sort_by_cached_key(|rerun| shuffled(options.seed, rerun));
    if let Some(sample) = options.sample {
        let mut taken_of: BTreeMap<String, usize> = BTreeMap::new();
        let mut ranked: Vec<(usize, (Point, Fault))> = Vec::new();
        for rerun in reruns {
            let rank = taken_of.entry(rerun.0.kind.caller.clone()).or_default();
            ranked.push((*rank, rerun));
            *rank += 1;
        }
        // Stable: within a rank the seed's order stays.
        ranked.sort_by_key(|(rank, _)| *rank);
        reruns = ranked.into_iter().take(sample).map(|(_, rerun)| rerun).collect();
    }
    reruns.into_iter().map(|(point, fault)| Job { journey, point, fault }).collect()
}

/// A place in the order that is the same for the same seed.
fn shuffled(seed: u64, rerun: &(Point, Fault)) -> u64 {
    // FNV-1a: the standard library's hasher may change from version to version.
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    format!("{seed} {} {}", rerun.0, rerun.1.name()).hash(&mut hasher);
    hasher.finish()
}

/// One stack after the other, until no job is left.
struct Worker {
    options: Options,
    jobs: Arc<Mutex<Vec<(usize, Job)>>>,
    results: Arc<Mutex<BTreeMap<usize, JourneyResult>>>,
    tell: Arc<dyn Fn(String) + Send + Sync>,
    total: usize,
}

impl Worker {
    async fn work(self) -> anyhow::Result<()> {
        let mut theatre: Option<Theatre> = None;
        while let Some((order, job)) = self.next() {
            let mut stage = match theatre.take() {
                Some(open) if open.suits(job.journey) => open,
                old => {
                    if let Some(old) = old {
                        old.close().await;
                    }
                    Theatre::open(self.options.stack.clone(), job.journey).await?
                }
            };
            let play = stage.play(job.journey, Some((job.point.clone(), job.fault))).await?;
            let clean = play.verdict.violations.is_empty();
            self.note(order, &job, play);
            if clean {
                theatre = Some(stage);
            } else {
                // What went wrong here must not be blamed on the next play.
                stage.close().await;
            }
        }
        if let Some(theatre) = theatre {
            theatre.close().await;
        }
        Ok(())
    }

    fn next(&self) -> Option<(usize, Job)> {
        locked(&self.jobs).pop()
    }

    fn note(&self, order: usize, job: &Job, play: Play) {
        let left = locked(&self.jobs).len();
        let came = match (play.seen.struck, play.verdict.violations.is_empty()) {
            (_, false) => format!("VIOLATION {}", play.verdict.violations.join("; ")),
            (false, true) => "the call did not come".to_owned(),
            (true, true) => play.verdict.ending.clone(),
        };
        let line = format!(
            "[{}/{}] {} {} {}: {came} ({:.1} s, recovered after {} s)",
            self.total - left,
            self.total,
            job.journey.name,
            job.fault.name(),
            job.point,
            play.took.as_secs_f64(),
            play.recovered.as_secs()
        );
        (self.tell)(line);
        if let Some(result) = locked(&self.results).get_mut(&order) {
            result.note(play.seen.struck, play.verdict.retried, play.recovered);
            if !play.verdict.violations.is_empty() {
                let what = play.verdict.violations.join("; ");
                result.violations.push(Violation { point: job.point.clone(), fault: job.fault, what });
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::journey::JOURNEYS;
    use super::super::point::Kind;
    use super::*;
    use std::path::PathBuf;

    fn points() -> Vec<Point> {
        let point = |caller: &str, nth| Point { kind: Kind { caller: caller.to_owned(), call: "call".to_owned() }, nth };
        (1..=9).map(|nth| point("busy", nth)).chain([point("rare", 1)]).collect()
    }

    fn planned(seed: u64, sample: Option<usize>) -> Vec<String> {
        let stack = StackConfig::new(PathBuf::new(), PathBuf::new(), PathBuf::new());
        let options = Options { seed, sample, ..Options::new(stack) };
        plan(&options, &JOURNEYS[0], &points()).iter().map(|job| format!("{} {}", job.fault.name(), job.point)).collect()
    }

    #[test]
    fn every_call_is_played_with_every_fault() {
        let mut all = planned(1, None);
        assert_eq!(all.len(), 30);
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 30);
    }

    #[test]
    fn a_sample_is_the_seeds_and_has_every_caller() {
        let sample = planned(1, Some(4));
        assert_eq!(sample, planned(1, Some(4)));
        assert_ne!(sample, planned(2, Some(4)));
        assert_eq!(sample.iter().filter(|job| job.contains("rare")).count(), 2, "{sample:?}");
    }
}
