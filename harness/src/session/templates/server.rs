//! The broker of templates: a process per store and user. It holds templates that others have booted, gives them to those who
//! ask, and ends when it was not used for a while.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kernsnap_host::files;
use kernsnap_host::store::Store;
use kernsnap_machine::template::SharedTemplate;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketFlags, SocketType, accept_with, bind, listen, socket_with};
use rustix::process::{geteuid, setsid};

use super::broker::{Answer, Broker, Client, Limits};
use super::wire::{Reply, Request, TemplateRow, address, receive, send, socket_name, template};

/// The variable that asks a program to be the broker of the store that it names.
pub(super) const BROKER: &str = "KERNSNAP_TEMPLATE_BROKER";

/// The bounds of what is kept while no process holds it.
const LIMITS: Limits = Limits { count: 12, bytes: 1 << 30 };

/// How long the broker stays while no process is connected.
const IDLE: Duration = Duration::from_secs(120);

/// How often it looks whether its store is still there.
const LOOK: Duration = Duration::from_secs(1);

/// True if this program looks for [`BROKER`] when it starts.
static CAN_BE_BROKER: AtomicBool = AtomicBool::new(false);

/// Makes this process the broker, if it was started to be that; it does not return before the broker ends. A program whose
/// `main` calls this first can start a broker when it runs guests.
pub fn become_broker_if_asked() -> bool {
    CAN_BE_BROKER.store(true, Ordering::Relaxed);
    #[expect(clippy::disallowed_methods, reason = "the program that starts a broker says so in this variable")]
    let Some(root) = std::env::var_os(BROKER) else { return false };
    // Who started it sees that it does not listen, and does without.
    let _ = serve(&Store::at(PathBuf::from(root)));
    true
}

pub(super) fn can_be_broker() -> bool {
    CAN_BE_BROKER.load(Ordering::Relaxed)
}

fn serve(store: &Store) -> io::Result<()> {
    // A terminal that closes ends its own processes only.
    let _ = setsid();
    let directory = store.sub("templates").map_err(io::Error::other)?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
    let name = socket_name();
    let lock = File::create(directory.join(format!("{name}.lock")))?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
    let path = directory.join(&name);
    let _ = files::remove_file(&path);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    bind(&listener, &address(&File::open(&directory)?, &name)?)?;
    listen(&listener, 64)?;
    let inode = fs::metadata(&path)?.ino();
    say_that_it_listens()?;
    let mut server = Server { listener, clients: BTreeMap::new(), broker: Broker::new(LIMITS), next: 0 };
    server.run(|| is_there(&path, inode))?;
    let _ = files::remove_file(&path);
    Ok(())
}

/// Tells whoever started the broker, and lets go of the pipe to it.
fn say_that_it_listens() -> io::Result<()> {
    io::stdout().write_all(b"l")?;
    io::stdout().flush()?;
    let nothing = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(nothing)?)
}

/// True if the socket can still be found.
fn is_there(path: &Path, inode: u64) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.ino() == inode)
}

struct Server {
    listener: OwnedFd,
    clients: BTreeMap<Client, OwnedFd>,
    broker: Broker<SharedTemplate>,
    next: Client,
}

impl Server {
    /// Serves until it was idle for [`IDLE`], is told to stop, or is not wanted any more.
    fn run(&mut self, wanted: impl Fn() -> bool) -> io::Result<()> {
        let mut used = Instant::now();
        loop {
            let ready = self.wait()?;
            if !self.clients.is_empty() || ready.accepts {
                used = Instant::now();
            }
            if ready.accepts {
                self.accept();
            }
            for key in ready.lost {
                self.broker.lose(&key);
            }
            for client in ready.clients {
                if self.hear(client) {
                    return Ok(());
                }
            }
            if used.elapsed() > IDLE || !wanted() {
                return Ok(());
            }
        }
    }

