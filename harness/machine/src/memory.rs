//! The guest's memory, as a file without a name that QEMU maps and the host reads.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{MemfdFlags, memfd_create};

use super::channel::{ChannelError, HEADER_SIZE, Header};
use super::machine::Region;

/// A guest's whole memory. It goes away with this value and with QEMU: nothing is left on any disk.
#[derive(Debug)]
pub struct GuestMemory {
    file: File,
}

impl GuestMemory {
    /// Memory of `mib` MiB, all zero; pages come into being when the guest touches them.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn new(mib: u32) -> io::Result<Self> {
        Self::with_bytes(u64::from(mib) << 20)
    }

    /// A part of a guest's memory, of `size` bytes.
    pub(super) fn with_bytes(size: u64) -> io::Result<Self> {
        let file = File::from(memfd_create("kernsnap-guest", MemfdFlags::CLOEXEC)?);
        file.set_len(size)?;
        Ok(Self { file })
    }

    /// Writes `payload` into `region`.
    pub(super) fn put(&self, region: Region, payload: &[u8]) -> io::Result<()> {
        put(&self.file, region, payload)
    }

    /// Memory that holds `payload` in `region` when the machine is switched on; an empty one leaves it zero.
    ///
    /// # Errors
    /// If the system refuses, or the payload is larger than its region.
    pub fn with_payload(mib: u32, region: Region, payload: &[u8]) -> io::Result<Self> {
        let memory = Self::new(mib)?;
        put(&memory.file, region, payload)?;
        Ok(memory)
    }

    /// The same as a file at `path`, for a QEMU that another program starts.
    ///
    /// # Errors
    /// As [`GuestMemory::with_payload`].
    pub fn write(path: &Path, mib: u32, region: Region, payload: &[u8]) -> io::Result<()> {
        let file = File::create(path)?;
        file.set_len(u64::from(mib) << 20)?;
        put(&file, region, payload)
    }

    /// A path under which QEMU can open it while this process lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()).into()
    }

    /// The channel in `region`: its header and the bytes of its sections.
    ///
    /// # Errors
    /// [`ChannelError`] where the guest has not opened it or it is damaged; the outer error where it cannot be read.
    pub fn channel(&self, region: Region) -> io::Result<Result<(Header, Vec<u8>), ChannelError>> {
        let mut head = [0; HEADER_SIZE];
        self.file.read_exact_at(&mut head, region.address)?;
        let header = match Header::read(&head) {
            Ok(header) if header.used <= region.size.saturating_sub(HEADER_SIZE as u64) => header,
            Ok(_) => return Ok(Err(ChannelError::Header)),
            Err(error) => return Ok(Err(error)),
        };
        let Ok(used) = usize::try_from(header.used) else { return Ok(Err(ChannelError::Header)) };
        let mut body = vec![0; used];
        self.file.read_exact_at(&mut body, region.address + HEADER_SIZE as u64)?;
        Ok(Ok((header, body)))
    }
}

fn put(memory: &File, region: Region, payload: &[u8]) -> io::Result<()> {
    if u64::try_from(payload.len()).is_ok_and(|size| size > region.size) {
        let message = format!("the run's files have {} bytes, and the board takes {}", payload.len(), region.size);
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    memory.write_all_at(payload, region.address)
}

impl AsFd for GuestMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untouched_memory_holds_no_channel() -> io::Result<()> {
        let memory = GuestMemory::new(16)?;
        let found = memory.channel(Region { address: 0x10_0000, size: 0x1000 })?;
        assert_eq!(found, Err(ChannelError::NotOpened));
        Ok(())
    }

    #[test]
    fn a_payload_is_in_its_region_and_no_larger() -> io::Result<()> {
        let region = Region { address: 0x1000, size: 4 };
        let memory = GuestMemory::with_payload(1, region, &[1, 2, 3, 4])?;
        let mut found = [0; 6];
        File::open(memory.path())?.read_exact_at(&mut found, 0xfff)?;
        assert_eq!(found, [0, 1, 2, 3, 4, 0]);
        let error = GuestMemory::with_payload(1, region, &[0; 5]).expect_err("it is larger");
        assert_eq!(error.to_string(), "the run's files have 5 bytes, and the board takes 4");
        Ok(())
    }

    #[test]
    fn others_can_open_it_by_its_path() -> io::Result<()> {
        let memory = GuestMemory::new(1)?;
        assert_eq!(File::open(memory.path())?.metadata()?.len(), 1 << 20);
        Ok(())
    }
}
