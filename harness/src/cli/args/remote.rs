//! Arguments about the store that machines share.

use std::path::PathBuf;

use clap::Args;

use kernsnap_remote::keys::PublicKey;

/// The store that machines share. `kernsnap.toml` has what the command line does not say.
#[derive(Debug, Args)]
pub struct RemoteArguments {
    /// A store that several machines share: `file:`, `s3:`, `gs:`, `az:` or `https:` [default: `remote` of `[store]` in kernsnap.toml]
    #[arg(long, global = true, value_name = "URL", env = "KERNSNAP_STORE_REMOTE")]
    pub store_remote: Option<String>,

    /// A public key whose entries of the remote store are taken, besides those of kernsnap.toml
    #[arg(long, global = true, value_name = "KEY", env = "KERNSNAP_STORE_TRUST", value_delimiter = ',')]
    pub store_trust: Vec<PublicKey>,

    /// The file of the key that signs what is sent to the remote store; without it, nothing is sent
    #[arg(long, global = true, value_name = "FILE", env = "KERNSNAP_STORE_KEY")]
    pub store_key: Option<PathBuf>,
}

/// Arguments of `store key`.
#[derive(Debug, Args)]
pub struct KeyArguments {
    /// The file of the private key, which must not exist yet
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Arguments of `store send`.
#[derive(Debug, Args)]
pub struct SendArguments {
    /// The entries, as KIND or KIND/KEY [default: all that travel]
    #[arg(value_name = "ENTRY")]
    pub entries: Vec<String>,
}
