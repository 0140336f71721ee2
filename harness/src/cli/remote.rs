//! The store that machines share: its place, its keys, and sending to it.

use std::path::Path;

use super::args::{Arguments, KeyArguments, RemoteArguments, SendArguments};
use super::{Context, Exit, Failure, absolute, answer, chain, talk, with_hint};
use kernsnap_host::workspace::MARKER;
use kernsnap_remote::keys::PrivateKey;
use kernsnap_remote::{Remote, RemoteError, Settings};

/// The variables that name an object store's account, region or endpoint.
const PREFIXES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::input(with_hint(chain(&error), error.hint().map(str::to_owned)))
    }
}

/// The remote store that the arguments or the workspace name, where one is named.
pub(super) fn open(arguments: &Arguments, workspace: &Path) -> Result<Option<Remote>, Failure> {
    let RemoteArguments { store_remote, store_trust, store_key } = &arguments.remote;
    let mut settings = Settings::read(&workspace.join(MARKER))?;
    settings.trust.extend(store_trust);
    let Some(url) = store_remote.clone().or_else(|| settings.remote.clone()).filter(|url| !url.is_empty()) else {
        return Ok(None);
    };
    let key = store_key.as_ref().map(|path| {
        let wrong = |error| Failure::input(format!("cannot use the key `{}`: {error}", path.display()));
        PrivateKey::read(&absolute(path)?).map_err(wrong)
    });
    let remote = Remote::open(&url, &settings, key.transpose()?, &environment(), Box::new(talk))?;
    Ok(Some(if sends(arguments) { remote.patient() } else { remote }))
}

/// True for the command that does nothing else than to send.
fn sends(arguments: &Arguments) -> bool {
    use super::args::{Command, StoreCommand};
    matches!(&arguments.command, Command::Store(store) if matches!(store.command, Some(StoreCommand::Send(_))))
}

/// The environment is read here and passed on.
fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)))
        .collect()
}

/// `kernsnap store key`.
pub(super) fn key(arguments: &KeyArguments) -> Result<Exit, Failure> {
    let wrong = |error| Failure::input(format!("cannot make the key `{}`: {error}", arguments.file.display()));
    let key = PrivateKey::generate().map_err(wrong)?;
    key.write(&absolute(&arguments.file)?).map_err(wrong)?;
    answer(&key.public().to_string());
    talk(
        "the file is the private key, for `--store-key`; the line above is the public one, for `--store-trust` and `kernsnap.toml`",
    );
    Ok(Exit::Passed)
}

/// `kernsnap store send`.
pub(super) fn send(context: &Context, arguments: &SendArguments) -> Result<Exit, Failure> {
    if !context.store.sends() {
        let hint = "name the remote store with `--store-remote`, and the key that signs with `--store-key`";
        return Err(Failure::input(with_hint("there is nowhere to send to".to_owned(), Some(hint.to_owned()))));
    }
    let all = context.store.travelling()?;
    let wanted = |kind: &str, key: &str| {
        arguments.entries.is_empty()
            || arguments.entries.iter().any(|entry| entry == kind || *entry == format!("{kind}/{key}"))
    };
    let chosen: Vec<_> = all.iter().filter(|(kind, key)| wanted(kind, key)).collect();
    if chosen.is_empty() && !arguments.entries.is_empty() {
        return Err(Failure::input(format!(
            "the store has no entry `{}` that travels",
            arguments.entries.join("`, `")
        )));
    }
    for (kind, key) in chosen {
        context.store.send(kind, key);
    }
    Ok(Exit::Passed)
}
