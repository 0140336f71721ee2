//! Stores that share a remote one: over S3, and over a directory that another writes to.

mod server;

use std::error::Error;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use kernsnap_host::key::CacheInputs;
use kernsnap_host::store::{Elsewhere as _, Entry, Store, StoreError};
use kernsnap_remote::keys::{PrivateKey, PublicKey};
use kernsnap_remote::{Remote, Settings};

type Outcome = Result<(), Box<dyn Error>>;

/// A change to the remote store in this directory.
type Tamper<'a> = &'a dyn Fn(&Path) -> Outcome;

/// The content of each entry, and the number of those that were built.
type Got = (Vec<Vec<u8>>, usize);

/// The place that machines share, and the settings of the object store.
struct Shared {
    url: String,
    environment: Vec<(String, String)>,
}

impl Shared {
    fn directory(path: &Path) -> Self {
        Self { url: format!("file://{}", path.display()), environment: Vec::new() }
    }

    fn s3(endpoint: &str) -> Self {
        let pairs = [
            ("AWS_ENDPOINT", endpoint),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", server::ACCESS),
            ("AWS_SECRET_ACCESS_KEY", server::SECRET),
        ];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        Self { url: "s3://bucket/kernels".to_owned(), environment }
    }
}

/// A machine with a store of its own.
struct Machine {
    directory: tempfile::TempDir,
    key: Option<PrivateKey>,
    settings: Settings,
    /// The messages of all commands.
    told: Arc<Mutex<Vec<String>>>,
}

impl Machine {
    fn new(key: Option<&PrivateKey>, trust: &[PublicKey]) -> io::Result<Self> {
        Ok(Self {
            directory: tempfile::tempdir()?,
            key: key.cloned(),
            settings: Settings { trust: trust.to_vec(), ..Settings::default() },
            told: Arc::default(),
        })
    }

    fn remote(&self, shared: &Shared) -> Result<Remote, Box<dyn Error>> {
        let told = Arc::clone(&self.told);
        let tell = move |text: &str| told.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
        Ok(Remote::open(&shared.url, &self.settings, self.key.clone(), &shared.environment, Box::new(tell))?)
    }

    /// One command, which wants these entries: the content of each, and the number that it built.
    fn command(&self, shared: &Shared, names: &[&str]) -> Result<Got, Box<dyn Error>> {
        let store = Store::at(self.directory.path().join("store")).with_elsewhere(Arc::new(self.remote(shared)?));
        let (mut contents, mut built) = (Vec::new(), 0);
        for name in names {
            let entry = store.ensure(&inputs(name), &mut |_| (), |directory, _| {
                built += 1;
                build(name, directory)
            })?;
            contents.push(read(&entry)?);
        }
        Ok((contents, built))
    }

    fn told(&self) -> String {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).join("\n")
    }
}

fn inputs(name: &str) -> CacheInputs {
    CacheInputs::new("kernel", 1).with("name", name)
}

/// Ten MiB that do not compress: more than one part.
fn image(name: &str) -> Vec<u8> {
    let mut state = name.bytes().fold(7_u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)) | 1);
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..10 << 17).flat_map(|_| step()).collect()
}

fn build(name: &str, directory: &Path) -> Result<Vec<String>, StoreError> {
    let make = || {
        fs::create_dir(directory.join("modules"))?;
        fs::write(directory.join("modules/one.ko"), name)?;
        fs::write(directory.join("Image"), image(name))
    };
    make().map_err(StoreError::write(directory))?;
    Ok(vec!["Image".to_owned(), "modules".to_owned()])
}

fn read(entry: &Entry) -> Result<Vec<u8>, Box<dyn Error>> {
    let module = entry.checked("modules/one.ko")?;
    Ok([fs::read(module)?, fs::read(entry.file("Image"))?].concat())
}

#[test]
fn machines_share_what_one_of_them_built_over_s3() -> Outcome {
    let bucket = tempfile::tempdir()?;
    fs::create_dir(bucket.path().join("bucket"))?;
    let shared = Shared::s3(&format!("http://{}", server::serve(bucket.path())?));
    let key = PrivateKey::generate()?;
    let (one, two) = (Machine::new(Some(&key), &[])?, Machine::new(None, &[key.public()])?);
    let (first, built) = one.command(&shared, &["a", "b"])?;
    assert_eq!(built, 2, "{}", one.told());
    assert!(one.told().contains("fetched 0 entries (0 KiB), sent 2 entries"), "{}", one.told());
    let (second, built) = two.command(&shared, &["a", "b"])?;
    assert_eq!((built, second == first), (0, true), "{}", two.told());
    assert!(two.told().contains("fetched 2 entries"), "{}", two.told());
    Ok(())
}

/// The file of the remote store in this directory whose name ends so; there is one.
fn only(directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let files = fs::read_dir(directory)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
    let [file] = files.as_slice() else { return Err(format!("{files:?}").into()) };
    Ok(file.clone())
}

fn claim_of(remote: &Path, name: &str) -> PathBuf {
    remote.join("claim/kernel").join(format!("{}.json", inputs(name).key()))
}

fn change(path: &Path, from: &str, to: &str) -> Outcome {
    let text = fs::read_to_string(path)?;
    assert!(text.contains(from), "{text}");
    fs::write(path, text.replacen(from, to, 1))?;
    Ok(())
}

/// An archive with a link out of the entry.
fn with_link() -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(zstd::Encoder::new(Vec::new(), 1)?);
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o644);
    archive.append_link(&mut header, "Image", "/etc/passwd")?;
    archive.into_inner()?.finish()
}

