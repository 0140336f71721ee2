//! The guest's channel: what it left in the reserved memory. Pure; docs/guest-protocol.md has the layout.

use std::collections::BTreeMap;

const MAGIC: &[u8; 8] = b"KSNAPCH1";
const HEADER: usize = 64;
const SECTION_HEAD: usize = 16;

/// The header: how much stands after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Bytes of sections behind the header.
    pub used: u64,
    /// Number of sections.
    pub sections: u32,
    /// True if the guest finished.
    pub complete: bool,
}

/// Bytes of the header.
pub const HEADER_SIZE: usize = HEADER;

/// Why a channel cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChannelError {
    /// The guest never opened it.
    #[error("the guest did not open its channel")]
    NotOpened,
    /// The header's checksum is wrong.
    #[error("the channel's header is damaged")]
    Header,
    /// A section ends after the end of the used part, or its name is not a text.
    #[error("section {number} of the channel is cut off or damaged")]
    Section {
        /// The section, from 0.
        number: u32,
    },
    /// A section's checksum is wrong.
    #[error("section `{name}` of the channel has a wrong checksum")]
    Checksum {
        /// The section's name.
        name: String,
    },
}

impl Header {
    /// Reads the header at the start of `bytes`.
    ///
    /// # Errors
    /// [`ChannelError::NotOpened`] where there is none, [`ChannelError::Header`] where it is damaged.
    pub fn read(bytes: &[u8]) -> Result<Self, ChannelError> {
        if bytes.len() < HEADER || &bytes[..8] != MAGIC {
            return Err(ChannelError::NotOpened);
        }
        if crc32fast::hash(&bytes[..24]) != u32_at(bytes, 24) {
            return Err(ChannelError::Header);
        }
        Ok(Self { used: u64_at(bytes, 8), sections: u32_at(bytes, 16), complete: u32_at(bytes, 20) == 1 })
    }
}

/// Splits the bytes behind the header into sections, checking each.
///
/// # Errors
/// A [`ChannelError`] at the first section that is cut off or damaged.
pub fn sections<'a>(header: &Header, bytes: &'a [u8]) -> Result<BTreeMap<&'a str, &'a [u8]>, ChannelError> {
    let mut sections = BTreeMap::new();
    let mut rest = bytes;
    for number in 0..header.sections {
        let (name, payload, checksum, behind) = split_section(rest).ok_or(ChannelError::Section { number })?;
        if crc32fast::hash(payload) != checksum {
            return Err(ChannelError::Checksum { name: name.into() });
        }
        sections.insert(name, payload);
        rest = behind;
    }
    Ok(sections)
}

/// Splits the sections of a channel that was kept without its header: `trace.raw` below `--out`.
///
/// # Errors
/// As [`sections`].
pub fn kept_sections(bytes: &[u8]) -> Result<BTreeMap<&str, &[u8]>, ChannelError> {
    let mut number = 0;
    let mut rest = bytes;
    while !rest.is_empty() {
        (_, _, _, rest) = split_section(rest).ok_or(ChannelError::Section { number })?;
        number += 1;
    }
    sections(&Header { used: bytes.len() as u64, sections: number, complete: true }, bytes)
}

/// True if `bytes` begin with a section's head and name, as the channel of a run does.
#[must_use]
pub fn begins_section(bytes: &[u8]) -> bool {
    let name =
        bytes.get(12..SECTION_HEAD).map(|length| length.iter().rev().fold(0, |all, b| all << 8 | usize::from(*b)));
    let name = name
        .filter(|length| (1..=56).contains(length))
        .and_then(|length| bytes.get(SECTION_HEAD..SECTION_HEAD + length));
    name.is_some_and(|name| name.iter().all(u8::is_ascii_graphic))
}

/// Name, payload, checksum, and what stands behind the section.
fn split_section(bytes: &[u8]) -> Option<(&str, &[u8], u32, &[u8])> {
    if bytes.len() < SECTION_HEAD {
        return None;
    }
    let payload_length = usize::try_from(u64_at(bytes, 0)).ok()?;
    let (checksum, name_length) = (u32_at(bytes, 8), u32_at(bytes, 12) as usize);
    let (name, rest) = split_padded(&bytes[SECTION_HEAD..], name_length)?;
    let (payload, rest) = split_padded(rest, payload_length)?;
    Some((std::str::from_utf8(name).ok()?, payload, checksum, rest))
}

/// The first `length` bytes, and what stands behind their padding, which is zero.
fn split_padded(bytes: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let (padded, rest) = bytes.split_at_checked(length.checked_next_multiple_of(8)?)?;
    let (content, padding) = padded.split_at(length);
    padding.iter().all(|byte| *byte == 0).then_some((content, rest))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a channel as the guest does.
    fn write(sections: &[(&str, &[u8])]) -> Vec<u8> {
        let mut body = Vec::new();
        for (name, payload) in sections {
            body.extend((payload.len() as u64).to_le_bytes());
            body.extend(crc32fast::hash(payload).to_le_bytes());
            body.extend(u32::try_from(name.len()).unwrap_or(0).to_le_bytes());
            for part in [name.as_bytes(), payload] {
                body.extend(part);
                body.resize(body.len().next_multiple_of(8), 0);
            }
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(u32::try_from(sections.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(1_u32.to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, ChannelError> {
        let header = Header::read(bytes)?;
        let found = sections(&header, &bytes[HEADER..])?;
        Ok(found.into_iter().map(|(name, payload)| (name.to_owned(), payload.to_vec())).collect())
    }

    #[test]
    fn what_the_guest_wrote_is_read() {
        let found = read(&write(&[("cpu0", b"123"), ("report", b"")]));
        assert_eq!(found, Ok(vec![("cpu0".into(), b"123".to_vec()), ("report".into(), Vec::new())]));
    }

    #[test]
    fn untouched_memory_is_no_channel() {
        assert_eq!(read(&[0; 128]), Err(ChannelError::NotOpened));
    }

    #[test]
    fn every_flipped_byte_is_noticed() {
        let good = write(&[("cpu0", b"12345678"), ("report", b"abcdefgh")]);
        for at in (0..28).chain(HEADER..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_ne!(read(&bad), read(&good), "byte {at}");
        }
    }

    #[test]
    fn every_cut_is_noticed() {
        let good = write(&[("cpu0", b"12345678"), ("report", b"abcdefgh")]);
        for end in 0..good.len() {
            assert!(read(&good[..end]).is_err(), "cut at {end}");
        }
    }
}
