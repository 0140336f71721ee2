//! `trace.dat`, the file of `trace-cmd record`.

/// What the file begins with.
pub const MAGIC: &[u8] = b"\x17\x08\x44tracing";