#[test]
fn an_entry_that_was_tampered_with_is_refused_and_built() -> Outcome {
    let (key, stranger) = (PrivateKey::generate()?, PrivateKey::generate()?);
    let digit = |path: &Path, field: &str| -> Outcome {
        let text = fs::read_to_string(path)?;
        let at = text.find(&format!("\"{field}\":\"")).ok_or("no such field")? + field.len() + 4;
        let other = if &text[at..=at] == "0" { "1" } else { "0" };
        Ok(fs::write(path, [&text[..at], other, &text[at + 1..]].concat())?)
    };
    let cases: [(&str, Tamper<'_>); 9] = [
        ("is not the one that was signed", &|remote| {
            let path = only(&remote.join("content"))?;
            let mut bytes = fs::read(&path)?;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            Ok(fs::write(path, bytes)?)
        }),
        ("is not the one that was signed", &|remote| {
            let path = only(&remote.join("content"))?;
            let bytes = fs::read(&path)?;
            Ok(fs::write(path, &bytes[..bytes.len() - 1])?)
        }),
        ("its content is not there", &|remote| {
            let path = only(&remote.join("content"))?;
            Ok(fs::rename(path, remote.join("moved"))?)
        }),
        ("its signature is wrong", &|remote| digit(&claim_of(remote, "a"), "signature")),
        ("its signature is wrong", &|remote| digit(&claim_of(remote, "a"), "blake3")),
        ("which is not trusted", &|remote| {
            change(&claim_of(remote, "a"), &key.public().to_string(), &stranger.public().to_string())
        }),
        ("its claim is not one of kernsnap", &|remote| Ok(fs::write(claim_of(remote, "a"), "[]")?)),
        ("its claim is that of kernel/", &|remote| {
            let shared = Shared::directory(remote);
            Machine::new(Some(&key), &[])?.command(&shared, &["b"])?;
            Ok(fs::rename(claim_of(remote, "b"), claim_of(remote, "a"))?)
        }),
        ("is a link", &|remote| {
            fs::rename(claim_of(remote, "a"), remote.join("moved"))?;
            let inputs = inputs("a");
            let remote = Machine::new(Some(&key), &[])?.remote(&Shared::directory(remote))?;
            remote.send(inputs.kind(), inputs.key().as_str(), Box::new(with_link));
            Ok(())
        }),
    ];
    for (why, tamper) in cases {
        let remote = tempfile::tempdir()?;
        let shared = Shared::directory(remote.path());
        let (sent, _) = Machine::new(Some(&key), &[])?.command(&shared, &["a"])?;
        tamper(remote.path())?;
        let reader = Machine::new(None, &[key.public()])?;
        let (found, built) = reader.command(&shared, &["a"])?;
        assert_eq!((built, found == sent), (1, true), "{why}: {}", reader.told());
        assert!(reader.told().contains(why) && reader.told().contains("is refused"), "{why}: {}", reader.told());
    }
    Ok(())
}

#[test]
fn an_entry_of_an_unknown_key_or_beyond_the_limits_is_refused() -> Outcome {
    let (key, other) = (PrivateKey::generate()?, PrivateKey::generate()?);
    let remote = tempfile::tempdir()?;
    let shared = Shared::directory(remote.path());
    Machine::new(Some(&key), &[])?.command(&shared, &["a"])?;
    let stranger = Machine::new(None, &[other.public()])?;
    assert_eq!(stranger.command(&shared, &["a"])?.1, 1);
    assert!(stranger.told().contains("which is not trusted"), "{}", stranger.told());
    let mut small = Machine::new(None, &[key.public()])?;
    small.settings.limit = Some(1 << 20);
    assert_eq!(small.command(&shared, &["a"])?.1, 1);
    assert!(small.told().contains("and 1048576 are taken"), "{}", small.told());
    // Whoever signs replaces an entry that he does not take.
    assert_eq!(Machine::new(Some(&other), &[])?.command(&shared, &["a"])?.1, 1);
    assert_eq!(Machine::new(None, &[other.public()])?.command(&shared, &["a"])?.1, 0);
    Ok(())
}

#[test]
fn a_remote_that_is_away_is_told_once() -> Outcome {
    let key = PrivateKey::generate()?;
    // The port was free a moment ago, so no server listens there.
    let address = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let machine = Machine::new(Some(&key), &[])?;
    let (_, built) = machine.command(&Shared::s3(&format!("http://{address}")), &["a", "b"])?;
    assert_eq!(built, 2);
    assert_eq!(machine.told().matches("is away").count(), 1, "{}", machine.told());
    assert_eq!(machine.told().lines().count(), 1, "{}", machine.told());
    Ok(())
}

#[test]
fn a_transfer_goes_on_where_it_was_cut_off() -> Outcome {
    let key = PrivateKey::generate()?;
    let remote = tempfile::tempdir()?;
    let shared = Shared::directory(remote.path());
    Machine::new(Some(&key), &[])?.command(&shared, &["a"])?;
    let content = only(&remote.path().join("content"))?;
    let name = content.file_name().ok_or("no name")?.to_string_lossy().into_owned();
    let bytes = fs::read(&content)?;
    // The first part is nowhere else than in the reader's store.
    let reader = Machine::new(None, &[key.public()])?;
    let tmp = Store::at(reader.directory.path().join("store")).sub("tmp")?;
    fs::write(tmp.join(format!("{name}.part")), &bytes[..4 << 20])?;
    fs::write(&content, [vec![0; 4 << 20].as_slice(), &bytes[4 << 20..]].concat())?;
    assert_eq!(reader.command(&shared, &["a"])?.1, 0, "{}", reader.told());
    assert!(!tmp.join(format!("{name}.part")).exists());
    Ok(())
}
