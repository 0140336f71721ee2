//! A process that runs guests, talking to the broker of templates. Without one, it boots templates for itself.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernsnap_host::interrupt;
use kernsnap_host::key::Key;
use kernsnap_host::store::Store;
use kernsnap_machine::BootError;
use kernsnap_machine::template::Template;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::server::{BROKER, can_be_broker};
use super::wire::{Reply, Request, TemplateRow, address, receive, send, socket_name, template};

/// How often a process that waits for the broker looks for an interruption.
const LOOK: Duration = Duration::from_millis(50);

/// How long a new broker may take to listen.
const START: Duration = Duration::from_secs(10);

/// How long a template may take to end.
const END: Duration = Duration::from_secs(10);

/// The way to the broker of a store.
#[derive(Debug)]
pub(super) struct Client {
    store: Store,
    /// True if there is none, and none can be started.
    alone: AtomicBool,
}

/// A connection to the broker. The template that it was given is kept for as long as it is open.
#[derive(Debug)]
pub(super) struct Lease {
    _connection: OwnedFd,
}

impl Client {
    pub(super) fn new(store: &Store) -> Self {
        Self { store: store.clone(), alone: AtomicBool::new(false) }
    }

    /// The template with this key: the broker's, or the one that `boot` makes.
    ///
    /// # Errors
    /// Those of `boot`, and [`BootError::Template`] where the machine is known to have none.
    pub(super) fn get(
        &self,
        key: &Key,
        boot: impl FnOnce() -> Result<Template, BootError>,
    ) -> Result<(Template, Option<Lease>), BootError> {
        let asked = match self.connection() {
            Some(connection) => ask(&connection, key)?.map(|reply| (connection, reply)),
            None => None,
        };
        match asked {
            Some((connection, Asked::Template(template))) => Ok((template, Some(Lease { _connection: connection }))),
            Some((_, Asked::Unavailable)) => Err(BootError::Template(io::ErrorKind::Unsupported.into())),
            Some((connection, Asked::Boot)) => {
                let mut template = match boot() {
                    Err(BootError::Template(error)) if error.kind() == io::ErrorKind::Unsupported => {
                        let _ = send(&connection, &Request::Unavailable, None);
                        return Err(BootError::Template(error));
                    }
                    // With the end of the connection, the next one that waits boots it.
                    other => other?,
                };
                give(&connection, &mut template);
                Ok((template, Some(Lease { _connection: connection })))
            }
            None => Ok((boot()?, None)),
        }
    }

    /// A connection to the broker, which is started where there is none.
    fn connection(&self) -> Option<OwnedFd> {
        if self.alone.load(Ordering::Relaxed) {
            return None;
        }
        let connected = reach(&self.store).or_else(|_| start(&self.store).and_then(|()| reach(&self.store)));
        self.alone.store(connected.is_err(), Ordering::Relaxed);
        connected.ok()
    }
}

/// The broker's answer to a request for a template.
enum Asked {
    Template(Template),
    Boot,
    Unavailable,
}

/// Asks for a template, and waits while another process boots it. `None` where the broker ends meanwhile.
fn ask(connection: &OwnedFd, key: &Key) -> Result<Option<Asked>, BootError> {
    if send(connection, &Request::Get { key: key.to_string() }, None).is_err() {
        return Ok(None);
    }
    loop {
        interrupt::check()?;
        match is_readable(connection, LOOK) {
            Ok(true) => break,
            Ok(false) => {}
            Err(_) => return Ok(None),
        }
    }
    let Ok(Some((reply, fds))) = receive(connection) else { return Ok(None) };
    Ok(match reply {
        Reply::Template { pid } => template(pid, fds).and_then(Template::from_shared).ok().map(Asked::Template),
        Reply::Boot => Some(Asked::Boot),
        Reply::Unavailable => Some(Asked::Unavailable),
        Reply::List(_) | Reply::Stopped { .. } => None,
    })
}

/// Gives a template to the broker. A template that cannot be given is this process's own.
fn give(connection: &OwnedFd, template: &mut Template) {
    let Ok(shared) = template.share() else { return };
    let fds = (shared.socket.as_fd(), shared.console.as_fd());
    if send(connection, &Request::Keep { pid: shared.pid }, Some(fds)).is_ok() {
        template.release();
    }
}

fn is_readable(socket: &OwnedFd, time: Duration) -> io::Result<bool> {
    let timeout = Timespec::try_from(time).map_err(io::Error::other)?;
    match poll(&mut [PollFd::new(socket, PollFlags::IN)], Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => Ok(false),
        Ok(_) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The templates that the broker of a store keeps; `None` where there is no broker.
///
/// # Errors
/// If the broker does not answer as it should.
pub fn list(store: &Store) -> io::Result<Option<Vec<TemplateRow>>> {
    let Ok(connection) = reach(store) else { return Ok(None) };
    send(&connection, &Request::List, None)?;
    match receive(&connection)? {
        Some((Reply::List(rows), _)) => Ok(Some(rows)),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Ends the broker of a store and the templates that no process uses, and waits until these are gone. `false` where there is
/// no broker.
///
/// # Errors
/// If the broker does not answer as it should, or a template does not end in time.
pub fn stop(store: &Store) -> io::Result<bool> {
    let Ok(connection) = reach(store) else { return Ok(false) };
    send(&connection, &Request::Stop, None)?;
    let Some((Reply::Stopped { pids }, _)) = receive(&connection)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    for pid in pids.into_iter().filter_map(Pid::from_raw) {
        // One that cannot be opened is gone.
        let Ok(template) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        let begun = Instant::now();
        while !is_readable(&template, LOOK)? {
            interrupt::check().map_err(|error| io::Error::new(io::ErrorKind::Interrupted, error))?;
            if begun.elapsed() > END {
                let told = format!("QEMU, process {}, did not end in {} s", pid.as_raw_pid(), END.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, told));
            }
        }
    }
    Ok(true)
}

/// A connection to the broker that is there.
fn reach(store: &Store) -> io::Result<OwnedFd> {
    let directory = File::open(store.root().join("templates"))?;
    let connection = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    connect(&connection, &address(&directory, &socket_name())?)?;
    Ok(connection)
}

/// Starts a broker, and waits until it listens. It is this program again, in a session of its own.
fn start(store: &Store) -> io::Result<()> {
    if !can_be_broker() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    store.sub("templates").map_err(io::Error::other)?;
    #[expect(clippy::disallowed_methods, reason = "the broker outlives the harness, which tools must not")]
    let mut command = Command::new("/proc/self/exe");
    command.arg0("kernsnap-templates").env_clear().env(BROKER, store.root()).current_dir("/");
    let mut broker =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0).spawn()?;
    let Some(mut listens) = broker.stdout.take() else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let timeout = Timespec::try_from(START).map_err(io::Error::other)?;
    poll(&mut [PollFd::new(&listens, PollFlags::IN)], Some(&timeout))?;
    // Nothing comes from one that finds another broker there.
    let _ = listens.read(&mut [0])?;
    Ok(())
}
