//! Group commit: waiting events share a transaction, and none is answered before it is on disk.
//!
//! A separate thread owns the writer. While it waits for the disk, events queue up, and become the next transaction. Nothing is
//! delayed on purpose: a single event is committed at once.

use std::mem;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Facts, Record, StoreError, Stored, Tally, Tenant, Writer};

/// The most requests that may queue for the writer. Further ones wait in their connections.
const WAITING: usize = 1024;

/// A transaction takes no further request once it has this many events.
const EVENTS: usize = 1000;

/// A transaction takes no further request once its events have this many bytes.
const BYTES: usize = 8 << 20;

/// Sends records to the writer's thread.
#[derive(Debug, Clone)]
pub(in crate::pserve) struct Committer {
    jobs: mpsc::Sender<Job>,
    tallies: Tallies,
}

/// Tallies that wait for the next transaction.
type Tallies = Arc<Mutex<Vec<Tally>>>;

/// Learns what was stored and removed, in the order in which that happened.
pub(in crate::pserve) trait Watcher: Send {
    /// These records were passed to the store, with these results.
    fn stored(&mut self, records: &[Record], stored: &[Stored]);

    /// An event of this tenant was removed.
    fn removed(&mut self, tenant: &Tenant, facts: &Facts);
}

#[derive(Debug)]
enum Job {
    Store { records: Vec<Record>, reply: Reply<Vec<Stored>> },
    Delete { tenant: Tenant, external_id: String, reply: Reply<bool> },
}

type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

impl Committer {
    /// Starts the writer's thread. It ends when the last clone of the committer is dropped, and returns the result of
    /// [`Writer::close`].
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(in crate::pserve) fn start(
        writer: Box<dyn Writer>,
        watcher: impl Watcher + 'static,
    ) -> std::io::Result<(Self, JoinHandle<Result<u64, StoreError>>)> {
        let (sender, jobs) = mpsc::channel(WAITING);
        let tallies = Tallies::default();
        let queue = Queue { jobs, next: None, tallies: Arc::clone(&tallies), watcher };
        let thread = thread::Builder::new().name("writer".into()).spawn(move || queue.write(writer))?;
        Ok((Self { jobs: sender, tallies }, thread))
    }

    /// Stores these records in one transaction, possibly together with others. Returns once they are on disk.
    ///
    /// # Errors
    /// If the database fails. None of them is stored then.
    pub(in crate::pserve) async fn store(&self, records: Vec<Record>) -> Result<Vec<Stored>, StoreError> {
        self.ask(|reply| Job::Store { records, reply }).await
    }

    /// Removes an event. Returns whether there was one.
    ///
    /// # Errors
    /// If the database fails.
    pub(in crate::pserve) async fn delete(&self, tenant: Tenant, external_id: String) -> Result<bool, StoreError> {
        self.ask(|reply| Job::Delete { tenant, external_id, reply }).await
    }

