//! Whole runs in simulated time. A seed decides on the input, the command line, the server and what goes wrong; the real reader,
//! senders and writer run on a paused clock, and what comes out is held against the contract.
//!
//! `PULSE_SIMULATION_SEED=17 cargo test --lib psend::simulation` repeats one seed; `PULSE_SIMULATION_RUNS` sets how many are tried.

mod check;
mod dice;
mod scenario;
mod server;

use std::cell::Cell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use rand::SeedableRng;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use self::check::{Log, Run};
use self::dice::Dice;
use self::scenario::{Full, Scenario};
use self::server::{Server, Wire};
use super::args::Args;
use super::config::Config;
use super::drive::{self, Drive};
use super::intake::{Cutter, Intake, Reading};
use super::resolve::resolve;
use super::run::open_outlets;
use super::sink::{self, DeadLetters, Outlets};
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

/// A clock that no computer's time moves.
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

/// What the process meets from outside in one run.
#[derive(Debug, Clone, Copy, Default)]
struct Outside {
    signal: Option<Duration>,
    killed: Option<Duration>,
    full: Option<(Full, usize)>,
}

fn config(scenario: &Scenario, resume: bool) -> Config {
    let resume = resume.then(|| "--resume".to_owned());
    let words = std::iter::once("psend".to_owned()).chain(scenario.args.iter().cloned()).chain(resume);
    resolve(Args::parse_from(words), &|_| None).expect("the scenario's command line is right")
}

fn outlets_on(mut outlets: Outlets, config: &Config, outside: &Outside) -> Outlets {
    // In place, also without a journal, so that it can be looked at after a full disk.
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
        None => {}
    }
    Outlets { outcomes: Some(outcomes), ..outlets }
}

/// One run of psend, to its end or until it is killed.
async fn run(scenario: &Scenario, config: &Config, outside: Outside, seed: u64, server: &Rc<Server>) -> Run {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock(RuntimeClock::start_at(NOON)));
    let (outlets, log) = open_outlets(config, false, "run", &Console::new("psend")).expect("it can be opened");
    let outlets = outlets_on(outlets, config, &outside);
    let reading = Arc::new(Reading::new(Stop::never()));
    let stop = {
        let clock = Arc::clone(&clock);
        move || outside.signal.is_some_and(|at| clock.elapsed() >= at)
    };
    let reader = LineReader::with_capacity(Inputs::from_bytes(scenario.input()), config.max_line, scenario.block);
    let mut cutter = Cutter::new(reader, drive::rules(config, outlets.dead_letters.clone(), log.resume));
    let (blocks, intake) = Intake::channel(log.begun.clone());
    let slowness = scenario.slowness;
    let (reads, wants_no_more) = (Arc::clone(&reading), stop.clone());
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
    let dispatch = drive::assemble(config, &clock, None, intake, sink, draw);
    let drive = Drive { config, clock: clock.as_ref(), dispatch: Rc::clone(&dispatch), reading: &reading, stop: &stop };
    let life = async {
        let driven = drive.run(|| Wire::to(server), |_| {}).await;
        dispatch.sink.close(b"{\"run\":{}}\n".to_vec()).await;
        let written = writer.await.expect("writing does not panic");
        if let Some(begun) = log.begun.filter(|_| written.broke.is_none()) {
            begun.settle();
        }
        (driven, written)
    };
    let ended = match outside.killed {
        Some(at) => timeout(at, life).await.ok(),
        None => Some(timeout(LONGEST, life).await.unwrap_or_else(|_| panic!("no end: {:?}", dispatch.gate))),
    };
    // Lines that are too long go to the dead letters while they are read.
    let broke = reading.broke();
    assert!(broke.is_none() || matches!(outside.full, Some((Full::DeadLetters, _))), "{broke:?}");
    Run { ended, read_all: broke.is_none(), counted: dispatch.tally.borrow().done() }
}

async fn simulate(seed: u64, scenario: &Scenario) -> Result<(), String> {
    let first = config(scenario, false);
    let (server, inbox) = Server::new(seed, first.limits.concurrency);
    tokio::task::spawn_local(Rc::clone(&server).serve(inbox));
    let outside = Outside { signal: scenario.signal, killed: scenario.killed, full: scenario.full };
    let mut log = Log::of(scenario, &first);
    let mut configs = vec![(first, outside)];
    if scenario.has_journal {
        // The second run may be stopped, too; the last one is left in peace.
        let outside = Outside { signal: scenario.signal, ..Outside::default() };
        configs.extend([(config(scenario, true), outside), (config(scenario, true), Outside::default())]);
    }
    for (at, (config, outside)) in (0..).zip(configs) {
        let ended = LocalSet::new().run_until(run(scenario, &config, outside, seed + at, &server)).await;
        // What is on its way comes to its end.
        sleep(Duration::from_secs(20)).await;
        server.forget_clients();
        log.add(ended, &server)?;
    }
    log.check_all(&server)
}

/// What is wrong with the run of this seed.
fn fault_of(seed: u64, folder: &Path) -> Option<String> {
    for file in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        std::fs::remove_file(file.path()).expect("it is ours");
    }
    let scenario = Scenario::draw(seed, folder);
    let one_run = || {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        LocalSet::new().block_on(&runtime, simulate(seed, &scenario))
    };
    let fault = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(one_run)) {
        Ok(done) => done.err(),
        Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "a panic".to_owned())),
    };
    fault.map(|fault| format!("seed {seed}: {fault}\npsend {}\n{scenario:#?}", scenario.args.join(" ")))
}

fn try_seeds(seeds: impl Iterator<Item = u64>) {
    // In memory where the system has a place for it: journals wait for their disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
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
