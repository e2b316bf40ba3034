//! Plans a time cell: who calls, in which session and action, and what each request is.
//!
//! Each class of callers gets a quota of events, so that clustering does not blur the shares. Quotas are cut into actions, actions
//! are laid over the arrivals in lanes, and actions of one caller form a session, which lies within the cell. The kind of each
//! request is drawn independently, and kinds are put in order within an action, so that every share stays as drawn.

use rand::Rng;

use super::alias::AliasTable;
use super::arrivals::{Arrivals, Cell};
use super::kind::Kinds;
use super::population::{Caller, Population};
use crate::clock::Micros;
use crate::error::Result;
use crate::seed::{Choice, Generator, Seed};
use crate::world::profile::Profile;
use crate::world::value::Share;

/// Plans the time cells of a run.
#[derive(Debug)]
pub(super) struct Planner<'a> {
    pub(super) kinds: Kinds<'a>,
    pub(super) population: Population<'a>,
    stages: Vec<u8>,
    environments: Vec<i64>,
    anonymous: i64,
    requests: AliasTable,
    actions: AliasTable,
    between_requests: Micros,
    between_actions: Micros,
    action: Micros,
    idle: Micros,
    deal: Choice,
    kind: Choice,
}

/// The planned events of a cell, in order of time. Reused from cell to cell to save allocations.
#[derive(Debug, Default)]
pub(super) struct CellPlan {
    /// The number of the first event, counted from 0.
    pub(super) first: u64,
    /// The time of each event.
    pub(super) times: Vec<Micros>,
    /// Everything else about each event.
    pub(super) events: Vec<Planned>,
    pub(super) sessions: Vec<Session>,
    scratch: Scratch,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Planned {
    /// Index into [`Kinds::all`].
    pub(super) kind: u16,
    /// Index into [`CellPlan::sessions`].
    pub(super) session: u32,
    /// The first event of its trace: an index into [`CellPlan::events`].
    pub(super) trace: u32,
}

/// Requests of one caller that belong together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) caller: Caller,
    /// Index into the profile's environments.
    pub(super) environment: u8,
    /// The first event: an index into [`CellPlan::events`].
    pub(super) first: u32,
    class: u16,
    actions_left: u8,
    known: bool,
    last: Micros,
    next: u32,
}

#[derive(Debug, Default)]
struct Scratch {
    places: Vec<u64>,
    actions: Vec<Action>,
    lanes: Vec<Lane>,
    waiting: Vec<Queue>,
    owed: Vec<i64>,
}

/// Consecutive requests of one caller, not yet laid over arrivals.
#[derive(Debug, Clone, Copy)]
struct Action {
    class: u16,
    requests: u8,
}

/// Takes the requests of one action at a time.
#[derive(Debug, Clone, Copy)]
struct Lane {
    left: u8,
    session: u32,
    trace: u32,
    began: Micros,
    /// The trace's events so far, in order.
    members: [u32; 16],
    size: u8,
}

/// The sessions of a class that wait for their next action, the longest waiting first.
#[derive(Debug, Clone, Copy)]
struct Queue {
    head: u32,
    tail: u32,
}

const NONE: u32 = u32::MAX;
/// Debts are counted in this many parts of an event.
const PARTS: i64 = 1 << 16;

impl<'a> Planner<'a> {
    /// Prepares to plan the cells of a run.
    ///
    /// # Errors
    /// A usage error if the profile's figures contradict each other.
    pub(super) fn new(profile: &'a Profile, seed: Seed) -> Result<Self> {
        let kinds = Kinds::of(profile)?;
        let shares = |list: &[Share]| -> Vec<f64> { list.iter().map(|s| s.get()).collect() };
        let total: f64 = profile.environments.iter().map(|e| e.share.get()).sum();
        // Times of at most a million seconds or minutes.
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let micros = |seconds: f64| (seconds * 1e6) as Micros;
        #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)]
        let parts = |share: f64| (share * PARTS as f64).round() as i64;
        let sessions = &profile.sessions;
        Ok(Self {
            stages: kinds.all.iter().map(super::kind::RequestKind::stage).collect(),
            population: Population::of(profile, seed)?,
            environments: profile.environments.iter().map(|e| parts(e.share.get() / total)).collect(),
            anonymous: parts(profile.users.anonymous.get()),
            requests: AliasTable::new(&shares(sessions.requests_per_action.get_ref())),
            actions: AliasTable::new(&shares(sessions.actions_per_session.get_ref())),
            between_requests: micros(sessions.seconds_between_requests.get()),
            between_actions: micros(sessions.seconds_between_actions.get()),
            action: micros(sessions.action_seconds.get()),
            idle: micros(sessions.idle_minutes.get() * 60.0),
            deal: seed.choice("sessions"),
            kind: seed.choice("kind"),
            kinds,
        })
    }

