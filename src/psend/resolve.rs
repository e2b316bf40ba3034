//! From the command line and the environment to a [`Config`]: fills in defaults, finds contradictions, keys and headers.

mod headers;
mod signer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use hyper::header::{CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue};

use self::headers::Headers;
use super::args::{Args, ArrivalWord, Mode, Stages, is_file};
use super::config::{Batch, Config, Job, Limits, Network, Pace, SendConfig, Spread};
use super::dialect::{self, Binding, Compression, Dialect, RequestForm, Template, VerifyForm};
use super::find_rate::{Conditions, Goal};
use super::given::{Environment, said};
use super::key::KeySource;
use super::pacing::{Arrival, RateCurve};
use super::retry;
use super::secret::Secret;
use super::shape::{Common, Shape};
use super::target::{Route, Target};
use super::trace::Trace;
use super::transport::http1::KeepAlive;
use super::transport::proxy::Proxy;
use super::transport::tls::Trust;
use crate::cli::files::is_stdout;
use crate::cli::input;
use crate::cli::part_of_run::PartOfRun;
use crate::cli::values::{Count, whole};
use crate::error::{Error, Result};
use crate::record::event::Role;

const DEFAULT_URL: &str = "http://localhost:8000";

/// The text of a built-in dialect or of a file, which this flag names.
///
/// # Errors
/// If there is no dialect of this name.
pub(super) fn dialect_text(flag: &str, dialect: &Path) -> Result<String> {
    match dialect.to_str().and_then(dialect::shipped) {
        Some(text) => Ok(text.to_owned()),
        None if is_file(dialect) => input::named_text(flag, dialect),
        None => Err(Error::usage(format!(
            "{flag} {}: expected a file, such as mine.toml, or one of {}",
            dialect.display(),
            dialect::names()
        ))),
    }
}