    /// Adds a tally to the next transaction.
    pub(in crate::pserve) fn tally(&self, tally: Tally) {
        let mut waiting = self.tallies.lock().expect("no holder of this lock can panic");
        let is_same =
            |other: &&mut Tally| (&other.tenant, other.name, other.hour) == (&tally.tenant, tally.name, tally.hour);
        match waiting.iter_mut().find(is_same) {
            Some(same) => same.count += tally.count,
            None => waiting.push(tally),
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Reply<T>) -> Job) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Failed("the writer has ended".to_owned());
        self.jobs.send(job(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

/// The jobs of the writer's thread.
struct Queue<W> {
    jobs: mpsc::Receiver<Job>,
    /// A job that was received while events were gathered, and is no event.
    next: Option<Job>,
    tallies: Tallies,
    watcher: W,
}

impl<W: Watcher> Queue<W> {
    fn write(mut self, mut writer: Box<dyn Writer>) -> Result<u64, StoreError> {
        while let Some(job) = self.next.take().or_else(|| self.jobs.blocking_recv()) {
            match job {
                Job::Store { records, reply } => self.store(&mut *writer, records, reply),
                Job::Delete { tenant, external_id, reply } => {
                    let removed = writer.delete(&tenant, &external_id);
                    if let Ok(Some(facts)) = &removed {
                        self.watcher.removed(&tenant, facts);
                    }
                    let _ = reply.send(removed.map(|facts| facts.is_some()));
                }
            }
        }
        let left = self.take_tallies();
        if !left.is_empty() {
            writer.insert(&[], &left)?;
        }
        writer.close()
    }

    /// Stores the records of a request, together with those of others that wait.
    fn store(&mut self, writer: &mut dyn Writer, mut records: Vec<Record>, reply: Reply<Vec<Stored>>) {
        let mut replies = vec![(records.len(), reply)];
        let size = |records: &[Record]| records.iter().map(|record| record.body.len()).sum::<usize>();
        let mut bytes = size(&records);
        while records.len() < EVENTS && bytes < BYTES {
            match self.jobs.try_recv() {
                Ok(Job::Store { records: more, reply }) => {
                    bytes += size(&more);
                    replies.push((more.len(), reply));
                    records.extend(more);
                }
                Ok(other) => {
                    self.next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        let tallies = self.take_tallies();
        let stored = writer.insert(&records, &tallies);
        match &stored {
            Ok(stored) => self.watcher.stored(&records, stored),
            Err(_) => self.tallies.lock().expect("no holder of this lock can panic").extend(tallies),
        }
        let mut results = stored.map(Vec::into_iter);
        for (count, reply) in replies {
            let result = match &mut results {
                Ok(stored) => Ok(stored.by_ref().take(count).collect()),
                Err(error) => Err(error.clone()),
            };
            // If the client has gone away, its event stays stored: the client can ask for it by its id.
            let _ = reply.send(result);
        }
    }

    fn take_tallies(&self) -> Vec<Tally> {
        mem::take(&mut *self.tallies.lock().expect("no holder of this lock can panic"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pserve::store::SearchFields;
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    /// Remembers ids, refuses the transaction that holds `poison`, and notes how many records each transaction had.
    #[derive(Default)]
    struct Memory {
        ids: HashMap<String, i64>,
        sizes: Arc<Mutex<Vec<usize>>>,
    }

    impl Writer for Memory {
        fn insert(&mut self, records: &[Record], _: &[Tally]) -> Result<Vec<Stored>, StoreError> {
            thread::sleep(Duration::from_millis(20));
            self.sizes.lock().expect("no panic").push(records.len());
            if records.iter().any(|record| record.external_id == "poison") {
                return Err(StoreError::Full("no room".to_owned()));
            }
            let store = |record: &Record| match self.ids.insert(record.external_id.clone(), record.ingested_at) {
                None => Stored::New,
                Some(ingested_at) => Stored::Duplicate { ingested_at },
            };
            Ok(records.iter().map(store).collect())
        }

        fn delete(&mut self, _: &str, _: &str) -> Result<Option<Facts>, StoreError> {
            Ok(None)
        }

        fn clear(&mut self) -> Result<u64, StoreError> {
            Ok(0)
        }

        fn close(self: Box<Self>) -> Result<u64, StoreError> {
            Ok(self.ids.len() as u64)
        }
    }

    /// Watches nothing.
    struct Blind;

    impl Watcher for Blind {
        fn stored(&mut self, _: &[Record], _: &[Stored]) {}

        fn removed(&mut self, _: &Tenant, _: &Facts) {}
    }

    fn record(id: &str) -> Record {
        Record {
            tenant: "t".into(),
            external_id: id.to_owned(),
            timestamp: 0,
            ingested_at: 7,
            fields: SearchFields::default(),
            response_time_ms: None,
            body: String::new(),
        }
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
    }

    #[test]
    fn waiting_requests_share_a_transaction_and_each_gets_its_own_result() {
        let memory = Memory::default();
        let sizes = Arc::clone(&memory.sizes);
        let (committer, thread) = Committer::start(Box::new(memory), Blind).expect("a thread");
        let answers = block_on(futures::future::join_all((0..300).map(|number| {
            let committer = committer.clone();
            async move { committer.store(vec![record(&format!("{}", number % 150)), record("twin")]).await }
        })));
        drop(committer);
        let news = answers.iter().flatten().flatten().filter(|stored| **stored == Stored::New).count();
        assert_eq!(news, 151);
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|stored| stored.len() == 2)));
        let sizes = sizes.lock().expect("no panic").clone();
        assert!(sizes.len() < 10, "{sizes:?}");
        assert_eq!(thread.join().expect("no panic").expect("it closes"), 151);
    }

    #[test]
    fn requests_that_share_a_transaction_share_its_failure_and_the_next_succeeds() {
        let (committer, _thread) = Committer::start(Box::<Memory>::default(), Blind).expect("a thread");
        block_on(async {
            let failed = committer.store(vec![record("a"), record("poison")]).await;
            assert!(matches!(failed, Err(StoreError::Full(_))));
            assert_eq!(committer.store(vec![record("a")]).await.expect("it is taken"), [Stored::New]);
        });
    }
}
