//! The parts that the tests of the whole program share: a checkout with scenarios of its own, a store of its own, the program, and a
//! look at the processes it leaves.
#![expect(clippy::disallowed_methods, reason = "these tests start the program and look at it from outside")]

use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kernsnap::cli::default_store;
use kernsnap_host::store::Store;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) type Outcome = Result<(), Box<dyn Error>>;

/// How long something that takes moments may take on a machine that is very busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The real checkout.
pub(crate) fn root() -> PathBuf {
    kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR"))
}

/// The program under test.
pub(crate) fn program() -> PathBuf {
    kernsnap::testing::program(env!("CARGO_BIN_EXE_kernsnap"))
}

/// A file of the tests' own.
pub(crate) fn data(name: &str) -> PathBuf {
    root().join("harness/tests/data").join(name)
}

/// A checkout with the real images and guest programs, and other scenarios.
#[derive(Debug)]
pub(crate) struct Checkout(TempDir);

impl Checkout {
    /// One with these scenario files, in the group `test`.
    pub(crate) fn with(scenarios: &[PathBuf]) -> io::Result<Self> {
        let checkout = Self(tempfile::tempdir()?);
        for name in ["images", "guest-programs"] {
            symlink(root().join(name), checkout.path().join(name))?;
        }
        let group = checkout.path().join("scenarios/test");
        fs::create_dir_all(&group)?;
        for file in scenarios {
            symlink(file, group.join(file.file_name().unwrap_or_default()))?;
        }
        Ok(checkout)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A store of the test's own that finds entries of these kinds in the user's store.
#[derive(Debug)]
pub(crate) struct OwnStore(TempDir);

impl OwnStore {
    /// `kinds` are kinds of entries, such as `kernel`, with which come the device trees. Where the kernel's source came from is
    /// known in any case.
    pub(crate) fn lending(kinds: &[&str]) -> Result<Self, Box<dyn Error>> {
        let store = Self(tempfile::tempdir()?);
        let records = Store::at(store.path()).sub("records")?;
        let lender = default_store().ok_or("there is no home directory for the image store")?;
        let with_kernels = kinds.contains(&"kernel").then_some("device-tree");
        for kind in kinds.iter().copied().chain(with_kernels) {
            if !lender.join(kind).is_dir() {
                return Err(format!("no {kind} in `{}`: `kernsnap image build` makes it", lender.display()).into());
            }
            // A store does not write through a link in the place of one of its directories; an entry may be another store's.
            let own = Store::at(store.path()).sub(kind)?;
            for entry in fs::read_dir(lender.join(kind))? {
                let entry = entry?;
                symlink(entry.path(), own.join(entry.file_name()))?;
            }
        }
        for record in fs::read_dir(lender.join("records"))? {
            let record = record?;
            fs::copy(record.path(), records.join(record.file_name()))?;
        }
        Ok(store)
    }

    /// One that has everything, so that only what a run itself needs is written here.
    pub(crate) fn whole() -> Result<Self, Box<dyn Error>> {
        Self::lending(&["kernel", "facts", "program", "module"])
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The content of one of its directories; nothing where there is no such directory.
    pub(crate) fn list(&self, directory: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path().join(directory)).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }
}

/// A call of the program.
pub(crate) struct Kernsnap(Command);

impl Kernsnap {
    /// `kernsnap` in a checkout, with these arguments.
    pub(crate) fn new<'a>(checkout: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        Self::through(&[], checkout, arguments)
    }

    /// The same, started by another program, which the words of `before` call.
    pub(crate) fn through<'a>(before: &[&str], checkout: &Path, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        let program = program().display().to_string();
        let words = [before, &[program.as_str()]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg("--root").arg(checkout).args(arguments);
        // Not the language of whoever runs the tests.
        command.env_remove("KERNSNAP_LANG").env("LC_ALL", "C.UTF-8");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self(command)
    }

    pub(crate) fn store(mut self, store: &Path) -> Self {
        self.0.arg("--store").arg(store);
        self
    }

    pub(crate) fn out(mut self, directory: &Path) -> Self {
        self.0.arg("--out").arg(directory);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Result<Ended, Box<dyn Error>> {
        self.start()?.end()
    }

    pub(crate) fn start(mut self) -> io::Result<Running> {
        self.0.spawn().map(Running)
    }
}

/// A running `kernsnap`. nextest's own limit is the deadline for its end.
#[derive(Debug)]
pub(crate) struct Running(Child);

impl Running {
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Box<dyn Error>> {
        Ok(kill_process(self.pid()?, signal)?)
    }

    pub(crate) fn pid(&self) -> Result<Pid, Box<dyn Error>> {
        Ok(Pid::from_raw(self.0.id().try_into()?).ok_or("no process has the id 0")?)
    }

    pub(crate) fn end(self) -> Result<Ended, Box<dyn Error>> {
        let output = self.0.wait_with_output()?;
        Ok(Ended {
            code: output.status.code(),
            signal: output.status.signal(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }
}

/// How a `kernsnap` ended, and what it said.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl fmt::Debug for Ended {
    /// For people who read a failed test.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, signal, stdout, stderr } = self;
        write!(f, "exit code {code:?}, signal {signal:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

impl Ended {
    /// The objects that `--json` printed.
    pub(crate) fn records(&self) -> Result<Vec<Value>, serde_json::Error> {
        self.stdout.lines().map(serde_json::from_str).collect()
    }

    /// The one object that `--json` printed.
    pub(crate) fn record(&self) -> Result<Value, Box<dyn Error>> {
        match &mut self.records()?[..] {
            [record] => Ok(record.take()),
            _ => Err(format!("not one record: {self:?}").into()),
        }
    }
}

/// The emulators whose command line has `mark` in it, by process id.
pub(crate) fn machines(mark: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_machine = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words = String::from_utf8_lossy(&line).into_owned();
        let program = words.split('\0').next().unwrap_or_default();
        program.ends_with(kernsnap_machine::qemu::PROGRAM) && words.contains(&mark.display().to_string())
    };
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok()).filter(is_machine);
    pids.filter_map(Pid::from_raw).collect()
}

/// Looks until there is something to see. What is waited for happens in moments; the deadline is for when it does not.
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, Box<dyn Error>> {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        if let Some(seen) = look() {
            return Ok(seen);
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    Err(format!("waited {} s in vain: {what}", PATIENCE.as_secs()).into())
}

/// True if a file holds this text.
pub(crate) fn says(file: &Path, text: &str) -> Option<()> {
    fs::read_to_string(file).ok()?.contains(text).then_some(())
}

/// The differences between a document that `--json` prints and its definition in docs/schema/kernsnap-1.json.
pub(crate) fn schema_mistakes(name: &str, document: &Value) -> Result<Vec<String>, Box<dyn Error>> {
    let text = fs::read_to_string(root().join("docs/schema/kernsnap-1.json"))?;
    let mut schema: Value = serde_json::from_str(&text)?;
    if schema["$defs"].get(name).is_none() {
        return Err(format!("the schema does not define `{name}`").into());
    }
    schema["$ref"] = json!(format!("#/$defs/{name}"));
    let validator = jsonschema::validator_for(&schema)?;
    Ok(validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect())
}
