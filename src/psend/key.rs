//! The key of a run: one that was given, or one that a command prints and prints anew when the server refuses it.

use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::process::Command;

use super::secret::{Secret, Secrets};

/// Where the key comes from.
#[derive(Debug, Clone, Default)]
pub(super) enum KeySource {
    /// There is none.
    #[default]
    None,
    /// It does not change, and stands in the requests already.
    Settled,
    /// A command prints it.
    Command(Arc<KeyCommand>),
}

/// A command that prints a key.
#[derive(Debug)]
pub(super) struct KeyCommand {
    command: String,
    secrets: Secrets,
    known: Mutex<Known>,
    /// One asks at a time.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Known {
    key: Secret,
    /// How often it was asked for.
    generation: u64,
    /// Whether the server took it once.
    has_worked: bool,
}

/// The key as it is at this moment.
#[derive(Debug, Clone)]
pub(super) struct Current {
    /// The key itself; empty if it stands in the requests already.
    pub key: Secret,
    /// How often it was asked for before.
    pub generation: u64,
}

impl KeySource {
    /// The key at this moment.
    pub(super) fn current(&self) -> Current {
        match self {
            Self::None | Self::Settled => Current { key: Secret::new(""), generation: 0 },
            Self::Command(command) => {
                let known = command.known();
                Current { key: known.key.clone(), generation: known.generation }
            }
        }
    }

    /// Asks for the key the first time, if a command prints it.
    ///
    /// # Errors
    /// What the command did instead of printing one.
    pub(super) async fn begin(&self) -> Result<(), String> {
        match self {
            Self::Command(command) => command.ask().await,
            _ => Ok(()),
        }
    }

    /// The server took the key of this generation.
    pub(super) fn worked(&self, generation: u64) {
        if let Self::Command(command) = self {
            let mut known = command.known();
            known.has_worked |= known.generation == generation;
        }
    }

    /// The server refused the key of this generation. Asks for another, once for each key that worked and once at the start;
    /// returns whether there is another now.
    ///
    /// # Errors
    /// What the command did instead of printing one.
    pub(super) async fn refused(&self, generation: u64) -> Result<bool, String> {
        let Self::Command(command) = self else { return Ok(false) };
        let _alone = command.asking.lock().await;
        {
            let known = command.known();
            if known.generation != generation {
                return Ok(true);
            }
            // The first key may be one that was kept somewhere for too long.
            if known.generation > 1 && !known.has_worked {
                return Ok(false);
            }
        }
        command.ask().await.map(|()| true)
    }
}

impl KeyCommand {
    /// What `sh -c` runs. Keys are added to the secrets as they come.
    pub(super) fn new(command: &str, secrets: Secrets) -> Self {
        let known = Known { key: Secret::new(""), generation: 0, has_worked: false };
        Self { command: command.to_owned(), secrets, known: Mutex::new(known), asking: tokio::sync::Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<(), String> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let output = command.kill_on_drop(true).output().await.map_err(|e| format!("--key-command: {e}"))?;
        if !output.status.success() {
            return Err(format!("--key-command ended with {}", output.status));
        }
        let key = String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned());
        let key = key.filter(|key| !key.is_empty() && !key.contains(|c: char| c.is_control()));
        let key =
            Secret::new(key.ok_or("--key-command: expected the key on its standard output, as one line of text")?);
        self.secrets.add(&key);
        let mut known = self.known();
        *known = Known { key, generation: known.generation + 1, has_worked: false };
        Ok(())
    }
}
