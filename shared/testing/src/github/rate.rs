//! The primary rate limit: requests per caller and hour, in memory only.

use std::collections::BTreeMap;

use jiff::Timestamp;

const HOUR: i64 = 3_600;

/// How often each caller has called since its hour began.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    windows: BTreeMap<String, (u64, i64)>,
}

impl Rate {
    /// The caller's number of requests in this hour (with this one, if it `counts`) and when the hour ends, in Unix seconds.
    pub(crate) fn count(&mut self, caller: &str, counts: bool) -> (u64, i64) {
        let now = Timestamp::now().as_second();
        let (used, reset) = self.windows.entry(caller.to_owned()).or_insert((0, now + HOUR));
        if *reset <= now {
            (*used, *reset) = (0, now + HOUR);
        }
        *used += u64::from(counts);
        (*used, *reset)
    }
}
