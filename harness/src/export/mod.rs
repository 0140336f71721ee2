//! A typed trace for other tools. Pure: events in, bytes out.

mod perfetto;
mod proto;

pub use perfetto::perfetto;
