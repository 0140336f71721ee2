//! A claim: the signed statement that an entry has this content.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::keys::{PrivateKey, PublicKey};

/// The claim of an entry, as JSON beside the others of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claim {
    kind: String,
    key: String,
    /// The hash of the packed bytes, hexadecimal.
    pub(crate) blake3: String,
    /// The number of packed bytes.
    pub(crate) size: u64,
    /// Seconds since 1970 at which it was signed.
    signed_at: u64,
    signer: String,
    signature: String,
}

impl Claim {
    pub(crate) fn new(kind: &str, key: &str, bytes: &[u8], signer: &PrivateKey) -> Self {
        let signed_at = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let unsigned = Self {
            kind: kind.to_owned(),
            key: key.to_owned(),
            blake3: hash(bytes),
            size: bytes.len() as u64,
            signed_at,
            signer: signer.public().to_string(),
            signature: String::new(),
        };
        Self { signature: signer.sign(&unsigned.text()), ..unsigned }
    }

    /// The text that is signed. No field holds a line feed where the signature is checked.
    fn text(&self) -> String {
        let Self { kind, key, blake3, size, signed_at, .. } = self;
        format!("kernsnap entry 1\n{kind}\n{key}\n{blake3}\n{size}\n{signed_at}\n")
    }

    /// The claim in these bytes, if it is for this entry and a trusted key has signed it.
    ///
    /// # Errors
    /// The reason why it is refused.
    pub(crate) fn check(
        bytes: &[u8],
        kind: &str,
        key: &str,
        trusted: &[PublicKey],
        max_age: Option<Duration>,
    ) -> Result<Self, String> {
        let claim: Self = serde_json::from_slice(bytes).map_err(|_| "its claim is not one of kernsnap".to_owned())?;
        if claim.kind != kind || claim.key != key {
            return Err(format!("its claim is that of {}/{}", shortened(&claim.kind), shortened(&claim.key)));
        }
        let is_digit = |digit: u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        if claim.blake3.len() != 64 || !claim.blake3.bytes().all(is_digit) {
            return Err("its claim has no hash".to_owned());
        }
        let Some(signer) = trusted.iter().find(|trusted| trusted.to_string() == claim.signer) else {
            return Err(format!("it is signed with the key {}, which is not trusted", shortened(&claim.signer)));
        };
        if !signer.signed(&claim.text(), &claim.signature) {
            return Err("its signature is wrong".to_owned());
        }
        let begin = SystemTime::UNIX_EPOCH + Duration::from_secs(claim.signed_at.min(u64::from(u32::MAX)));
        let age = SystemTime::now().duration_since(begin).unwrap_or_default();
        if max_age.is_some_and(|most| age > most) {
            return Err(format!("it was signed {} days ago", age.as_secs() / (24 * 60 * 60)));
        }
        Ok(claim)
    }
}

/// The hash of packed bytes.
pub(crate) fn hash(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_string()
}

/// A stranger's text, in a message.
fn shortened(text: &str) -> String {
    text.chars().take(64).collect::<String>().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_holds_for_its_entry_its_key_and_its_time() -> Result<(), Box<dyn std::error::Error>> {
        let (signer, stranger) = (PrivateKey::generate()?, PrivateKey::generate()?);
        let claim = Claim::new("kernel", "k1", b"content", &signer);
        let text = serde_json::to_vec(&claim)?;
        let trusted = [signer.public()];
        let check =
            |text: &[u8], key: &str, trusted: &[PublicKey], age| Claim::check(text, "kernel", key, trusted, age);
        assert_eq!(check(&text, "k1", &trusted, None), Ok(claim.clone()));
        let refused = |result: Result<Claim, String>, why: &str| {
            let error = result.expect_err(why);
            assert!(error.contains(why), "{error}");
        };
        refused(check(&text, "k2", &trusted, None), "that of kernel/k1");
        refused(check(&text, "k1", &[stranger.public()], None), "is not trusted");
        refused(check(b"{}", "k1", &trusted, None), "not one of kernsnap");
        let changes: [fn(&mut Claim); 3] =
            [|claim| claim.size += 1, |claim| claim.signed_at += 1, |claim| claim.blake3 = hash(b"other")];
        for change in changes {
            let mut other = claim.clone();
            change(&mut other);
            refused(check(&serde_json::to_vec(&other)?, "k1", &trusted, None), "signature is wrong");
        }
        let old = Claim { signed_at: 0, ..claim };
        let old = Claim { signature: signer.sign(&old.text()), ..old };
        refused(check(&serde_json::to_vec(&old)?, "k1", &trusted, Some(Duration::from_secs(60))), "days ago");
        Ok(())
    }
}
