//! One field of a cron expression: which numbers it may hold, and which of them a text means.

use super::CronError;

/// Numbers below 64, as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    bits: u64,
    /// Whether it begins with `*`, steps or none.
    pub(super) is_star: bool,
}

/// What a field is called and may hold.
pub(super) struct Domain {
    name: &'static str,
    first: u32,
    last: u32,
    /// Words for the numbers from `first` on.
    words: &'static [&'static str],
}

pub(super) const MINUTE: Domain = Domain { name: "minute", first: 0, last: 59, words: &[] };
pub(super) const HOUR: Domain = Domain { name: "hour", first: 0, last: 23, words: &[] };
pub(super) const DAY: Domain = Domain { name: "day of the month", first: 1, last: 31, words: &[] };
pub(super) const MONTH: Domain = Domain {
    name: "month",
    first: 1,
    last: 12,
    words: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
pub(super) const WEEKDAY: Domain =
    Domain { name: "day of the week", first: 0, last: 6, words: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] };

impl Field {
    pub(super) fn has(self, number: u32) -> bool {
        self.bits & (1 << number) != 0
    }

    /// Its numbers, upwards.
    pub(super) fn values(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |number| self.has(*number))
    }
}

impl Domain {
    pub(super) fn read(&self, text: &str) -> Result<Field, CronError> {
        let mut bits = 0;
        for part in text.split(',') {
            let (first, last, step) = self.read_part(part)?;
            for number in (first..=last).step_by(step) {
                bits |= 1 << number;
            }
        }
        Ok(Field { bits, is_star: text.starts_with('*') })
    }

    /// First, last and step.
    fn read_part(&self, part: &str) -> Result<(u32, u32, usize), CronError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.read_step(step)?)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.first, self.last),
            Some((first, last)) => (self.read_number(first)?, self.read_number(last)?),
            None => {
                let number = self.read_number(range)?;
                (number, if step.is_some() { self.last } else { number })
            }
        };
        if first > last {
            return Err(self.error(&format!("the range `{range}` goes downwards; write it as two, separated by a comma")));
        }
        Ok((first, last, step.unwrap_or(1)))
    }

    fn read_step(&self, text: &str) -> Result<usize, CronError> {
        match read_digits(text) {
            Some(step) if step >= 1 && step <= self.last => Ok(step as usize),
            _ => Err(self.error(&format!("`/{text}` is no step from 1 to {}", self.last))),
        }
    }

    fn read_number(&self, text: &str) -> Result<u32, CronError> {
        let word = self.words.iter().position(|word| word.eq_ignore_ascii_case(text)).map(|place| self.first + place as u32);
        match word.or_else(|| read_digits(text)) {
            Some(number) if (self.first..=self.last).contains(&number) => Ok(number),
            Some(7) if self.last == 6 => Err(self.error("`7` is no day; Sunday is `0`")),
            _ => {
                let words = match self.words {
                    [first, .., last] => format!(" or {first} to {last}"),
                    _ => String::new(),
                };
                Err(self.error(&format!("`{text}` is not from {} to {}{words}", self.first, self.last)))
            }
        }
    }

    fn error(&self, what: &str) -> CronError {
        CronError(format!("{}: {what}", self.name))
    }
}

fn read_digits(text: &str) -> Option<u32> {
    (1..=4).contains(&text.len()).then_some(())?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}
