//! The messages between a process that runs guests and the broker of templates: one JSON object a message, over a socket that
//! keeps messages apart (SEQPACKET), with a template's two descriptors where it comes with one.

use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use kernsnap_machine::template::SharedTemplate;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Raised when messages change. It is part of the socket's name.
const PROTOCOL: u32 = 2;

/// Bytes of a message at most.
const SIZE: usize = 16 << 10;

/// A request to the broker. A connection asks for one template, and holds it until it is closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Request {
    /// The template with this key.
    Get {
        /// 32 hexadecimal digits.
        key: String,
    },
    /// Comes with the template that the connection was told to boot.
    Keep {
        /// QEMU's process id.
        pid: u32,
    },
    /// The machine cannot be forked.
    Unavailable,
    /// A list of all templates.
    List,
    /// The end of the broker.
    Stop,
}

/// The broker's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Reply {
    /// Comes with the template.
    Template {
        /// QEMU's process id.
        pid: u32,
    },
    /// No process has booted it: the asking one does.
    Boot,
    /// The machine cannot be forked.
    Unavailable,
    /// All templates.
    List(Vec<TemplateRow>),
    /// The broker ends, and with it the templates that no process uses.
    Stopped {
        /// The process ids of their QEMUs.
        pids: Vec<i32>,
    },
}

/// A template that the broker keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TemplateRow {
    /// The hash of all that the machine is made of.
    pub key: String,
    /// QEMU's process id.
    pub pid: u32,
    /// Bytes of memory, pages that are shared with other processes counted in part.
    pub bytes: u64,
    /// Processes that hold it now, besides the broker.
    pub holders: usize,
}

/// The name of the socket: of this version, this protocol and this boot of the host, which may share the store with another.
pub(super) fn socket_name() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    format!("{}-{PROTOCOL}-{}.socket", env!("CARGO_PKG_VERSION"), boot.get(..8).unwrap_or("host"))
}

/// The address of a socket in a directory. The path of the directory may be longer than an address can be.
pub(super) fn address(directory: &File, name: &str) -> io::Result<SocketAddrUnix> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name);
    Ok(SocketAddrUnix::new(path)?)
}

/// Sends a message.
pub(super) fn send(
    socket: impl AsFd,
    message: &impl Serialize,
    template: Option<(BorrowedFd<'_>, BorrowedFd<'_>)>,
) -> io::Result<()> {
    let bytes = serde_json::to_vec(message)?;
    let mut space = [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = template.map(|(socket, console)| [socket, console]);
    if let Some(fds) = &fds
        && !ancillary.push(SendAncillaryMessage::ScmRights(fds))
    {
        return Err(io::Error::other("the descriptors do not fit"));
    }
    sendmsg(socket, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The two descriptors of a template: its socket, and its console output.
type Descriptors = (OwnedFd, OwnedFd);

/// A message, with its descriptors; `None` at the end of the connection.
pub(super) fn receive<M: DeserializeOwned>(socket: impl AsFd) -> io::Result<Option<(M, Option<Descriptors>)>> {
    let mut bytes = vec![0; SIZE];
    let mut space = [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let count = recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?.bytes;
    if count == 0 {
        return Ok(None);
    }
    let mut fds = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(given) = message {
            fds.extend(given);
        }
    }
    let message = serde_json::from_slice(&bytes[..count])?;
    let mut fds = fds.into_iter();
    Ok(Some((message, fds.next().zip(fds.next()))))
}

/// The template of a message.
pub(super) fn template(pid: u32, fds: Option<Descriptors>) -> io::Result<SharedTemplate> {
    let (socket, console) = fds.ok_or(io::ErrorKind::InvalidData)?;
    Ok(SharedTemplate { pid, socket, console })
}