    fn wait(&self) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(&self.listener, PollFlags::IN)];
        fds.extend(self.clients.values().map(|client| PollFd::new(client, PollFlags::IN)));
        let kept: Vec<_> = self.broker.kept().collect();
        fds.extend(kept.iter().map(|kept| PollFd::new(&kept.template.socket, PollFlags::empty())));
        let timeout = Timespec::try_from(LOOK).map_err(io::Error::other)?;
        match poll(&mut fds, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) | Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let is_ready = |fd: &PollFd<'_>| !fd.revents().is_empty();
        let (clients, templates) = fds[1..].split_at(self.clients.len());
        Ok(Ready {
            accepts: is_ready(&fds[0]),
            clients: self.clients.keys().zip(clients).filter(|(_, fd)| is_ready(fd)).map(|(id, _)| *id).collect(),
            lost: kept
                .iter()
                .zip(templates)
                .filter(|(_, fd)| is_ready(fd))
                .map(|(kept, _)| kept.key.to_owned())
                .collect(),
        })
    }

    fn accept(&mut self) {
        let Ok(client) = accept_with(&self.listener, SocketFlags::CLOEXEC) else { return };
        // The directory keeps others out; this is for a directory whose mode was changed.
        if socket_peercred(&client).is_ok_and(|peer| peer.uid == geteuid()) {
            self.clients.insert(self.next, client);
            self.next += 1;
        }
    }

    /// Takes a message of a client. Returns true if it is the last one.
    fn hear(&mut self, client: Client) -> bool {
        let Some(socket) = self.clients.get(&client) else { return false };
        let Ok(Some((request, fds))) = receive(socket) else {
            self.clients.remove(&client);
            if let Some(next) = self.broker.leave(client) {
                self.answer(next, Answer::Boot);
            }
            return false;
        };
        match request {
            Request::Get { key } => {
                if let Some(answer) = self.broker.get(client, &key) {
                    self.answer(client, answer);
                }
            }
            Request::Keep { pid } => {
                let Ok(template) = template(pid, fds) else { return false };
                for waiting in self.broker.keep(client, template, memory(pid)) {
                    self.answer(waiting, Answer::Template);
                }
            }
            Request::Unavailable => {
                for waiting in self.broker.unavailable(client) {
                    self.answer(waiting, Answer::Unavailable);
                }
            }
            Request::List => {
                let rows = self.broker.kept().map(|kept| TemplateRow {
                    key: kept.key.to_owned(),
                    pid: kept.template.pid,
                    bytes: kept.bytes,
                    holders: kept.holders,
                });
                self.reply(client, &Reply::List(rows.collect()));
            }
            Request::Stop => {
                let unheld = self.broker.kept().filter(|kept| kept.holders == 0);
                let pids = unheld.filter_map(|kept| kept.template.pid.try_into().ok()).collect();
                self.reply(client, &Reply::Stopped { pids });
                return true;
            }
        }
        false
    }

    fn answer(&self, client: Client, answer: Answer) {
        match answer {
            Answer::Boot => self.reply(client, &Reply::Boot),
            Answer::Unavailable => self.reply(client, &Reply::Unavailable),
            Answer::Template => {
                let (Some(socket), Some(held)) = (self.clients.get(&client), self.broker.held_by(client)) else {
                    return;
                };
                let fds = (held.socket.as_fd(), held.console.as_fd());
                // A client that has gone is seen at its next event.
                let _ = send(socket, &Reply::Template { pid: held.pid }, Some(fds));
            }
        }
    }

    fn reply(&self, client: Client, reply: &Reply) {
        if let Some(socket) = self.clients.get(&client) {
            let _ = send(socket, reply, None);
        }
    }
}

/// The descriptors that something happened on.
struct Ready {
    accepts: bool,
    clients: Vec<Client>,
    /// Keys of templates that are gone.
    lost: Vec<String>,
}

/// Bytes of memory of a process, pages that are shared with others counted in part: `proc_pid_smaps(5)`.
fn memory(pid: u32) -> u64 {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib: u64 = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default();
    kib << 10
}
