//! A machine that has booted and forks a process for each run. See `lockstep/protocol.h` for the protocol.
//!
//! A forked run gives the bytes of a run that boots by itself: up to the fork point no byte of the run's own files was read,
//! and the fork point is given by the guest's instructions.

use std::fs::{self, File};
use std::io::{self, IoSlice, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use kernsnap_host::exec::{Ended, Outputs, Process};
use kernsnap_host::files;
use kernsnap_host::interrupt;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::{
    AddressFamily, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType,
    recv, sendmsg, shutdown, socketpair,
};

use super::boot::{Boot, BootError, BootRequest, CONSOLE_LOG, QEMU_LOG, Stop, Watch, file_error, unordered};
use super::console::ConsoleFollower;
use super::lockstep::{BOOT_LIMIT, boot_limit_s};
use super::machine::Region;
use super::memory::GuestMemory;

/// How often the host looks for an interruption while it waits for a template.
const LOOK: Duration = Duration::from_millis(10);

/// How long a killed run may take to go, in host time.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a `struct hello` and of a `struct ending`.
const HELLO: usize = 128;
const ENDING: usize = 8;

/// Guest memory is mapped in pages.
const PAGE: u64 = 4096;

/// A booted machine. Dropping it ends it, and the runs that it has forked, unless another process holds it too.
#[derive(Debug)]
pub struct Template {
    socket: OwnedFd,
    /// The guest's console output so far.
    console: Vec<u8>,
    /// QEMU's process id.
    pid: u32,
    keeper: Option<Keeper>,
}

/// The thread that has started QEMU. It must outlive QEMU's boot, and it reaps QEMU.
#[derive(Debug)]
struct Keeper {
    thread: JoinHandle<()>,
    fate: mpsc::Sender<Fate>,
}

/// The end of a template whose keeper is told of it.
#[derive(Debug)]
enum Fate {
    /// It is ended.
    End,
    /// It goes on until all who hold it have let it go.
    GoOn,
}

/// A [`Template`] in a form that can be sent to another process.
#[derive(Debug)]
pub struct SharedTemplate {
    /// QEMU's process id.
    pub pid: u32,
    /// The socket that takes requests. QEMU ends when no process has it any more.
    pub socket: OwnedFd,
    /// A file with the guest's console output so far.
    pub console: OwnedFd,
}

/// A file without a name, and a path under which QEMU can open it while this process has it.
fn unnamed(name: &str, content: &[u8]) -> io::Result<(File, PathBuf)> {
    let mut file = File::from(memfd_create(name, MemfdFlags::CLOEXEC)?);
    file.write_all(content)?;
    let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into();
    Ok((file, path))
}

fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// Waits at most `time` for a message on `socket`; `None` where there is none. An empty one is the socket's end.
fn message<const SIZE: usize>(socket: &OwnedFd, time: Duration) -> io::Result<Option<Vec<u8>>> {
    let timeout = Timespec::try_from(time).map_err(io::Error::other)?;
    let mut fds = [PollFd::new(socket, PollFlags::IN)];
    match poll(&mut fds, Some(&timeout)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        other => other?,
    };
    let mut bytes = vec![0; SIZE];
    let (count, _) = recv(socket, &mut *bytes, RecvFlags::empty())?;
    bytes.truncate(count);
    Ok(Some(bytes))
}

impl Template {
    /// Boots the machine of `request` with `initramfs` to its fork point. The request's own initramfs, its payload and its
    /// directory are not used.
    ///
    /// # Errors
    /// [`BootError::Template`] where this QEMU or this guest cannot be forked; the caller can boot instead. Its error is
    /// [`io::ErrorKind::Unsupported`] where that will be so the next time too.
    pub fn boot(request: &BootRequest<'_>, initramfs: &[u8]) -> Result<Self, BootError> {
        let lost = BootError::Template;
        let (initramfs, initramfs_path) = unnamed("kernsnap-initramfs", initramfs).map_err(lost)?;
        let (mut console, console_path) = unnamed("kernsnap-console", &[]).map_err(lost)?;
        let (mut log, log_path) = unnamed("kernsnap-log", &[]).map_err(lost)?;
        let memory = GuestMemory::new(request.machine.memory_mib).map_err(lost)?;
        let call = unordered(request, console_path, initramfs_path, memory.path())?;
        let call = request.lockstep.applied_to_template(call);
        let call = call.env(BOOT_LIMIT, boot_limit_s(request.schedule).to_string());
        let (socket, theirs) = pair().map_err(lost)?;
        let (fate, told) = mpsc::channel::<Fate>();
        let (started, start) = mpsc::channel();
        let keeper = thread::spawn(move || {
            let outputs = Outputs { stdout: &log_path, stderr: &log_path };
            let process = Process::start_with_input(&call, theirs, outputs);
            let (process, answer) = match process {
                Ok(process) => {
                    let pid = process.pid();
                    (Some(process), Ok(pid))
                }
                Err(error) => (None, Err(error)),
            };
            // Without a receiver there is no sender of a fate either.
            let _ = started.send(answer);
            match (told.recv(), process) {
                (Ok(Fate::GoOn), Some(process)) => process.leave(),
                (_, process) => drop(process),
            }
        });
        let keeper = Some(Keeper { thread: keeper, fate });
        let mut template = Self { socket, console: Vec::new(), pid: 0, keeper };
        template.pid = start.recv().map_err(|error| lost(io::Error::other(error)))??;
        let hello = template.hello(request.limit)?;
        // QEMU has opened them, and keeps them.
        drop((initramfs, memory));
        match hello.split_first_chunk() {
            Some((ready, _)) if u32::from_ne_bytes(*ready) == 1 => {
                console.seek(SeekFrom::Start(0)).map_err(lost)?;
                console.read_to_end(&mut template.console).map_err(lost)?;
                Ok(template)
            }
            Some((_, reason)) => {
                let reason = String::from_utf8_lossy(reason).trim_end_matches('\0').to_owned();
                Err(lost(io::Error::new(io::ErrorKind::Unsupported, reason)))
            }
            None => {
                let mut said = String::new();
                let _ = log.seek(SeekFrom::Start(0)).and_then(|_| log.read_to_string(&mut said));
                Err(lost(io::Error::other(format!("QEMU stopped before its guest was ready: {said}"))))
            }
        }
    }

    /// A second hold on the machine, for another process.
    ///
    /// # Errors
    /// If the system has no descriptors left.
    pub fn share(&self) -> io::Result<SharedTemplate> {
        let (console, _) = unnamed("kernsnap-console", &self.console)?;
        Ok(SharedTemplate { pid: self.pid, socket: self.socket.try_clone()?, console: console.into() })
    }

    /// The machine that another process has booted.
    ///
    /// # Errors
    /// If its console output cannot be read.
    pub fn from_shared(shared: SharedTemplate) -> io::Result<Self> {
        let SharedTemplate { pid, socket, console } = shared;
        let (mut file, mut console) = (File::from(console), Vec::new());
        file.seek(SeekFrom::Start(0))?;
        file.read_to_end(&mut console)?;
        Ok(Self { socket, console, pid, keeper: None })
    }

    /// Lets the machine go on when this value is dropped, for as long as another process holds it.
    pub fn release(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            // The thread reaps QEMU, or ends with this process.
            let _ = keeper.fate.send(Fate::GoOn);
        }
    }

    /// QEMU's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    fn hello(&self, limit: Duration) -> Result<Vec<u8>, BootError> {
        let started = Instant::now();
        loop {
            interrupt::check()?;
            if let Some(bytes) = message::<HELLO>(&self.socket, LOOK).map_err(BootError::Template)? {
                return Ok(bytes);
            }
            if started.elapsed() > limit {
                return Err(BootError::Template(io::ErrorKind::TimedOut.into()));
            }
        }
    }

    /// Runs the machine of `request` from the fork point on. All but its payload must be as it was in [`Template::boot`].
    ///
    /// # Errors
    /// As [`boot`](super::boot()), and [`BootError::Template`] where the template is gone.
    pub fn run(&self, request: &BootRequest<'_>) -> Result<Boot, BootError> {
        let console_path = request.directory.join(CONSOLE_LOG);
        let log_path = request.directory.join(QEMU_LOG);
        for path in [&console_path, &log_path] {
            files::remove_file(path).map_err(file_error(path))?;
        }
        fs::write(&console_path, &self.console).map_err(file_error(&console_path))?;
        let mut console = File::options().write(true).open(&console_path).map_err(file_error(&console_path))?;
        console.seek(SeekFrom::End(0)).map_err(file_error(&console_path))?;
        let follower = File::open(&console_path).map_err(file_error(&console_path))?;
        let log = File::create(&log_path).map_err(file_error(&log_path))?;
        let region = Region { address: 0, ..request.machine.channel_in_memory() };
        let channel = GuestMemory::with_bytes(region.size).map_err(file_error(Path::new("guest memory")))?;
        let mut watch = Watch::new(ConsoleFollower::new(follower), log_path, request);
        let run = self.fork(request, &[console.into(), log.into()], &channel).map_err(BootError::Template)?;
        let ended = watch.until_off(request.limit, |time| run.wait(time).map_err(Stop::Template));
        // A run that is still there writes to its channel and console.
        if !matches!(ended, Ok(Some(_)) | Err(Stop::Template(_))) {
            run.kill().map_err(BootError::Template)?;
        }
        watch.finish(request, ended, &channel, region)
    }

    fn fork(&self, request: &BootRequest<'_>, logs: &[OwnedFd; 2], channel: &GuestMemory) -> io::Result<Forked> {
        let (channel_at, payload_at) = (request.machine.channel_in_memory(), request.machine.payload_in_memory());
        let payload_size = (request.payload.len() as u64).next_multiple_of(PAGE);
        let payload = GuestMemory::with_bytes(payload_size)?;
        payload.put(Region { address: 0, ..payload_at }, request.payload)?;
        let (socket, theirs) = pair()?;
        let numbers = [channel_at.address, channel_at.size, payload_at.address, payload_size];
        let bytes: Vec<u8> = numbers.into_iter().flat_map(u64::to_ne_bytes).collect();
        let [console, log] = logs;
        let given = [console.as_fd(), log.as_fd(), channel.as_fd(), payload.as_fd(), theirs.as_fd()];
        let mut space = [const { std::mem::MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(5))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !ancillary.push(SendAncillaryMessage::ScmRights(&given)) {
            return Err(io::Error::other("the descriptors do not fit"));
        }
        sendmsg(&self.socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
        Ok(Forked { socket })
    }
}

impl Drop for Template {
    fn drop(&mut self) {
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.fate.send(Fate::End);
            let _ = keeper.thread.join();
        }
    }
}

/// A forked run. Dropping it ends it.
struct Forked {
    socket: OwnedFd,
}

impl Forked {
    /// Waits at most `time` for its end; `None` while it runs.
    fn wait(&self, time: Duration) -> io::Result<Option<Ended>> {
        let Some(bytes) = message::<ENDING>(&self.socket, time)? else { return Ok(None) };
        let number = |at: usize| Some(i32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?));
        match (number(0), number(4)) {
            (Some(status), Some(0)) => Ok(Some(Ended::from_wait(status))),
            (Some(_), Some(error)) => Err(io::Error::from_raw_os_error(error)),
            _ => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    /// Ends it, and waits until it is gone.
    fn kill(&self) -> io::Result<()> {
        shutdown(&self.socket, Shutdown::Write)?;
        match self.wait(PATIENCE)? {
            Some(_) => Ok(()),
            None => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
