//! Whole runs in simulated time. A seed decides on the input, the command line, the server, and what goes wrong. The real reader,
//! senders and writer run on a paused clock, and their results are checked against the contract.
//!
//! `PULSE_SIMULATION_SEED=17 cargo test --lib psend::simulation` repeats one seed. `PULSE_SIMULATION_RUNS` sets how many are tried.
//!
//! It was tried against bugs that were planted one at a time. Each was found, at this seed:
//!
//! | planted bug | seed |
//! |---|---|
//! | events that wait for a retry when the run ends get no outcome | 64 |
//! | an event without an id is sent again after no answer | 6 |
//! | a rate limit that was met while connecting is forgotten | 53 |
//! | a rate limit that was met while the server is away is forgotten | 4122 |
//! | the wait of a batch that is sent again in halves is forgotten | 353 |
//! | the rest of the server's rate window is not waited for | 25 |
//! | a `Retry-After` of an error is not waited for | 8 |
//! | events in flight are counted twice when they are given up after a signal | 110 |
//! | their outcomes are written twice | 9 |
//! | the journal is written before the outcomes | 0 |
//!
//! `planted` shows with tampered results that the checks find each kind.

mod check;
mod dice;
mod fleet;
mod nature;
mod planted;
mod scenario;
mod server;
mod wire;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rand::SeedableRng;
use tempfile::TempDir;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use self::check::{Log, Run};
use self::dice::Dice;
use self::scenario::{Full, Scenario};
use self::server::Server;
use self::wire::Wire;
use super::args::Args;
use super::config::Config;
use super::drive::{self, Drive, Parts};
use super::intake::{Cutter, Intake, IntakeState};
use super::outlets;
use super::resolve::resolve;
use super::sink::{self, DeadLetters, Outlets};
use super::threads::Threads;
use super::transport::remote::Far;
use crate::cli::input::Inputs;
use crate::cli::output::Output;
use crate::cli::{Console, Stop};
use crate::clock::{Clock, Micros, RuntimeClock};
use crate::jsonl::LineReader;
use crate::seed::Generator;

/// How many seeds a test run tries.
const RUNS: u64 = 10_000;

/// 2026-01-05T12:00:00Z: the wall clock's time when each simulation starts.
const NOON: Micros = 1_767_614_400_000_000;

/// No simulated run takes longer.
const LONGEST: Duration = Duration::from_secs(600);

/// Seeds that once found a fault.
const FOUND: &[u64] = &[297, 307, 353, 369, 402, 438, 544, 545, 805, 971, 1006, 1143, 2481];

/// A clock that the computer's time does not move.
struct SimulatedClock(RuntimeClock);

impl Clock for SimulatedClock {
    fn started(&self) -> Micros {
        self.0.started()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn wall(&self) -> Micros {
        self.now()
    }
}

/// What happens to the process in one run.
#[derive(Debug, Clone, Copy, Default)]
struct Outside {
    signal: Option<Duration>,
    /// When it is killed, or a second signal ends it at once.
    killed: Option<Duration>,
    full: Option<(Full, usize)>,
}

fn config(scenario: &Scenario, resume: bool) -> Config {
    let resume = resume.then(|| "--resume".to_owned());
    let words = std::iter::once("psend".to_owned()).chain(scenario.args.iter().cloned()).chain(resume);
    resolve(Args::parse_from(words), &|_| None).expect("the scenario's command line is right")
}

fn outlets_on(mut outlets: Outlets, config: &Config, outside: &Outside) -> Outlets {
    // In place even without a journal, so that it can be read after a full disk.
    outlets.outcomes = None;
    let path = config.output.as_ref().expect("each scenario has an output");
    let mut outcomes = Output::in_place(path, config.resume).expect("it can be opened");
    match outside.full {
        Some((Full::Outcomes, room)) => outcomes = outcomes.with_room(room),
        Some((Full::DeadLetters, room)) => {
            outlets.dead_letters = None;
            let path = config.dead_letter.as_ref().expect("they are on a full disk");
            let letters = Output::in_place(path, config.resume).expect("it can be opened");
            outlets.dead_letters = Some(DeadLetters::new(letters.with_room(room)));
        }
        Some((Full::Journal, room)) => {
            outlets.journal = outlets.journal.map(|entries| entries.with_room(room));
        }
        None => {}
    }
    Outlets { outcomes: Some(outcomes), ..outlets }
}

/// One run of psend that starts now, at this time of the wall clock, to its end or until it is killed.
async fn run(
    scenario: &Scenario,
    config: &Config,
    outside: Outside,
    seed: u64,
    server: &Rc<Server>,
    wall: Micros,
) -> Run {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock(RuntimeClock::start_at(wall)));
    let (outlets, log) = outlets::open(config, false, "run", &Console::new("psend")).expect("it can be opened");
    let outlets = outlets_on(outlets, config, &outside);
    let intake_state = Arc::new(IntakeState::new(Stop::never()));
    let stop = {
        let clock = Arc::clone(&clock);
        move || outside.signal.is_some_and(|at| clock.elapsed() >= at)
    };
    let reader = LineReader::with_capacity(Inputs::from_bytes(scenario.input()), config.max_line, scenario.block);
    let mut cutter = Cutter::new(reader, drive::rules(config, outlets.dead_letters.clone(), log.resume));
    let (blocks, intake) = Intake::channel(log.begun.clone());
    let slowness = scenario.slowness;
    let (reads, wants_no_more) = (Arc::clone(&intake_state), stop.clone());
    let mut pauses = Dice::new(seed, "reading");
    tokio::task::spawn_local(async move {
        loop {
            sleep(pauses.ms(0, slowness)).await;
            if wants_no_more() {
                return;
            }
            let Some(events) = reads.next_block(&mut cutter) else { return };
            if blocks.send(events).await.is_err() {
                return;
            }
        }
    });
    let (sink, writer) = sink::open(outlets);
    let mut pauses = Dice::new(seed, "writing");
    let writer = tokio::task::spawn_local(writer.run(move || pauses.ms(0, slowness)));
    let draws = Cell::new(seed);
    let draw = || Generator::seed_from_u64(draws.replace(draws.get().wrapping_add(1)));
    let parts = Parts { config, clock: &clock, news: None, intake, sink, intake_state: &intake_state, stop: &stop };
    let drive = Drive::new(parts, draw);
    let life = async {
        let wire = || Wire::to(server, &clock);
        let threads = Threads::new(config.limits.concurrency, 1 + scenario.threads.len());
        let joining = async {
            for joins in &scenario.threads {
                sleep(joins.saturating_sub(clock.elapsed())).await;
                let start = |far: Far| {
                    let (server, clock) = (Rc::clone(server), Arc::clone(&clock));
                    tokio::task::spawn_local(far.work(move || Wire::to(&server, &clock)));
                    Ok(())
                };
                threads.join_in(start).expect("it starts");
            }
            std::future::pending::<()>().await
        };
        tokio::select! {
            biased;
            () = joining => {}
            () = drive.drive(|| threads.next(wire()), |_| {}) => {}
        }
        threads.end();
        let driven = drive.drain().await;
        drive.dispatch.sink.close(b"{\"run\":{}}\n".to_vec()).await;
        let written = writer.await.expect("writing does not panic");
        outlets::Log::settle(log.begun, &written);
        (driven, written)
    };
    let ended = match outside.killed {
        Some(at) => timeout(at, life).await.ok(),
        None => Some(timeout(LONGEST, life).await.unwrap_or_else(|_| panic!("no end: {:?}", drive.shared.flow))),
    };
    // Lines that are too long go to the dead letters while they are read.
    let broke = intake_state.broke();
    assert!(broke.is_none() || matches!(outside.full, Some((Full::DeadLetters, _))), "{broke:?}");
    Run { ended, read_all: broke.is_none(), counted: drive.shared.tally.borrow().done() }
}

