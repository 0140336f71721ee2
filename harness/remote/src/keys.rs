//! Keys: who signs entries, and whose entries are taken.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::str::FromStr;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use kernsnap_host::files;

/// Bytes of a key file at most.
const LARGEST: u64 = 1 << 10;

/// A public key of ed25519: 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// True if the holder of the private key signed this text.
    pub(crate) fn signed(&self, text: &str, signature: &str) -> bool {
        let Some(signature) = from_hex::<64>(signature) else { return false };
        self.0.verify_strict(text.as_bytes(), &Signature::from_bytes(&signature)).is_ok()
    }
}

impl FromStr for PublicKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = from_hex(text).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
        key.map(Self)
            .ok_or_else(|| "a public key has 64 hexadecimal digits; `kernsnap store key` prints one".to_owned())
    }
}

impl std::fmt::Display for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&to_hex(self.0.as_bytes()))
    }
}

/// A private key of ed25519.
#[derive(Clone, Debug)]
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// A new key, from the system's random numbers.
    ///
    /// # Errors
    /// If the system has none.
    pub fn generate() -> io::Result<Self> {
        let mut seed = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut seed)?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The key in a file: its seed in 64 hexadecimal digits.
    ///
    /// # Errors
    /// If the file cannot be read, or holds something else.
    pub fn read(path: &Path) -> io::Result<Self> {
        let text = String::from_utf8(files::read_within(path, LARGEST)?).unwrap_or_default();
        let seed = from_hex(text.trim());
        seed.map(|seed| Self(SigningKey::from_bytes(&seed))).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, "it holds no key; `kernsnap store key` makes one")
        })
    }

    /// Writes it to a new file that only this user reads.
    ///
    /// # Errors
    /// If the file is there already, or cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        writeln!(file, "{}", to_hex(self.0.as_bytes()))
    }

    /// The public part.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    pub(crate) fn sign(&self, text: &str) -> String {
        to_hex(&self.0.sign(text.as_bytes()).to_bytes())
    }
}

fn to_hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
        *byte = u8::from_str_radix(text.get(at..at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_back_and_never_overwritten() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("key");
        let key = PrivateKey::generate()?;
        key.write(&path)?;
        assert_eq!(PrivateKey::read(&path)?.public(), key.public());
        assert_eq!(key.write(&path).map_err(|error| error.kind()), Err(io::ErrorKind::AlreadyExists));
        assert_eq!(key.public().to_string().parse(), Ok(key.public()));
        assert!("00".parse::<PublicKey>().is_err() && "+1".repeat(32).parse::<PublicKey>().is_err());
        Ok(())
    }

    #[test]
    fn a_signature_is_for_one_text_and_one_key() -> io::Result<()> {
        let (one, two) = (PrivateKey::generate()?, PrivateKey::generate()?);
        let signature = one.sign("text");
        assert!(one.public().signed("text", &signature));
        assert!(!one.public().signed("texT", &signature) && !two.public().signed("text", &signature));
        assert!(!one.public().signed("text", &signature[2..]) && !one.public().signed("text", ""));
        Ok(())
    }
}
