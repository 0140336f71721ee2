//! The settings of a workspace: the table `[store]` of its `kernsnap.toml`.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use kernsnap_host::files;

use crate::RemoteError;
use crate::keys::PublicKey;

/// Bytes of the file at most.
const LARGEST: u64 = 1 << 20;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The remote store, whose entries are taken, and how large and old they may be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The URL of the remote store.
    pub remote: Option<String>,
    /// The keys whose entries are taken.
    pub trust: Vec<PublicKey>,
    /// Packed bytes of an entry at most.
    pub limit: Option<u64>,
    /// The time since an entry was signed at most.
    pub max_age: Option<Duration>,
}

#[derive(Default, Deserialize)]
struct File {
    #[serde(default)]
    store: Table,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    remote: Option<String>,
    #[serde(default)]
    trust: Vec<String>,
    /// As `500MiB` or `2GiB`.
    limit: Option<String>,
    /// In days.
    max_age: Option<u32>,
}

impl Settings {
    /// The settings in a file; the default where it is not there.
    ///
    /// # Errors
    /// [`RemoteError::Settings`] where it cannot be read, or has a value that means nothing.
    pub fn read(path: &Path) -> Result<Self, RemoteError> {
        let bad = |why: String| RemoteError::Settings { path: path.to_owned(), why };
        let text = match files::read_within(path, LARGEST) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|error| bad(error.to_string()))?,
        };
        Self::parse(&String::from_utf8_lossy(&text)).map_err(bad)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let File { store } = toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        let trust = store.trust.iter().map(|key| key.parse().map_err(|why| format!("`{key}`: {why}")));
        let limit = store.limit.as_deref().map(|text| {
            let (number, shift) = match (text.strip_suffix("MiB"), text.strip_suffix("GiB")) {
                (Some(number), _) => (number, 20),
                (None, number) => (number.unwrap_or_default(), 30),
            };
            let bytes = number.trim().parse::<u32>().ok().map(|number| u64::from(number) << shift);
            bytes.ok_or_else(|| format!("`limit = \"{text}\"`: write `500MiB` or `2GiB`"))
        });
        Ok(Self {
            remote: store.remote,
            trust: trust.collect::<Result<_, String>>()?,
            limit: limit.transpose()?,
            max_age: store.max_age.map(|days| DAY * days),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_mistakes_told() -> Result<(), Box<dyn std::error::Error>> {
        let key = crate::keys::PrivateKey::generate()?.public();
        let text = format!("[store]\nremote = \"s3://a/b\"\ntrust = [\"{key}\"]\nlimit = \"2GiB\"\nmax-age = 30\n");
        let settings = Settings {
            remote: Some("s3://a/b".to_owned()),
            trust: vec![key],
            limit: Some(2 << 30),
            max_age: Some(DAY * 30),
        };
        assert_eq!(Settings::parse(&text)?, settings);
        assert_eq!(Settings::parse("# a comment\n")?, Settings::default());
        for (text, why) in [
            ("[store]\nremotes = 1", "unknown field"),
            ("[store]\ntrust = [\"x\"]", "64 hexadecimal digits"),
            ("[store]\nlimit = \"2\"", "500MiB"),
            ("[store", "TOML"),
        ] {
            let error = Settings::parse(text).expect_err(why);
            assert!(error.contains(why), "{error}");
        }
        Ok(())
    }
}
