//! Plans a time cell of a template world: when events happen, of which kinds they are, and which of them form a session.
//!
//! Without sessions, kinds are drawn independently. With sessions, an arrival goes to the session whose next event has been due for
//! longest, or begins a new one; kinds follow each other as a Markov chain. A session lies within its cell.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::number::Numbers;
use crate::clock::Micros;
use crate::pgen::alias::AliasTable;
use crate::pgen::arrivals::{Arrivals, Cell};
use crate::seed::{Choice, Seed};
use crate::world::template::TemplateWorld;

/// Plans cells.
#[derive(Debug)]
pub(super) struct TemplatePlanner {
    kinds: AliasTable,
    kind: Choice,
    sessions: Option<Chain>,
}

/// How a session goes on.
#[derive(Debug)]
struct Chain {
    /// For each kind, what follows; the last is the end.
    next: Vec<AliasTable>,
    /// Microseconds between events.
    gap: Numbers,
    idle: Micros,
    follow: Choice,
    wait: Choice,
}

/// The planned events of a cell. Reused from cell to cell.
#[derive(Debug, Default)]
pub(super) struct TemplatePlan {
    /// The number of the first event, counted from 0.
    pub(super) first: u64,
    pub(super) times: Vec<Micros>,
    pub(super) kinds: Vec<u16>,
    /// For each event, the first event of its session: an index into this plan.
    pub(super) sessions: Vec<u32>,
    places: Vec<u64>,
    open: BinaryHeap<Reverse<Due>>,
}

/// A session's next event: when it is due, the session's first event, and its kind.
type Due = (Micros, u32, u16);

impl TemplatePlanner {
    pub(super) fn new(world: &TemplateWorld, seed: Seed) -> Self {
        let weights: Vec<f64> = world.kinds.iter().map(|kind| kind.weight).collect();
        // Below 2^53 seconds, and far below 2^63 microseconds for any that a session can last.
        #[allow(clippy::cast_possible_truncation)]
        let sessions = world.sessions.as_ref().map(|sessions| Chain {
            next: sessions.next.iter().map(|row| AliasTable::new(row)).collect(),
            gap: Numbers::new(&sessions.gap, 6),
            idle: (sessions.idle * 1e6) as Micros,
            follow: seed.choice("next kind"),
            wait: seed.choice("session gap"),
        });
        Self { kinds: AliasTable::new(&weights), kind: seed.choice("kind of event"), sessions }
    }

    pub(super) fn plan(&self, arrivals: &Arrivals, cell: Cell, plan: &mut TemplatePlan) {
        plan.first = cell.first;
        arrivals.times(cell, &mut plan.times, &mut plan.places);
        plan.kinds.clear();
        plan.sessions.clear();
        match &self.sessions {
            None => {
                let events = plan.first..plan.first + plan.times.len() as u64;
                plan.kinds.extend(events.map(|event| self.first_kind(event)));
            }
            Some(chain) => self.join(chain, plan),
        }
    }

    #[inline]
    fn first_kind(&self, event: u64) -> u16 {
        small(self.kinds.pick(self.kind.at(event)))
    }

    fn join(&self, chain: &Chain, plan: &mut TemplatePlan) {
        let TemplatePlan { first, times, kinds, sessions, open, .. } = plan;
        open.clear();
        let span = times.last().copied().unwrap_or(0) - times.first().copied().unwrap_or(0);
        // An eighth of the cell leaves room for several events of a session, even in dense traffic.
        let longest = (span / 8).max(1);
        for (index, at) in (0u32..).zip(times.iter().copied()) {
            let event = *first + u64::from(index);
            let mut joined = None;
            while let Some(Reverse((due, session, kind))) = open.peek().copied().filter(|Reverse((due, ..))| *due <= at)
            {
                open.pop();
                if at - due <= chain.idle {
                    joined = Some((session, kind));
                    break;
                }
            }
            let (session, kind) = joined.unwrap_or_else(|| (index, self.first_kind(event)));
            kinds.push(kind);
            sessions.push(session);
            let next = chain.next[usize::from(kind)].pick(chain.follow.at(event));
            if next + 1 < self.row_len(chain) {
                let gap = chain.gap.pick(chain.wait.at(event)).clamp(0, longest);
                open.push(Reverse((at + gap, session, small(next))));
            }
        }
    }

    /// The number of kinds, and one for the end.
    fn row_len(&self, chain: &Chain) -> usize {
        chain.next.len() + 1
    }
}

fn small(kind: usize) -> u16 {
    u16::try_from(kind).expect("a world has at most 10,000 kinds")
}
