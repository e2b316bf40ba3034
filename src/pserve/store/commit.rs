//! Group commit: many waiting events share one transaction, and none is answered before it is on disk.
//!
//! A thread of its own owns the writer. While it waits for the disk, events queue up; it takes what has gathered as the next
//! transaction. Nothing is delayed on purpose: a lone event is committed at once.

use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Record, StoreError, Stored, Writer};

/// Requests that may wait for the writer; those beyond wait in their connections.
const WAITING: usize = 1024;

/// A transaction takes no more events once it has this many, or this many bytes of them.
const EVENTS: usize = 1000;
const BYTES: usize = 8 << 20;

/// Sends records to the writer's thread.
#[derive(Debug, Clone)]
pub struct Committer(mpsc::Sender<Job>);

#[derive(Debug)]
struct Job {
    records: Vec<Record>,
    reply: oneshot::Sender<Result<Vec<Stored>, StoreError>>,
}

impl Committer {
    /// Starts the writer's thread. It ends when the last clone of the committer is dropped, with what [`Writer::close`] says.
    ///
    /// # Errors
    /// Where the process has no threads left.
    pub fn start<W: Writer + 'static>(writer: W) -> std::io::Result<(Self, JoinHandle<Result<u64, StoreError>>)> {
        let (sender, jobs) = mpsc::channel(WAITING);
        let thread = thread::Builder::new().name("writer".into()).spawn(move || write(writer, jobs))?;
        Ok((Self(sender), thread))
    }

    /// Stores these records in one transaction, possibly with others', and returns once they are on disk.
    ///
    /// # Errors
    /// Where the database refuses: then none of them is stored.
    pub async fn store(&self, records: Vec<Record>) -> Result<Vec<Stored>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Failed("the writer has ended".to_owned());
        self.0.send(Job { records, reply }).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

fn write(mut writer: impl Writer, mut jobs: mpsc::Receiver<Job>) -> Result<u64, StoreError> {
    let mut records = Vec::new();
    let mut replies = Vec::new();
    while let Some(job) = jobs.blocking_recv() {
        let mut bytes = 0;
        let mut take = |Job { records: more, reply }: Job| {
            bytes += more.iter().map(|record| record.body.len()).sum::<usize>();
            replies.push((more.len(), reply));
            records.extend(more);
            records.len() < EVENTS && bytes < BYTES
        };
        let mut room = take(job);
        while room && let Ok(job) = jobs.try_recv() {
            room = take(job);
        }
        let mut results = writer.insert(&records).map(Vec::into_iter);
        for (count, reply) in replies.drain(..) {
            let result = match &mut results {
                Ok(stored) => Ok(stored.by_ref().take(count).collect()),
                Err(error) => Err(error.clone()),
            };
            // A client that has gone away is no reason to undo its event: it may ask for it by its id.
            let _ = reply.send(result);
        }
        records.clear();
    }
    writer.close()
}
