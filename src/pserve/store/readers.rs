//! A pool of readers for requests, on threads that may wait for the disk.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::task;

use super::{Reader, Store, StoreError};

/// How many read at once. More would only contend for the same pages.
const AT_ONCE: usize = 4;

/// Opens readers when they are needed, and keeps them for the next request.
#[derive(Clone)]
pub(in crate::pserve) struct Readers {
    store: Arc<dyn Store>,
    idle: Arc<Mutex<Vec<Box<dyn Reader>>>>,
    turns: Arc<Semaphore>,
}

impl Readers {
    /// Readers of this store.
    pub(in crate::pserve) fn new(store: Arc<dyn Store>) -> Self {
        Self { store, idle: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks a reader, as soon as one is free. A reader that fails is not asked again.
    ///
    /// # Errors
    /// If no reader can be opened, or the reader fails.
    pub(in crate::pserve) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut dyn Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = |e: &dyn std::fmt::Display| StoreError::Failed(e.to_string());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|e| failed(&e))?;
        let Self { store, idle, .. } = self.clone();
        let asked = task::spawn_blocking(move || {
            let waiting = idle.lock().expect("no holder of this lock can panic").pop();
            let mut reader = waiting.map_or_else(|| store.reader(), Ok)?;
            let answer = question(&mut *reader);
            if answer.is_ok() {
                idle.lock().expect("no holder of this lock can panic").push(reader);
            }
            drop(turn);
            answer
        });
        asked.await.map_err(|e| failed(&e))?
    }
}
