//! Names that tasks can have.

/// A task's name has at most 15 bytes (`TASK_COMM_LEN`).
const LONGEST_NAME: usize = 15;
/// The longest name of a kernel thread or a worker (`WQ_NAME_LEN` and more).
const LONGEST_THREAD: usize = 63;

/// True if a task's name says nothing against the line having been read from its begin.
#[inline]
pub(super) fn is_plain_name(name: &[u8]) -> bool {
    let strange = |byte: &u8| matches!(byte, b' ' | b':' | b'|' | b'>' | b'[' | b']' | b'"' | b'\t' | 0x1b);
    let usual = name.len() <= LONGEST_NAME && !name.iter().any(strange);
    usual && !name.first().is_some_and(u8::is_ascii_digit) || name.starts_with(b"<") && name.ends_with(b">")
}

/// True if a task can have this name at all.
pub(super) fn is_possible_name(name: &[u8]) -> bool {
    let in_thread = |byte: &u8| byte.is_ascii_alphanumeric() || b"_/:.+-".contains(byte);
    let marked = name.starts_with(b">") || name.starts_with(b"|") || name.contains(&0x1b);
    (name.len() <= LONGEST_NAME || name.len() <= LONGEST_THREAD && name.iter().all(in_thread)) && !marked
}
