//! One entry at a time, to the object store and back.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};
use object_store::path::Path as Place;
use object_store::{GetOptions, GetRange, ObjectStore, PutOptions};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use kernsnap_host::files;
use kernsnap_host::store::Pack;

use crate::claim::{Claim, hash};
use crate::keys::{PrivateKey, PublicKey};

/// Bytes of a claim at most.
const LARGEST_CLAIM: u64 = 4 << 10;
/// Bytes that are asked for at a time. An entry that is larger is resumed after its last whole part.
const PART: u64 = 4 << 20;
/// Parts, or entries, that are under way at a time.
const PARALLEL: usize = 4;
/// The time for the answer to a small question.
const SOON: Duration = Duration::from_secs(20);

/// Why an entry did not come or go.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The remote does not answer, or not as it should.
    Away(String),
    /// The entry is not taken.
    Refused(String),
}

impl From<object_store::Error> for Trouble {
    fn from(error: object_store::Error) -> Self {
        // The last cause is the one that says what happened; the texts above it name the same URL several times.
        let mut cause: &dyn std::error::Error = &error;
        while let Some(next) = cause.source() {
            cause = next;
        }
        Self::Away(cause.to_string())
    }
}

/// An object store, and whose entries are moved.
pub(crate) struct Transfer {
    place: Arc<dyn ObjectStore>,
    root: Place,
    trusted: Vec<PublicKey>,
    key: Option<PrivateKey>,
    limit: u64,
    max_age: Option<Duration>,
    turns: Semaphore,
}

impl Transfer {
    pub(crate) fn new(
        place: Arc<dyn ObjectStore>,
        root: Place,
        trusted: Vec<PublicKey>,
        key: Option<PrivateKey>,
        limit: u64,
        max_age: Option<Duration>,
    ) -> Self {
        Self { place, root, trusted, key, limit, max_age, turns: Semaphore::new(PARALLEL) }
    }

    /// The claim of an entry, checked.
    pub(crate) async fn claim(&self, kind: &str, key: &str) -> Result<Option<Claim>, Trouble> {
        let place = self.claim_place(kind, key);
        let ask = async {
            // Of a claim that is too long, the rest is not read.
            match self.range(&place, 0..LARGEST_CLAIM).await {
                Err(object_store::Error::NotFound { .. }) => Ok(None),
                found => Ok(Some(found?)),
            }
        };
        let asked = timeout(SOON, ask).await.map_err(|_| Trouble::Away("it does not answer".to_owned()))?;
        let Some(text) = asked.map_err(|error: object_store::Error| Trouble::from(error))? else { return Ok(None) };
        let claim = Claim::check(&text, kind, key, &self.trusted, self.max_age).map_err(Trouble::Refused)?;
        if claim.size > self.limit {
            return Err(Trouble::Refused(format!("it has {} bytes, and {} are taken", claim.size, self.limit)));
        }
        Ok(Some(claim))
    }

    /// The content that a claim names, checked. A part that was cut off before is in the directory `partial`.
    pub(crate) async fn content(&self, claim: &Claim, partial: &Path) -> Result<Vec<u8>, Trouble> {
        let place = self.content_place(&claim.blake3);
        let path = (claim.size > PART).then(|| partial.join(format!("{}.part", claim.blake3)));
        let mut bytes =
            path.as_ref().map_or_else(Vec::new, |path| files::read_within(path, claim.size).unwrap_or_default());
        // A directory that cannot be written costs the way to go on later, no more.
        let mut file = path.as_ref().and_then(|path| OpenOptions::new().append(true).create(true).open(path).ok());
        let have = bytes.len() as u64;
        let parts = (have..claim.size).step_by(usize::try_from(PART).unwrap_or(usize::MAX));
        let parts = parts.map(|from| self.range(&place, from..(from + PART).min(claim.size)));
        let mut parts = stream::iter(parts).buffered(PARALLEL);
        while let Some(part) = parts.next().await {
            let part = match part {
                Err(object_store::Error::NotFound { .. }) => {
                    return Err(Trouble::Refused("its content is not there".to_owned()));
                }
                part => part?,
            };
            bytes.extend_from_slice(&part);
            if bytes.len() as u64 > claim.size {
                break;
            }
            if let Some(open) = &mut file
                && open.write_all(&part).is_err()
            {
                file = None;
            }
        }
        if let Some(path) = path {
            // Whole or wrong: there is nothing to resume.
            let _gone = files::remove_file(&path);
        }
        if hash(&bytes) != claim.blake3 {
            return Err(Trouble::Refused("its content is not the one that was signed".to_owned()));
        }
        Ok(bytes)
    }

    /// Sends an entry, and then its claim; the number of bytes, or `None` where nothing has to be sent.
    pub(crate) async fn send(
        &self,
        kind: &str,
        key: &str,
        pack: Pack,
        off: &AtomicBool,
    ) -> Result<Option<u64>, Trouble> {
        let Ok(_turn) = self.turns.acquire().await else { return Ok(None) };
        let Some(signer) = self.key.as_ref().filter(|_| !off.load(Ordering::Relaxed)) else { return Ok(None) };
        // One that is refused is replaced by ours.
        if let Ok(Some(_)) = self.claim(kind, key).await {
            return Ok(None);
        }
        let bytes = match spawn_blocking(pack).await {
            // It holds a link: it does not travel.
            Ok(Err(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(None),
            Ok(packed) => packed.map_err(|error| Trouble::Refused(error.to_string()))?,
            Err(_) => return Err(Trouble::Refused("it could not be packed".to_owned())),
        };
        let size = bytes.len() as u64;
        if size > self.limit {
            return Err(Trouble::Refused(format!("it has {size} bytes, and {} are sent", self.limit)));
        }
        let claim = Claim::new(kind, key, &bytes, signer);
        let text = serde_json::to_vec(&claim).map_err(|error| Trouble::Refused(error.to_string()))?;
        // Whoever finds the claim finds its content.
        self.place.put_opts(&self.content_place(&claim.blake3), bytes.into(), PutOptions::default()).await?;
        self.place.put_opts(&self.claim_place(kind, key), text.into(), PutOptions::default()).await?;
        Ok(Some(size))
    }

    async fn range(&self, place: &Place, range: std::ops::Range<u64>) -> object_store::Result<Vec<u8>> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        Ok(self.place.get_opts(place, options).await?.bytes().await?.into())
    }

    fn claim_place(&self, kind: &str, key: &str) -> Place {
        self.root.clone().join("claim").join(kind).join(format!("{key}.json"))
    }

    fn content_place(&self, hash: &str) -> Place {
        self.root.clone().join("content").join(hash)
    }
}
