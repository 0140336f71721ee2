//! Addresses of networks and other bytes as the kernel writes them (`lib/vsprintf.c`).

use std::fmt::Write as _;
use std::net::Ipv6Addr;

/// Bytes in hexadecimal, each with two digits.
pub(super) fn push_bytes(out: &mut String, bytes: &[u8], separator: Option<char>) {
    for (number, byte) in bytes.iter().enumerate() {
        if number > 0 {
            out.extend(separator);
        }
        // Writing to a String cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
}

/// A hardware address; `None` where it is not one.
pub(super) fn push_hardware(out: &mut String, bytes: &[u8], separator: Option<char>, reverse: bool) -> Option<()> {
    let mut address: [u8; 6] = *bytes.first_chunk()?;
    if reverse {
        address.reverse();
    }
    push_bytes(out, &address, separator);
    Some(())
}

/// An address of IP version 4.
pub(super) fn push_ip4(out: &mut String, bytes: &[u8], zeros: bool, little_endian: bool) -> Option<()> {
    let mut address: [u8; 4] = *bytes.first_chunk()?;
    if little_endian {
        address.reverse();
    }
    for (number, byte) in address.iter().enumerate() {
        if number > 0 {
            out.push('.');
        }
        let _ = if zeros { write!(out, "{byte:03}") } else { write!(out, "{byte}") };
    }
    Some(())
}

/// An address of IP version 6.
pub(super) fn push_ip6(out: &mut String, bytes: &[u8], colons: bool, short: bool) -> Option<()> {
    let address: [u8; 16] = *bytes.first_chunk()?;
    if short {
        let _ = write!(out, "{}", Ipv6Addr::from(address));
        return Some(());
    }
    for (number, pair) in address.chunks(2).enumerate() {
        if number > 0 && colons {
            out.push(':');
        }
        push_bytes(out, pair, None);
    }
    Some(())
}

/// A socket's address (`struct sockaddr`), with its port if asked for.
pub(super) fn push_socket(out: &mut String, bytes: &[u8], port: bool, short: bool) -> Option<()> {
    const IP4: u16 = 2;
    const IP6: u16 = 10;
    let family = u16::from_le_bytes(*bytes.first_chunk()?);
    let number = || Some(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?));
    match family {
        IP4 => {
            push_ip4(out, bytes.get(4..)?, false, false)?;
            if port {
                let _ = write!(out, ":{}", number()?);
            }
        }
        IP6 => {
            out.push_str(if port { "[" } else { "" });
            push_ip6(out, bytes.get(8..)?, true, short)?;
            if port {
                let _ = write!(out, "]:{}", number()?);
            }
        }
        _ => {
            let _ = write!(out, "(family {family})");
        }
    }
    Some(())
}

/// The number of a disk, a file system or a device.
pub(super) fn push_uuid(out: &mut String, bytes: &[u8], little_endian: bool, upper: bool) -> Option<()> {
    const AS_THEY_STAND: [usize; 16] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    const LITTLE_ENDIAN: [usize; 16] = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    let bytes: [u8; 16] = *bytes.first_chunk()?;
    let order = if little_endian { LITTLE_ENDIAN } else { AS_THEY_STAND };
    for (number, place) in order.into_iter().enumerate() {
        if matches!(number, 4 | 6 | 8 | 10) {
            out.push('-');
        }
        let byte = bytes.get(place)?;
        let _ = if upper { write!(out, "{byte:02X}") } else { write!(out, "{byte:02x}") };
    }
    Some(())
}

/// A bitmap as `%*pb` writes it: groups of 32 bits in hexadecimal, the highest first.
pub(super) fn push_bitmap(out: &mut String, bytes: &[u8]) {
    let groups = bytes.chunks(4).rev();
    for (number, group) in groups.enumerate() {
        if number > 0 {
            out.push(',');
        }
        for byte in group.iter().rev() {
            let _ = write!(out, "{byte:02x}");
        }
    }
}

/// The bits of a bitmap as `%*pbl` writes them: `0-3,7`.
pub(super) fn push_bit_list(out: &mut String, bytes: &[u8]) {
    let is_set = |bit: usize| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0);
    let (mut bit, mut first) = (0, true);
    while bit < bytes.len() * 8 {
        if !is_set(bit) {
            bit += 1;
            continue;
        }
        let begin = bit;
        while is_set(bit + 1) {
            bit += 1;
        }
        let comma = if std::mem::take(&mut first) { "" } else { "," };
        let _ = if bit > begin { write!(out, "{comma}{begin}-{bit}") } else { write!(out, "{comma}{begin}") };
        bit += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(push: impl FnOnce(&mut String) -> Option<()>) -> String {
        let mut out = String::new();
        if push(&mut out).is_some() { out } else { "none".to_owned() }
    }

    #[test]
    fn addresses_are_written_as_the_kernel_does() {
        let mac = [0, 0x1b, 0x21, 0xab, 0xcd, 0xef];
        assert_eq!(shown(|out| push_hardware(out, &mac, Some(':'), false)), "00:1b:21:ab:cd:ef");
        assert_eq!(shown(|out| push_hardware(out, &mac, Some('-'), true)), "ef-cd-ab-21-1b-00");
        assert_eq!(shown(|out| push_hardware(out, &mac[1..], None, false)), "none");
        assert_eq!(shown(|out| push_ip4(out, &[10, 0, 2, 15], false, false)), "10.0.2.15");
        assert_eq!(shown(|out| push_ip4(out, &[10, 0, 2, 15], true, true)), "015.002.000.010");
        let mut ip6 = [0; 16];
        (ip6[0], ip6[1], ip6[15]) = (0xfe, 0x80, 1);
        assert_eq!(shown(|out| push_ip6(out, &ip6, true, true)), "fe80::1");
        assert_eq!(shown(|out| push_ip6(out, &ip6, true, false)), "fe80:0000:0000:0000:0000:0000:0000:0001");
        let socket = [2, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(shown(|out| push_socket(out, &socket, true, true)), "127.0.0.1:8080");
        assert_eq!(shown(|out| push_socket(out, &socket, false, true)), "127.0.0.1");
        let socket: Vec<u8> = [&[10, 0, 0, 80, 0, 0, 0, 0][..], &ip6].concat();
        assert_eq!(shown(|out| push_socket(out, &socket, true, true)), "[fe80::1]:80");
        assert_eq!(shown(|out| push_socket(out, &[1, 0, b'/', b'a'], true, true)), "(family 1)");
        assert_eq!(shown(|out| push_socket(out, &[2, 0, 0], true, true)), "none");
        let uuid: Vec<u8> = (0..16).map(|byte| byte * 0x11).collect();
        assert_eq!(shown(|out| push_uuid(out, &uuid, false, false)), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(shown(|out| push_uuid(out, &uuid, true, true)), "33221100-5544-7766-8899-AABBCCDDEEFF");
    }

    #[test]
    fn bitmaps_are_numbers_or_lists() {
        let both = |bytes: &[u8]| {
            let (mut map, mut list) = (String::new(), String::new());
            push_bitmap(&mut map, bytes);
            push_bit_list(&mut list, bytes);
            [map, list]
        };
        assert_eq!(both(&[0x8f, 0, 0, 0]), ["0000008f", "0-3,7"]);
        assert_eq!(both(&[1, 0, 0, 0, 0, 0, 0, 0x80]), ["80000000,00000001", "0,63"]);
        assert_eq!(both(&[0xff, 0xff]), ["ffff", "0-15"]);
        assert_eq!(both(&[]), ["", ""]);
    }
}
