//! The partition table: a master boot record with two entries (docs: "Master boot record", IBM PC DOS 2.0; the types by
//! convention).

use std::ops::Range;

/// Bytes of a sector.
const SECTOR: usize = 512;
const MIB: u64 = 1 << 20;

/// Bytes of a card.
pub(super) const SIZE: u64 = 256 * MIB;
/// The boot partition.
pub(super) const BOOT: Range<u64> = MIB..190 * MIB;
/// The evidence.
pub(super) const EVIDENCE: Range<u64> = 190 * MIB..SIZE;

/// FAT32, addressed by sectors, and data that is not a file system.
const TYPES: [u8; 2] = [0x0c, 0xda];
/// Says that the card is ours.
const SIGNATURE: [u8; 4] = *b"ksnp";
const SIGNATURE_AT: usize = 440;
const ENTRIES_AT: usize = 446;

/// The first sector.
pub(super) fn sector() -> [u8; SECTOR] {
    let mut sector = [0; SECTOR];
    sector[SIGNATURE_AT..SIGNATURE_AT + 4].copy_from_slice(&SIGNATURE);
    for (number, (range, kind)) in [BOOT, EVIDENCE].into_iter().zip(TYPES).enumerate() {
        let at = ENTRIES_AT + 16 * number;
        let entry = &mut sector[at..at + 16];
        // Cylinders, heads and sectors: the largest there are, which says that only the numbers behind them count.
        entry[1..4].copy_from_slice(&[0xfe, 0xff, 0xff]);
        entry[4] = kind;
        entry[5..8].copy_from_slice(&[0xfe, 0xff, 0xff]);
        entry[8..12].copy_from_slice(&sectors(range.start).to_le_bytes());
        entry[12..16].copy_from_slice(&sectors(range.end - range.start).to_le_bytes());
    }
    sector[510..].copy_from_slice(&[0x55, 0xaa]);
    sector
}

/// True if a file that begins like this is a card of ours.
pub(super) fn is_ours(head: &[u8]) -> bool {
    head.len() >= SECTOR && head[SIGNATURE_AT..SECTOR] == sector()[SIGNATURE_AT..]
}

fn sectors(bytes: u64) -> u32 {
    u32::try_from(bytes / SECTOR as u64).unwrap_or(u32::MAX)
}
