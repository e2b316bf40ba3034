//! A pool of readers for requests, on threads that may wait for the disk.

use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;
use tokio::task;

use super::{Reader, StoreError};

/// How many read at once. More would only contend for the same pages.
const AT_ONCE: usize = 4;

type Open<R> = dyn Fn() -> Result<R, StoreError> + Send + Sync;

/// Opens readers when they are needed, and keeps them for the next request.
pub(in crate::pserve) struct Readers<R> {
    open: Arc<Open<R>>,
    idle: Arc<Mutex<Vec<R>>>,
    turns: Arc<Semaphore>,
}

impl<R> Clone for Readers<R> {
    fn clone(&self) -> Self {
        Self { open: Arc::clone(&self.open), idle: Arc::clone(&self.idle), turns: Arc::clone(&self.turns) }
    }
}

impl<R: Reader + 'static> Readers<R> {
    /// Readers that are opened by `open`.
    pub(in crate::pserve) fn new(open: impl Fn() -> Result<R, StoreError> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open), idle: Arc::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks a reader, as soon as one is free.
    ///
    /// # Errors
    /// If no reader can be opened, or the reader fails.
    pub(in crate::pserve) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&R) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let failed = |e: &dyn std::fmt::Display| StoreError::Failed(e.to_string());
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|e| failed(&e))?;
        let (open, idle) = (Arc::clone(&self.open), Arc::clone(&self.idle));
        let asked = task::spawn_blocking(move || {
            let waiting = idle.lock().expect("no holder of this lock can panic").pop();
            let reader = waiting.map_or_else(|| open(), Ok)?;
            let answer = question(&reader);
            idle.lock().expect("no holder of this lock can panic").push(reader);
            drop(turn);
            answer
        });
        asked.await.map_err(|e| failed(&e))?
    }
}
