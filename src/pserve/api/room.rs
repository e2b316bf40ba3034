//! Memory for large bodies, shared by all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body of up to this size needs no room, because a connection's own buffers are as large.
pub(super) const SMALL: usize = 64 << 10;

/// The room for all larger bodies together, in pieces of [`SMALL`] bytes.
const ROOM: usize = 4096;

/// The room that large bodies share while they are read and stored. A body gets it as bytes arrive, so a client that announces
/// much and sends little does not hold up others.
pub(in crate::pserve) struct Room {
    free: Arc<Semaphore>,
    /// Lets one body at a time go beyond the room. Otherwise bodies that each have a part of it could wait for each other forever.
    beyond: Arc<Semaphore>,
}

impl Default for Room {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(ROOM)), beyond: Arc::new(Semaphore::new(1)) }
    }
}

/// What one body takes of the room. Dropping it gives the room back.
#[derive(Default)]
pub(super) struct Share {
    /// The bytes that it covers, in addition to [`SMALL`].
    bytes: usize,
    pieces: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Waits until there is room for a body of this length.
    pub(super) async fn grow(&mut self, length: usize, room: &Room) {
        let missing = length.saturating_sub(SMALL + self.bytes).div_ceil(SMALL);
        if missing == 0 || self.beyond.is_some() {
            return;
        }
        let pieces = u32::try_from(missing).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            Ok(more) = Arc::clone(&room.free).acquire_many_owned(pieces) => {
                self.bytes += missing * SMALL;
                match &mut self.pieces {
                    Some(pieces) => pieces.merge(more),
                    none => *none = Some(more),
                }
            }
            Ok(beyond) = Arc::clone(&room.beyond).acquire_owned() => self.beyond = Some(beyond),
        }
    }
}