/// Runs a scenario, and resumes it if there is a journal. `tamper` may change the results before they are checked.
async fn simulate(seed: u64, scenario: &Scenario, tamper: impl Fn(&mut Run, &Server)) -> Result<(), String> {
    let first = config(scenario, false);
    let (server, inbox) = Server::new(seed, first.limits.concurrency);
    if scenario.is_verify {
        server.prepare(seed, &scenario.lines);
    }
    tokio::task::spawn_local(Rc::clone(&server).serve(inbox));
    let killed = [scenario.killed, scenario.second].into_iter().flatten().min();
    let outside = Outside { signal: scenario.signal, killed, full: scenario.full };
    let mut log = Log::of(scenario, &first);
    let mut configs = vec![(first, outside)];
    if scenario.has_journal {
        // The second run may be stopped too. The last one is left in peace.
        let outside = Outside { signal: scenario.signal, killed: scenario.second, full: None };
        configs.extend([(config(scenario, true), outside), (config(scenario, true), Outside::default())]);
    }
    for (at, (config, outside)) in (0..).zip(configs) {
        let mut ended = LocalSet::new().run_until(run(scenario, &config, outside, seed + at, &server, NOON)).await;
        // Requests on their way reach their end.
        sleep(Duration::from_secs(20)).await;
        server.forget_clients();
        tamper(&mut ended, &server);
        log.add(ended, &server)?;
    }
    log.check_all(&server)
}

/// Does something in simulated time. Returns what is wrong, if anything is.
fn in_simulated_time(work: impl Future<Output = Result<(), String>>) -> Option<String> {
    let one_run = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        LocalSet::new().block_on(&runtime, work)
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(one_run)) {
        Ok(done) => done.err(),
        Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned())),
    }
}

/// What is wrong with the run of this seed, if anything is.
fn fault_of(seed: u64, folder: &Path) -> Option<String> {
    for file in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        std::fs::remove_file(file.path()).expect("it is ours");
    }
    let scenario = Scenario::draw(seed, folder);
    let fault = in_simulated_time(simulate(seed, &scenario, |_, _| {}));
    fault.map(|fault| format!("seed {seed}: {fault}\npsend {}\n{scenario:#?}", scenario.args.join(" ")))
}

/// A folder for a run's files, in memory if possible: journals wait for their disk.
fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

fn try_seeds(seeds: impl Iterator<Item = u64>) {
    let folder = folder();
    for seed in seeds {
        if let Some(fault) = fault_of(seed, folder.path()) {
            panic!("{fault}\nto repeat: PULSE_SIMULATION_SEED={seed} cargo test --lib psend::simulation");
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("expected a whole number"))
}

#[test]
fn whatever_a_server_does_the_outcomes_are_true() {
    match variable("PULSE_SIMULATION_SEED") {
        Some(seed) => try_seeds(std::iter::once(seed)),
        None => try_seeds(0..variable("PULSE_SIMULATION_RUNS").unwrap_or(RUNS)),
    }
}

#[test]
fn what_a_seed_once_found_stays_mended() {
    try_seeds(FOUND.iter().copied());
}