/// Resolves the flags.
///
/// # Errors
/// A usage error that names the flag or variable. Nothing was read from the input or written.
pub(super) fn resolve(mut args: Args, env: Environment<'_>) -> Result<Config> {
    let dry_run = dry_run(&mut args)?;
    let target = target(&args, env)?;
    let route = match (&args.unix_socket, &args.connect_to) {
        (Some(path), _) => Route::Unix(path.clone()),
        (None, Some(route)) => route.clone(),
        (None, None) => target.route(),
    };
    check_allowed(&target, &route, env)?;
    let mut dialect = Dialect::parse(&dialect_text("--dialect", &args.dialect)?)
        .map_err(|e| Error::usage(format!("--dialect {}: {e}", args.dialect.display())))?;
    if let Some(path) = &args.id_path {
        dialect.verify = Some(VerifyForm::elsewhere(dialect.verify.take(), path).map_err(Error::usage)?);
    }
    let pace = pace(&args)?;
    let concurrency = concurrency(&args, pace.is_open())?;
    let max_line = usize::try_from(args.max_line.0).unwrap_or(usize::MAX);
    for (flag, file) in [("--dead-letter", &args.dead_letter), ("--journal", &args.journal)] {
        if let Some(file) = file.as_deref().filter(|file| is_stdout(file)) {
            return Err(Error::usage(format!(
                "{flag} {}: expected a file, since standard output has the outcomes; ./- is a file of that name",
                file.display()
            )));
        }
    }
    let proxy = if route == target.route() { proxy(&target, env)? } else { None };
    for (at, (name, path)) in args.tag.iter().enumerate() {
        if let Some((_, known)) = args.tag[..at].iter().find(|(known, _)| known == name) {
            return Err(Error::usage(format!(
                "--tag {name}={path}: {name} is already {known}; give each tag a different name"
            )));
        }
    }
    let fields = args.fields.clone().unwrap_or_default();
    let url: BTreeMap<String, String> = target.parameters.iter().cloned().collect();
    let tagged = args.tag.iter().map(|(_, path)| path.clone()).collect();
    let mut binding = Binding { fields: &fields, paths: tagged, url: &url, asked: Vec::new() };
    dialect.bind(&mut binding).map_err(Error::usage)?;
    let Binding { paths, asked, .. } = binding;
    let Headers { common, given, key, settled, secrets, mut key_source, closes } =
        headers::headers(&args, &target, &route, &dialect, env)?;
    let signer =
        dialect.signature.as_ref().map(|form| signer::signer(form, &args.dialect, env, &secrets)).transpose()?;
    if signer.is_some() {
        signer::KEY_ID.clone_into(&mut key_source);
    }
    let compression = if args.gzip { Some(Compression::Gzip) } else { dialect.compression.filter(|_| !args.verify) };
    let mut heads = Heads {
        args: &args,
        query: query(&target, &asked),
        target: &target,
        common,
        given,
        key: settled.as_ref().map(Secret::reveal),
        has_key: !matches!(key, KeySource::None),
    };
    if let Some(compression) = compression {
        heads.common.insert(CONTENT_ENCODING, HeaderValue::from_static(compression.coding()));
    }
    let shape = heads.shape(dialect.request.clone())?;
    let mut body = dialect.body.clone();
    let job = heads.job(&mut dialect, &mut body)?;
    if let Some(key) = &settled {
        body.settle_key(key.reveal());
    }
    let limits = Limits {
        concurrency,
        duration: args.duration.map(|span| span.0),
        warm_up: args.warm_up.0,
        events: usize::try_from(args.batch.unwrap_or(1)).unwrap_or(1),
        bytes: args.batch_bytes.0,
        wait: args.batch_wait.0,
    };
    let limits = Limits { bytes: limits.bytes.saturating_sub(around(&job)), ..limits };
    Ok(Config {
        part: PartOfRun::resolve(args.run_id.take(), args.shard)?,
        output: args.output,
        quiet: args.quiet,
        every: args.every.map(|every| every.0),
        max_line,
        limit: args.limit.map(|Count(n)| n),
        target,
        pace,
        threads: threads(args.threads, args.http2, concurrency),
        limits,
        start_at: args.start_at,
        abort_on: args.abort_on,
        network: Network {
            route,
            trust: Trust { roots: args.cacert, identity: args.cert.zip(args.key), anyone: args.insecure },
            proxy,
            http2: args.http2,
            connect_timeout: args.connect_timeout.0.min(args.timeout.0),
            kept_body: kept_body(&job, limits.events, max_line),
            keep_alive: KeepAlive {
                requests: if args.no_keepalive || closes { 1 } else { args.keepalive_requests.unwrap_or(u64::MAX) },
                age: args.keepalive_time.map(|span| span.0),
            },
        },
        grace: args.grace.0,
        key_source,
        sending: SendConfig {
            job,
            dialect,
            shape,
            body,
            compression,
            key,
            signer,
            timeout: args.timeout.0,
            delay: args.delay,
            retry: retry::Policy {
                retries: args.retries,
                base: args.retry_base.0,
                cap: args.retry_cap.0,
                retry_after_max: args.retry_after_max.0,
            },
            retry_budget: args.retry_budget.get(),
            wait_for_server: args.wait_for_server.0,
            id_field: fields.path(Role::Id).to_owned(),
            tags: args.tag,
            paths,
            send_malformed: args.send_malformed,
            dead_letters: args.dead_letter.is_some(),
            journal: args.journal.is_some(),
            shard: args.shard.map(|shard| shard.to_string()),
            trace: args.trace.map(|path| Arc::new(Trace::to(path, secrets.clone()))),
            secrets,
        },
        dry_run,
        fields,
        dead_letter: args.dead_letter,
        journal: args.journal,
        resume: args.resume,
        files: args.files,
    })
}

/// How many requests are shown instead of sent. A word behind the flag that names a file is the first file.
fn dry_run(args: &mut Args) -> Result<Option<u64>> {
    let Some(given) = args.dry_run.take() else { return Ok(None) };
    let Some(word) = given else { return Ok(Some(1)) };
    if word == "-" || Path::new(&word).exists() {
        args.files.insert(0, word.into());
        return Ok(Some(1));
    }
    let number = word.to_str().and_then(|text| whole(1..=u64::MAX)(text).ok());
    let wrong = || Error::usage(format!("--dry-run {}: expected a whole number above 0, or a file", word.display()));
    number.map(Some).ok_or_else(wrong)
}

fn target(args: &Args, env: Environment<'_>) -> Result<Target> {
    let (source, url) = match (&args.url, said(env, "PULSE_URL")?) {
        (Some(url), _) => ("--url", url.clone()),
        (None, Some(url)) => ("PULSE_URL", url),
        (None, None) => ("", DEFAULT_URL.to_owned()),
    };
    Target::parse(&url).map_err(|e| Error::usage(format!("{source}: {e}")))
}