    /// Plans a cell of these arrivals.
    pub(super) fn plan(&self, arrivals: &Arrivals, cell: Cell, plan: &mut CellPlan) {
        plan.first = cell.first;
        arrivals.times(cell, &mut plan.times, &mut plan.scratch.places);
        plan.events.clear();
        plan.sessions.clear();
        let mut random = self.deal.generator(cell.key);
        self.deal_actions(cell.count, &mut random, &mut plan.scratch.actions);
        self.lay_out(cell, &mut random, plan);
    }

    /// Cuts each class's quota into actions and shuffles them.
    fn deal_actions(&self, count: u64, random: &mut Generator, actions: &mut Vec<Action>) {
        actions.clear();
        let quotas = self.population.quotas(count, upper(random.next_u64()));
        for (class, quota) in (0u16..).zip(quotas) {
            let mut left = quota;
            while left > 0 {
                let length = (self.requests.pick(random.next_u64()) as u64 + 1).min(left);
                left -= length;
                #[allow(clippy::cast_possible_truncation)] // there are 16 lengths at most
                actions.push(Action { class, requests: length as u8 });
            }
        }
        for i in (1..actions.len()).rev() {
            actions.swap(i, below(i + 1, random));
        }
    }

    /// Lays the actions over the arrivals and joins them into sessions.
    fn lay_out(&self, cell: Cell, random: &mut Generator, plan: &mut CellPlan) {
        let CellPlan { times, events, sessions, scratch, .. } = plan;
        let Scratch { actions, lanes, waiting, owed, .. } = scratch;
        waiting.clear();
        waiting.resize(self.population.classes.len(), Queue { head: NONE, tail: NONE });
        let span = times.last().copied().unwrap_or(0) - times.first().copied().unwrap_or(0);
        let mut debts = Debts::none(owed, &self.environments, self.anonymous);
        // An eighth of the cell leaves time for several actions per session, even in dense traffic.
        let pause = self.between_actions.min(span / 8);
        let lane_count = lanes_for(times.len(), span, self.between_requests);
        lanes.clear();
        lanes.resize(lane_count, Lane { left: 0, session: 0, trace: 0, began: 0, members: [0; 16], size: 0 });
        for (index, at) in (0u32..).zip(times.iter().copied()) {
            let lane = loop {
                let pick = below(lanes.len(), random);
                if lanes[pick].left > 0 {
                    break &mut lanes[pick];
                }
                if let Some(action) = actions.pop() {
                    let lane = &mut lanes[pick];
                    let queue = &mut waiting[usize::from(action.class)];
                    let session = match self.resume(queue, sessions, at, pause) {
                        Some(session) => session,
                        None => self.open(action.class, index, at, &mut debts, sessions, random),
                    };
                    let of = &sessions[session as usize];
                    debts.pay(of.environment, of.known, i64::from(action.requests));
                    (lane.left, lane.session) = (action.requests, session);
                    (lane.trace, lane.began, lane.size) = (index, at, 0);
                    break lane;
                }
                lanes.swap_remove(pick);
            };
            if at - lane.began > self.action {
                // The action takes too long: the rest of it becomes another action.
                let old = sessions[lane.session as usize];
                if at - old.last > self.idle {
                    let left = i64::from(lane.left);
                    debts.pay(old.environment, old.known, -left);
                    lane.session = self.open(old.class, index, at, &mut debts, sessions, random);
                    let new = &sessions[lane.session as usize];
                    debts.pay(new.environment, new.known, left);
                }
                (lane.trace, lane.began, lane.size) = (index, at, 0);
            }
            let mut planned = Planned { kind: 0, session: lane.session, trace: lane.trace };
            planned.kind = index_u16(self.kinds.draw.pick(self.kind.at(cell.first + u64::from(index))));
            events.push(planned);
            self.put_in_order(lane, index, events);
            lane.left -= 1;
            let session = &mut sessions[lane.session as usize];
            session.last = at;
            if lane.left == 0 && session.actions_left > 0 {
                session.actions_left -= 1;
                let queue = &mut waiting[usize::from(session.class)];
                session.next = NONE;
                match queue.tail {
                    NONE => queue.head = lane.session,
                    tail => sessions[tail as usize].next = lane.session,
                }
                queue.tail = lane.session;
            }
        }
    }

