//! Group commit: waiting events share a transaction, and none is answered before it is on disk.
//!
//! A separate thread owns the writer. While it waits for the disk, events queue up, and become the next transaction. Nothing is
//! delayed on purpose: a single event is committed at once.

use std::thread::{self, JoinHandle};

use tokio::sync::{mpsc, oneshot};

use super::{Record, StoreError, Stored, Writer};

/// The most requests that may queue for the writer. Further ones wait in their connections.
const WAITING: usize = 1024;

/// A transaction takes no further request once it has this many events.
const EVENTS: usize = 1000;

/// A transaction takes no further request once its events have this many bytes.
const BYTES: usize = 8 << 20;

/// Sends records to the writer's thread.
#[derive(Debug, Clone)]
pub(in crate::pserve) struct Committer(mpsc::Sender<Job>);

#[derive(Debug)]
struct Job {
    records: Vec<Record>,
    reply: oneshot::Sender<Result<Vec<Stored>, StoreError>>,
}

impl Committer {
    /// Starts the writer's thread. It ends when the last clone of the committer is dropped, and returns the result of
    /// [`Writer::close`].
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub(in crate::pserve) fn start<W: Writer + 'static>(
        writer: W,
    ) -> std::io::Result<(Self, JoinHandle<Result<u64, StoreError>>)> {
        let (sender, jobs) = mpsc::channel(WAITING);
        let thread = thread::Builder::new().name("writer".into()).spawn(move || write(writer, jobs))?;
        Ok((Self(sender), thread))
    }

    /// Stores these records in one transaction, possibly together with others. Returns once they are on disk.
    ///
    /// # Errors
    /// If the database fails. None of them is stored then.
    pub(in crate::pserve) async fn store(&self, records: Vec<Record>) -> Result<Vec<Stored>, StoreError> {
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
            // If the client has gone away, its event stays stored: the client can ask for it by its id.
            let _ = reply.send(result);
        }
        records.clear();
    }
    writer.close()
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
        fn insert(&mut self, records: &[Record]) -> Result<Vec<Stored>, StoreError> {
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

        fn close(self) -> Result<u64, StoreError> {
            Ok(self.ids.len() as u64)
        }
    }

    fn record(id: &str) -> Record {
        Record {
            tenant: "t".into(),
            external_id: id.to_owned(),
            timestamp: 0,
            ingested_at: 7,
            fields: SearchFields::default(),
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
        let (committer, thread) = Committer::start(memory).expect("a thread");
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
        let (committer, _thread) = Committer::start(Memory::default()).expect("a thread");
        block_on(async {
            let failed = committer.store(vec![record("a"), record("poison")]).await;
            assert!(matches!(failed, Err(StoreError::Full(_))));
            assert_eq!(committer.store(vec![record("a")]).await.expect("it is taken"), [Stored::New]);
        });
    }
}