/// Checks that PULSE_ALLOW_HOSTS allows the target and the route.
fn check_allowed(target: &Target, route: &Route, env: Environment<'_>) -> Result<()> {
    if env("PULSE_ALLOW_HOSTS").is_none() {
        return Ok(());
    }
    let hosts = said(env, "PULSE_ALLOW_HOSTS")?.unwrap_or_default();
    if target.route().is_among(&hosts) && route.is_among(&hosts) {
        return Ok(());
    }
    let by = if *route == target.route() { String::new() } else { format!(" (at {route})") };
    // A script may have left the list empty by mistake. This does not allow all hosts.
    let listed = if hosts.is_empty() { "none, because it is empty; name hosts in it, or unset it" } else { &hosts };
    Err(Error::usage(format!("{target}{by} is not among the hosts that PULSE_ALLOW_HOSTS allows: {listed}")))
}

/// When to send. `--rate` and `--stages` are divided among the shards.
fn pace(args: &Args) -> Result<Pace> {
    let shards = args.shard.map_or(1.0, |shard| shard.count as f64);
    let arrival = match args.arrival {
        Some(ArrivalWord::Poisson) => Arrival::Poisson,
        None | Some(ArrivalWord::Constant) => Arrival::Constant,
    };
    // The shards of an even schedule take turns, so that together they keep it. Independent arrivals need no order.
    let first = match (arrival, args.shard) {
        (Arrival::Constant, Some(shard)) => (shard.index - 1) as f64 / shards,
        _ => 0.0,
    };
    let spread = Spread { arrival, first };
    let pace = if let Some(rate) = args.rate {
        Pace::Rate(rate.per_second() / shards, spread)
    } else if let Some(Stages(stages)) = &args.stages {
        Pace::Stages(RateCurve::stages(stages).divided(shards), spread)
    } else if let Some(speed) = args.replay {
        Pace::Replay(speed, args.max_gap.0)
    } else if let Some(Conditions(conditions)) = &args.find_rate {
        Pace::FindRate(Goal { conditions: conditions.clone(), max_time: args.max_time.0 }, arrival)
    } else if args.mode == Mode::Sequential {
        Pace::Sequential
    } else {
        Pace::Concurrent
    };
    if args.arrival.is_some() && !matches!(pace, Pace::Rate(..) | Pace::Stages(..) | Pace::FindRate(..)) {
        return Err(Error::usage("--arrival needs --rate, --stages or --find-rate: it spaces events around a rate"));
    }
    if pace.is_open() && (args.mode == Mode::Sequential || !args.delay.is_zero()) {
        return Err(Error::usage(format!(
            "--{} sends events when they are due and does not wait for others: leave out --mode sequential and --delay",
            pace.name().replace('_', "-")
        )));
    }
    Ok(pace)
}

fn concurrency(args: &Args, open_loop: bool) -> Result<usize> {
    match (args.mode, args.concurrency) {
        (Mode::Sequential, None | Some(1)) => Ok(1),
        (Mode::Sequential, Some(n)) => Err(Error::usage(format!(
            "--mode sequential sends one event at a time: leave out --concurrency {n}, or use --mode concurrent"
        ))),
        (Mode::Concurrent, None) => Ok(if open_loop { 1000 } else { 10 }),
        (Mode::Concurrent, Some(n)) => Ok(n),
    }
}

/// The most threads that send: as many as there are cores, unless told otherwise. A thread without a sender has nothing to do, and
/// HTTP/2 uses one connection.
fn threads(given: Option<usize>, http2: bool, concurrency: usize) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if http2 { 1 } else { given.unwrap_or_else(cores).min(concurrency) }
}

