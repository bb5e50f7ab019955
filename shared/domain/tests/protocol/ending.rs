//! I4 over the whole graph of situations: no path goes in a circle, and where a path cannot go on, the run is over. So every
//! path ends, however unfair the order in which things happen, and ends well.
//!
//! A property of single situations cannot say this, and one that must hold eventually is not checked on paths that meet
//! again; so the graph is walked here, depth first.

use crate::item::summary;
use crate::protocol::{Action, Protocol, Situation};
use stateright::Model;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// What a walk found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Walk {
    pub(crate) situations: usize,
    /// The most steps that any path has until it ends.
    pub(crate) longest: u32,
}

/// Somewhere on the way down.
struct Stop {
    print: u64,
    situation: Situation,
    untried: Vec<Action>,
    /// The longest way to an end from here, as far as it is known.
    longest: u32,
}

/// Walks every path to its end.
///
/// # Errors
/// The steps of a path that goes in a circle, or gets stuck.
pub(crate) fn every_path_ends(protocol: &Protocol) -> Result<Walk, String> {
    // `None`: on the way that is being walked.
    let mut known: HashMap<u64, Option<u32>> = HashMap::new();
    let mut longest = 0;
    for first in protocol.init_states() {
        let mut way = vec![stop(protocol, first)];
        known.insert(way[0].print, None);
        while let Some(here) = way.last_mut() {
            let Some(action) = here.untried.pop() else {
                let (print, from_here) = (here.print, here.longest);
                known.insert(print, Some(from_here));
                way.pop();
                match way.last_mut() {
                    Some(before) => before.longest = before.longest.max(from_here + 1),
                    None => longest = longest.max(from_here),
                }
                continue;
            };
            let Some(next) = protocol.next_state(&here.situation, action.clone()) else { continue };
            match known.get(&print_of(&next)) {
                Some(Some(from_there)) => here.longest = here.longest.max(from_there + 1),
                Some(None) => return Err(told("in a circle", &way, Some(&action))),
                None => {
                    let next = stop(protocol, next);
                    let is_stuck = next.untried.is_empty() && !next.situation.is_settled();
                    known.insert(next.print, None);
                    way.push(next);
                    if is_stuck {
                        return Err(told("stuck", &way, None));
                    }
                }
            }
        }
    }
    Ok(Walk { situations: known.len(), longest })
}

fn stop(protocol: &Protocol, situation: Situation) -> Stop {
    let mut untried = Vec::new();
    protocol.actions(&situation, &mut untried);
    Stop { print: print_of(&situation), situation, untried, longest: 0 }
}

fn print_of(situation: &Situation) -> u64 {
    let mut hasher = DefaultHasher::new();
    situation.hash(&mut hasher);
    hasher.finish()
}

fn told(what: &str, way: &[Stop], last: Option<&Action>) -> String {
    let items: Vec<String> = way.iter().map(|stop| summary(&stop.situation.item)).collect();
    format!("a path is {what} after {} steps, the last {last:?}:\n{}", way.len() - 1, items.join("\n"))
}