    /// Takes the session that has waited longest, if its pause is long enough. Drops sessions that have been idle too long.
    fn resume(&self, queue: &mut Queue, sessions: &[Session], at: Micros, pause: Micros) -> Option<u32> {
        while queue.head != NONE {
            let head = queue.head;
            let waited = at - sessions[head as usize].last;
            if waited < pause {
                return None;
            }
            queue.head = sessions[head as usize].next;
            if queue.head == NONE {
                queue.tail = NONE;
            }
            if waited <= self.idle {
                return Some(head);
            }
        }
        None
    }

    fn open(
        &self,
        class: u16,
        first: u32,
        at: Micros,
        debts: &mut Debts,
        sessions: &mut Vec<Session>,
        random: &mut Generator,
    ) -> u32 {
        let known = debts.draw_known(random.next_u64());
        let caller = if known {
            self.population.user(class, random.next_u64())
        } else {
            self.population.anonymous(class, random.next_u64())
        };
        let actions_left = self.actions.pick(random.next_u64());
        sessions.push(Session {
            caller,
            environment: debts.draw_environment(random.next_u64()),
            first,
            class,
            #[allow(clippy::cast_possible_truncation)] // there are 16 lengths at most
            actions_left: actions_left as u8,
            known,
            last: at,
            next: NONE,
        });
        u32::try_from(sessions.len() - 1).unwrap_or(NONE)
    }

    /// Sorts a new event into its trace by stage: kinds move, times stay.
    #[inline]
    fn put_in_order(&self, lane: &mut Lane, index: u32, events: &mut [Planned]) {
        let kind = events[index as usize].kind;
        let stage = self.stages[usize::from(kind)];
        let mut at = usize::from(lane.size);
        lane.members[at] = index;
        lane.size += 1;
        while at > 0 {
            let before = events[lane.members[at - 1] as usize].kind;
            if self.stages[usize::from(before)] <= stage {
                break;
            }
            events[lane.members[at] as usize].kind = before;
            at -= 1;
        }
        events[lane.members[at] as usize].kind = kind;
    }
}

/// How many of a cell's events each environment, and callers without a user id, are still owed.
///
/// All events of a session go to one environment, so independent draws would blur the shares. Here the probabilities lean towards
/// what is owed, in proportion: each share is right in expectation from the first session on, and debts stay small.
struct Debts<'a> {
    owed: &'a mut Vec<i64>,
    shares: &'a [i64],
    anonymous: i64,
    anonymous_owed: i64,
}

/// A debt of this many events makes a choice certain. Debts stay far below it, so no probability is cut off at 0.
const LEAN: i64 = 256;

impl<'a> Debts<'a> {
    fn none(owed: &'a mut Vec<i64>, shares: &'a [i64], anonymous: i64) -> Self {
        owed.clear();
        owed.resize(shares.len(), 0);
        Self { owed, shares, anonymous, anonymous_owed: 0 }
    }

    fn pay(&mut self, environment: u8, known: bool, events: i64) {
        for (owed, share) in self.owed.iter_mut().zip(self.shares) {
            *owed += share * events;
        }
        self.owed[usize::from(environment)] -= PARTS * events;
        self.anonymous_owed += self.anonymous * events - if known { 0 } else { PARTS * events };
    }

    fn draw_environment(&self, draw: u64) -> u8 {
        let weights = || self.shares.iter().zip(self.owed.iter()).map(|(share, owed)| (share * LEAN + owed).max(0));
        let mut left = part(draw, weights().sum());
        for (environment, weight) in (0u8..).zip(weights()) {
            left -= weight;
            if left < 0 {
                return environment;
            }
        }
        0
    }

    fn draw_known(&self, draw: u64) -> bool {
        part(draw, PARTS * LEAN) >= self.anonymous * LEAN + self.anonymous_owed
    }
}

/// A uniform draw below `whole`, which is below 2^32.
fn part(draw: u64, whole: i64) -> i64 {
    ((u64::from(upper(draw)) * whole.unsigned_abs()) >> 32).cast_signed()
}

/// How many lanes give a pause of `between` in each, limited so that each lane has at least four events.
fn lanes_for(events: usize, span: Micros, between: Micros) -> usize {
    let lanes = u128::from(events as u64) * u128::from(between.unsigned_abs()) / u128::from(span.max(1).unsigned_abs());
    usize::try_from(lanes).unwrap_or(usize::MAX).clamp(1, (events / 4).max(1))
}

/// A uniform draw below `n`, which is small.
#[inline]
fn below(n: usize, random: &mut Generator) -> usize {
    ((u64::from(upper(random.next_u64())) * n as u64) >> 32) as usize
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // the upper half
fn upper(draw: u64) -> u32 {
    (draw >> 32) as u32
}

#[inline]
#[allow(clippy::cast_possible_truncation)] // Kinds::of refuses more
fn index_u16(index: usize) -> u16 {
    index as u16
}