/// The proxy that the environment names for this target. Loopback has none.
fn proxy(target: &Target, env: Environment<'_>) -> Result<Option<Proxy>> {
    if target.route().is_loopback() {
        return Ok(None);
    }
    // The same rules as curl: lower case takes precedence, and HTTP_PROXY is ignored, because a web server may have set it from a header.
    let names: &[&str] = if target.tls { &["https_proxy", "HTTPS_PROXY"] } else { &["http_proxy"] };
    let mut named = names
        .iter()
        .chain(&["all_proxy", "ALL_PROXY"])
        .filter_map(|name| said(env, name).transpose().map(|url| url.map(|url| (name, url))));
    let Some((name, url)) = named.next().transpose()? else { return Ok(None) };
    let not_for =
        said(env, "no_proxy")?.map_or_else(|| said(env, "NO_PROXY"), |hosts| Ok(Some(hosts)))?.unwrap_or_default();
    let uri = target.to_string().parse().map_err(|e| Error::usage(format!("{target}: {e}")))?;
    // The value may hold a password, so it is not shown.
    Proxy::read(&url, &not_for, &uri)
        .map_err(|why| Error::usage(format!("{name}: {why}; no_proxy={} disables the proxy", target.host)))
}

/// The most bytes of an answer that are kept: what a valid answer to this job may have. An answer that never ends takes no more memory.
fn kept_body(job: &Job, batch: usize, max_line: usize) -> usize {
    const LEAST: usize = 1 << 20;
    /// For what is around an event, and for a result of a batch.
    const AROUND: usize = 64 << 10;
    const RESULT: usize = 8 << 10;
    match job {
        Job::Send => LEAST,
        Job::Batch(_) => LEAST.max(batch * RESULT),
        // A server may escape characters differently, and add fields.
        Job::Verify(_) => LEAST.max(max_line.saturating_mul(2).saturating_add(AROUND)),
    }
}

/// What the heads of all requests are made from.
struct Heads<'a> {
    args: &'a Args,
    target: &'a Target,
    query: String,
    common: HeaderMap,
    given: HeaderMap,
    /// The key, if it does not change.
    key: Option<&'a str>,
    has_key: bool,
}

impl Heads<'_> {
    fn shape(&self, mut form: RequestForm) -> Result<Shape> {
        let secret: Vec<HeaderName> =
            form.headers.iter().filter(|(_, value)| value.has_key()).map(|(name, _)| name.clone()).collect();
        if let Some(key) = self.key {
            form.settle_key(key);
        }
        let (target, query) = (self.target, self.query.as_str());
        let common = Common { target, query, headers: &self.common, given: &self.given, has_key: self.has_key };
        Shape::new(form, &common, |name| secret.contains(name))
            .map_err(|why| Error::usage(format!("--dialect {}: {why}", self.args.dialect.display())))
    }

    /// What is done with each event. In a batch, `body` becomes that of each.
    fn job(&self, dialect: &mut Dialect, body: &mut Template) -> Result<Job> {
        let args = self.args;
        let lacks = |what: &str| {
            Error::usage(format!(
                "--dialect {}: --{what} needs the section [{what}], which is missing",
                args.dialect.display()
            ))
        };
        if let Some(events) = args.batch {
            let mut form = dialect.batch.clone().ok_or_else(|| lacks("batch"))?;
            if let Some(most) = form.most.filter(|most| events > *most as u64) {
                return Err(Error::usage(format!(
                    "--batch {events}: the server takes at most {most} events in a request (--dialect {})",
                    args.dialect.display()
                )));
            }
            if let Some(key) = self.key {
                form.settle_key(key);
            }
            body.clone_from(&form.frame.wrap);
            let bytes = usize::try_from(args.batch_bytes.0).unwrap_or(usize::MAX);
            return Ok(Job::Batch(Box::new(Batch { shape: self.shape(form.request.clone())?, form, bytes })));
        }
        if !args.verify {
            return Ok(Job::Send);
        }
        let path = dialect.verify.as_ref().ok_or_else(|| lacks("verify"))?.path.clone();
        let form = RequestForm { path, query: Vec::new(), ..dialect.request.clone() };
        Ok(Job::Verify(Box::new(self.shape(form)?.question())))
    }
}

/// The bytes of a batch's body that are no event's.
fn around(job: &Job) -> u64 {
    job.batch().map_or(0, |form| form.frame.around(std::iter::empty(), "") as u64)
}

/// What of the URL's query goes out as it is: all but what the dialect took.
fn query(target: &Target, asked: &[String]) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20");
    let rest = target.parameters.iter().filter(|(name, _)| !asked.contains(name));
    rest.map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect::<Vec<_>>().join("&")
}
