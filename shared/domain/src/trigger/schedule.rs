//! Cron expressions as GitHub Actions takes them: five fields, UTC, at most every five minutes. How a field is read is in
//! `field`. Nothing waits here: whoever keeps a schedule asks for its next time.

mod field;

use field::Field;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// Two times of one expression lie at least so far apart.
pub const SHORTEST_INTERVAL_MINUTES: u32 = 5;

/// Every combination of date and weekday comes within so many days, also across a century without leap day.
const LONGEST_WAIT_DAYS: usize = 366 * 41;

const MINUTES_PER_DAY: u32 = 24 * 60;

/// A cron expression that is ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    text: String,
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
}

/// Why a text is no cron expression, in words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CronError(pub String);

impl Cron {
    /// Reads `minute hour day-of-month month day-of-week`: `*`, numbers, ranges `a-b`, steps `/n` (`20/15` counts from 20 to
    /// the end), lists with `,`; months and weekdays also as `JAN` and `SUN`. What never comes is an error, and so is what
    /// comes more often than every [`SHORTEST_INTERVAL_MINUTES`].
    pub fn parse(text: &str) -> Result<Cron, CronError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        if text.trim_start().starts_with('@') {
            return Err(CronError(format!(
                "`{}` is not known; write the five fields, for example `0 4 * * *` for every day at 4:00 UTC",
                text.trim()
            )));
        }
        let [minute, hour, day, month, weekday] = parts[..] else {
            return Err(CronError(format!(
                "a cron expression has five fields (minute, hour, day of the month, month, day of the week), and this has {}",
                parts.len()
            )));
        };
        let cron = Cron {
            text: parts.join(" "),
            minute: field::MINUTE.read(minute)?,
            hour: field::HOUR.read(hour)?,
            day: field::DAY.read(day)?,
            month: field::MONTH.read(month)?,
            weekday: field::WEEKDAY.read(weekday)?,
        };
        let first = cron.days_from(jiff::civil::date(2000, 1, 1)).next();
        if first.is_none() {
            return Err(CronError("no day is ever like this; look at day of the month and month".to_owned()));
        }
        match cron.shortest_gap() {
            minutes if minutes < SHORTEST_INTERVAL_MINUTES => Err(CronError(format!(
                "two of its times are {minutes} {} apart, and {SHORTEST_INTERVAL_MINUTES} minutes are the least",
                if minutes == 1 { "minute" } else { "minutes" }
            ))),
            _ => Ok(cron),
        }
    }

    /// The first time after `at` (never `at` itself); `None` only where the calendar ends.
    pub fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        let now = at.to_zoned(TimeZone::UTC).datetime();
        for date in self.days_from(now.date()) {
            for hour in self.hour.values() {
                for minute in self.minute.values() {
                    let time = date.to_datetime(Time::new(hour as i8, minute as i8, 0, 0).ok()?);
                    if time > now {
                        return time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
                    }
                }
            }
        }
        None
    }

    /// The expression with single spaces between its fields.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The matching days from `start` on, as far as it makes sense to look.
    fn days_from(&self, start: Date) -> impl Iterator<Item = Date> + '_ {
        start.series(1.day()).take(LONGEST_WAIT_DAYS).filter(|date| self.is_day(*date))
    }

    /// If both fields say something, one of them is enough (POSIX); a field that begins with `*` says nothing of its own, and
    /// then both have to hold (`*/2` with a weekday: that weekday, on every second day of the month).
    fn is_day(&self, date: Date) -> bool {
        if !self.month.has(date.month() as u32) {
            return false;
        }
        let day = self.day.has(date.day() as u32);
        let weekday = self.weekday.has(date.weekday().to_sunday_zero_offset() as u32);
        if self.day.is_star || self.weekday.is_star { day && weekday } else { day || weekday }
    }

    /// In minutes. A day's last time and the next day's first count where two such days ever follow each other.
    fn shortest_gap(&self) -> u32 {
        let times: Vec<u32> = self.hour.values().flat_map(|hour| self.minute.values().map(move |minute| hour * 60 + minute)).collect();
        let within = times.windows(2).map(|pair| pair[1] - pair[0]).min().unwrap_or(MINUTES_PER_DAY);
        let over_midnight = times[0] + MINUTES_PER_DAY - times[times.len() - 1];
        if over_midnight < within && self.has_days_in_a_row() { over_midnight } else { within }
    }

    fn has_days_in_a_row(&self) -> bool {
        let days: Vec<Date> = self.days_from(jiff::civil::date(2000, 1, 1)).collect();
        days.windows(2).any(|pair| pair[0].tomorrow().is_ok_and(|next| next == pair[1]))
    }
}
