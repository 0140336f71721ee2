//! The parts of a line that are there only with an option of the tracer: arguments, values and addresses of returns, repeats.

use std::sync::Arc;

use memchr::memrchr;

use super::bytes::{decimal, split_once, time};
use super::line::Parser;
use super::number::{Form, number};
use super::symbol;
use crate::{EventDetails, Repeats, Timestamp, Value};

/// A call has at most as many arguments in registers (`FTRACE_REGS_MAX_ARGS`), and one of them may be a structure.
const ARGUMENTS: usize = 32;

impl Parser {
    /// The details of the event that is being read.
    pub(super) fn details_mut(&mut self) -> &mut EventDetails {
        self.details.get_or_insert_default()
    }

    /// `function` of `function(m=0x8, n=5)`; the arguments become details of the event that is being read.
    #[inline]
    pub(super) fn without_arguments<'a>(&mut self, text: &'a [u8]) -> &'a [u8] {
        let Some((function, inside)) = split_once(text, b"(") else { return text };
        // `trace-cmd` can write an address behind the name: `do_exit (ffff800008000004)`.
        let end = memrchr(b')', inside).filter(|end| *end > 0 && !function.ends_with(b" "));
        if let Some(end) = end {
            self.arguments(inside.get(..end).unwrap_or_default());
        }
        function
    }

    /// `m=0x8, n=5, (struct)[0x1:0x2], ...`: `print_function_args()` of `kernel/trace/trace_output.c`.
    fn arguments(&mut self, inside: &[u8]) {
        let mut found: Vec<(Arc<str>, Value)> = Vec::new();
        let mut rest = inside;
        while !rest.is_empty() && found.len() < ARGUMENTS {
            let (argument, behind) = split_once(rest, b", ").unwrap_or((rest, b""));
            let (name, value) = match split_once(argument, b"=") {
                Some((name, value)) => (self.names.word(name), value),
                None => (Arc::from(""), argument),
            };
            found.push((name, number(value, Form::Any)));
            rest = behind;
        }
        self.details_mut().arguments = found;
    }

    /// The name in `name = 0x0`, `name ret=-22` or `<-caller+0x5/0x7 ret=0x1`: the comment behind a call or a return of the graph. The
    /// parts besides the name become details. `None` where there is no name.
    pub(super) fn named_by<'a>(&mut self, comment: &'a [u8]) -> Option<&'a [u8]> {
        let mut rest = comment.trim_ascii();
        for mark in [&b"ret="[..], b"= "] {
            let Some((before, shown)) = split_once(rest, mark) else { continue };
            if before.is_empty() || before.ends_with(b" ") {
                // 6.5 wrote `= -22`, later kernels `ret=-22`, and since 6.19 also `ret=true` and `ret=0x5(trunc)`.
                self.details_mut().return_value = Some(number(shown.trim_ascii(), Form::Any));
                rest = before.trim_ascii_end();
                break;
            }
        }
        if let Some(address) = rest.strip_prefix(b"<-") {
            self.details_mut().return_address = Some(symbol::read(address));
            return None;
        }
        (!rest.is_empty()).then_some(rest)
    }
}

/// `5, last_ts:    4.424035)`, behind `(repeats: ` (`trace_func_repeats_print()`).
pub(super) fn repeats(text: &[u8]) -> Option<Repeats> {
    let (count, rest) = decimal(text)?;
    let (nanos, b")") = time(rest.strip_prefix(b", last_ts:")?.trim_ascii_start())? else { return None };
    Some(Repeats { count, last: Timestamp(nanos) })
}

/// The details as text behind a call, as the kernel writes them.
pub(super) fn arguments_text(details: Option<&EventDetails>) -> String {
    let argument = |(name, value): &(Arc<str>, Value)| {
        if name.is_empty() { value.to_string() } else { format!("{name}={value}") }
    };
    let arguments = details.map_or(&[][..], |details| &details.arguments);
    arguments.iter().map(argument).collect::<Vec<_>>().join(", ")
}
