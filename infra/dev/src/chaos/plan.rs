//! When a fault strikes. With a seed this is a function of the seed, the kind, the place (who calls what) and how often
//! that place was reached; with a script, what the test says.

use super::kind::Kind;
use patchbay_domain::ids::digest;

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Whatever the seed says.
    Seeded {
        seed: u64,
        /// A place that was reached this often has peace from then on; `None`: never.
        calm_after: Option<u64>,
    },
    /// These and nothing else.
    Scripted(Vec<Shot>),
}

/// One fault that is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    pub kind: Kind,
    /// What the place's name must contain, such as `ecs:RunTask` or `POST /repos/{owner}/{repo}/pulls`.
    pub place: String,
    /// What the request's path must contain, where there is one: a repository.
    pub within: String,
    /// The first strike: how often such a place must have been reached, from 1.
    pub first: u64,
    /// How many strikes in a row.
    pub times: u64,
}

impl Shot {
    /// The first time that the place is reached.
    pub fn at(kind: Kind, place: &str) -> Self {
        Self { kind, place: place.to_owned(), within: String::new(), first: 1, times: 1 }
    }

    /// Only for requests about this repository (`owner/name`).
    #[must_use]
    pub fn within(mut self, repository: &str) -> Self {
        self.within = repository.to_owned();
        self
    }

    /// Not before the place is reached for this time.
    #[must_use]
    pub fn from(mut self, first: u64) -> Self {
        self.first = first;
        self
    }

    /// So many times in a row.
    #[must_use]
    pub fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    /// Whether this shot is about that.
    pub(super) fn aims_at(&self, kind: Kind, place: &str, path: &str) -> bool {
        self.kind == kind && place.contains(&self.place) && path.contains(&self.within)
    }

    /// Whether it strikes when such a place is reached for the `occurrence`th time.
    pub(super) fn strikes(&self, occurrence: u64) -> bool {
        (self.first..self.first + self.times).contains(&occurrence)
    }
}

/// Whether the seed strikes there. `occurrence` counts from 1, for this kind and place.
pub(super) fn seed_strikes(seed: u64, calm_after: Option<u64>, kind: Kind, place: &str, occurrence: u64) -> bool {
    if calm_after.is_some_and(|calm| occurrence > calm) {
        return false;
    }
    let hash = digest(&["chaos", &seed.to_string(), kind.name(), place, &occurrence.to_string()]);
    let drawn = hash.get(..15).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default();
    drawn % 1000 < kind.rate()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(seed: u64, place: &str) -> Vec<u64> {
        (1..=1000).filter(|n| seed_strikes(seed, None, Kind::ForgeDown, place, *n)).collect()
    }

    #[test]
    fn a_seed_decides_the_same_every_time_and_another_one_differently() {
        assert_eq!(strikes(1, "POST /x"), strikes(1, "POST /x"));
        assert_ne!(strikes(1, "POST /x"), strikes(2, "POST /x"));
        assert_ne!(strikes(1, "POST /x"), strikes(1, "POST /y"));
    }

    #[test]
    fn kinds_strike_about_as_often_as_they_should_and_then_there_is_peace() {
        let often = strikes(7, "POST /x").len() as u64;
        assert!((Kind::ForgeDown.rate() / 2..Kind::ForgeDown.rate() * 2).contains(&often), "{often}");
        assert!((11..1000).all(|n| !seed_strikes(7, Some(10), Kind::MessageOutOfOrder, "x", n)));
        assert!((1..=10).any(|n| seed_strikes(7, Some(10), Kind::MessageOutOfOrder, "x", n)));
    }

    #[test]
    fn a_shot_strikes_where_and_when_it_is_told_to() {
        let shot = Shot::at(Kind::StartRefused, "ecs:RunTask").from(2).times(2);
        let aims = |shot: &Shot, kind| shot.aims_at(kind, "run-launcher ecs:RunTask", "/repos/acme/one/pulls");
        assert!(aims(&shot, Kind::StartRefused) && !aims(&shot, Kind::StartSlow));
        assert!(aims(&shot.clone().within("acme/one"), Kind::StartRefused) && !aims(&shot.clone().within("acme/two"), Kind::StartRefused));
        assert_eq!((1..=5).filter(|n| shot.strikes(*n)).collect::<Vec<_>>(), [2, 3]);
    }
}
