//! The text of an event behind its columns: which kind of event it is.

use memchr::{memchr, memchr3};

use super::block;
use super::bytes::{hexadecimal, split_once};
use super::details;
use super::head::Head;
use super::line::Parser;
use super::sampler;
use super::special;
use super::system_call::system_call;
use super::value::text as as_text;
use super::{point, symbol};
use crate::{EventKind, IssueKind, Point, Symbol, Timestamp};

/// The event of `bpf_trace_printk()`, and its field.
const BPF_PRINT: &str = "bpf_trace_printk";
const BPF_TEXT: &str = "bpf_string";

impl Parser {
    /// The text after the columns.
    #[inline]
    pub(super) fn kind(&mut self, rest: &[u8], head: &Head<'_>) -> Option<(Timestamp, EventKind)> {
        let at = head.time;
        let end = memchr3(b' ', b':', b'(', rest).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if !name.first().is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_') {
            return self.unnamed(rest, name, behind).map(|kind| (at, kind));
        }
        if let Some(text) = behind.strip_prefix(b":") {
            let text = text.trim_ascii_start();
            return match name {
                // `trace-cmd` leaves the caller out unless it is asked for it.
                b"function" => self.call(text).or_else(|| self.call_from(text, b"")).map(|call| (at, call)),
                b"funcgraph_entry" | b"funcgraph_exit" => self.graph_event(behind.get(1..)?, head),
                b"print" => Some((at, self.marker(split_once(text, b": ").map_or(text, |(_, text)| text)))),
                b"bpf_trace_printk" => Some((at, bpf_print(text))),
                _ if name.starts_with(b"tracing_mark_write") || memchr(b'+', name).is_some() => {
                    Some((at, self.marker(text)))
                }
                _ => Some((at, self.point(name, text))),
            };
        }
        if name.starts_with(b"sys_")
            && let Some(point) = system_call(&mut self.names, rest)
        {
            return Some((at, EventKind::Tracepoint(point)));
        }
        if let Some(text) = behind_place(behind) {
            return Some((at, self.marker(text)));
        }
        self.call(rest).or_else(|| self.lone_function(rest)).map(|call| (at, call))
    }

    /// The text of an event that does not begin with a name.
    fn unnamed(&mut self, rest: &[u8], name: &[u8], behind: &[u8]) -> Option<EventKind> {
        if let Some(point) = special::context_switch(rest)
            .or_else(|| sampler::read(rest))
            .or_else(|| special::branch(rest))
            .or_else(|| block::read(rest))
            .or_else(|| special::raw_data(rest))
        {
            return Some(EventKind::Tracepoint(point));
        }
        let text = behind.strip_prefix(b":").or_else(|| behind_place(rest.get(name.len()..)?));
        if let (Some(text), true) = (text, is_address(name)) {
            let text = text.trim_ascii_start();
            // `bpf_trace_printk()` writes with the address 1, for which old kernels print an empty name.
            let address = hexadecimal(name).map_or(1, |(address, _)| address);
            return Some(if address <= 1 { bpf_print(text) } else { self.marker(text) });
        }
        self.call(rest)
    }

    pub(super) fn marker(&mut self, text: &[u8]) -> EventKind {
        EventKind::Marker { text: self.names.word(text) }
    }

    #[inline]
    pub(super) fn point(&mut self, name: &[u8], text: &[u8]) -> EventKind {
        EventKind::Tracepoint(point::read(&mut self.names, name, text))
    }

    /// `function <-caller`, of the function tracer; `trace-cmd` writes ` <-- caller`. The caller may be lost at the end of a line.
    #[inline]
    fn call(&mut self, text: &[u8]) -> Option<EventKind> {
        let (function, caller) = split_once(text, b" <-")?;
        let mut caller = caller.strip_prefix(b"-").unwrap_or(caller);
        if caller.ends_with(b")")
            && let Some((before, repeats)) = split_once(caller, b" (repeats: ")
        {
            self.details_mut().repeats = Some(details::repeats(repeats)?);
            caller = before;
        }
        if caller.is_empty() {
            self.issues.add(self.number, IssueKind::CallerMissing);
        }
        self.call_from(function, caller)
    }

    #[inline]
    fn call_from(&mut self, function: &[u8], caller: &[u8]) -> Option<EventKind> {
        let function = self.without_arguments(function).trim_ascii();
        let call = || EventKind::Function { function: self.names.symbol(function), caller: self.names.symbol(caller) };
        (!function.is_empty()).then(call)
    }

    /// `do_exit`, a function without its caller (`func-trace` with `print-parent` off).
    fn lone_function(&mut self, text: &[u8]) -> Option<EventKind> {
        let named = split_once(text, b"(").map_or(text, |(named, _)| named);
        let read = symbol::read(named);
        let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.$".contains(&byte));
        let whole = named.len() == text.len() || text.ends_with(b")");
        match &read {
            Symbol::Function { place, .. } if whole && is_name(place.function.full()) => {
                self.without_arguments(text);
                let function = self.names.symbol(named);
                Some(EventKind::Function { function, caller: Symbol::Unknown })
            }
            _ => None,
        }
    }
}

/// The text of `bpf_trace_printk()` as its event, which kernels have since 5.9.
fn bpf_print(text: &[u8]) -> EventKind {
    EventKind::Tracepoint(Point::from_fields(BPF_PRINT, [(BPF_TEXT, as_text(text))]))
}

/// `TEXT` of ` [MODULE] <ADDRESS>: TEXT`, the module or the address optional: a `trace_printk()` of a module, or with `sym-addr`.
fn behind_place(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text.strip_prefix(b" ").filter(|rest| rest.starts_with(b"[") || rest.starts_with(b"<"))?;
    if let Some(module) = rest.strip_prefix(b"[") {
        let (name, behind) = split_once(module, b"]")?;
        if name.contains(&b' ') {
            return None;
        }
        rest = behind.strip_prefix(b" ").filter(|behind| behind.starts_with(b"<")).unwrap_or(behind);
    }
    if let Some(address) = rest.strip_prefix(b"<") {
        rest = hexadecimal(address)?.1.strip_prefix(b">")?;
    }
    rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start)
}

/// True for `0x00000001`, `<0000000000000001>`, `0`, and the empty name of an address that has none.
fn is_address(name: &[u8]) -> bool {
    let inner = name.strip_prefix(b"<").and_then(|rest| rest.strip_suffix(b">"));
    let digits = inner.or_else(|| name.strip_prefix(b"0x"));
    match digits {
        Some(digits) => matches!(hexadecimal(digits), Some((_, []))),
        None => name.is_empty() || name == b"0",
    }
}
