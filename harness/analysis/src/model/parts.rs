//! Functions that the compiler cut in two. gcc puts the rare half of a small function aside as `X.part.0`, so that the other
//! half can be inlined; where it is not, a recording shows `X` calling itself. The source has one function.

use std::collections::BTreeMap;

use kernsnap_trace::{Event, EventKind, FunctionName, Pid, Symbol};

/// No tree is nested more deeply. The tracer itself stops at 50 (`FTRACE_RETFUNC_DEPTH`); a damaged recording need not.
pub(super) const DEEPEST: u32 = 200;

/// Makes one call of a function and the part of it that it calls. Takes the function-graph tracer's events in their order.
#[derive(Debug, Default)]
pub struct Parts {
    open: BTreeMap<Pid, Vec<Open>>,
}

/// A call that was entered and not returned from.
#[derive(Debug)]
struct Open {
    depth: u32,
    function: Option<FunctionName>,
    /// True if it is a part of the call around it.
    part: bool,
}

impl Parts {
    /// How deep in the calls of its task an entry or a return is, counting what the source calls a function. `None` where
    /// it is that of a part of the call around it, and for all other events.
    pub fn depth(&mut self, event: &Event) -> Option<u32> {
        let (function, depth) = match &event.kind {
            EventKind::GraphEntry { function, depth } | EventKind::GraphExit { function, depth, .. } => {
                (name(function), *depth)
            }
            _ => return None,
        };
        let open = self.open.entry(event.pid).or_default();
        let left = open.iter().rfind(|call| call.depth == depth).is_some_and(|call| call.part);
        open.truncate(open.partition_point(|call| call.depth < depth));
        let parts = open.iter().filter(|call| call.part).count();
        let part = match &event.kind {
            EventKind::GraphExit { .. } => left,
            _ if depth >= DEEPEST => false,
            _ => {
                let around = open.last().filter(|call| call.depth.checked_add(1) == Some(depth));
                let part = around.and_then(|call| call.function.as_ref()).zip(function).is_some_and(is_part);
                open.push(Open { depth, function: function.cloned(), part });
                part
            }
        };
        (!part).then(|| depth.saturating_sub(u32::try_from(parts).unwrap_or(u32::MAX)))
    }
}

fn name(symbol: &Symbol) -> Option<&FunctionName> {
    symbol.place().map(|place| &place.function)
}

/// True if the second is a part of the first, which calls it.
fn is_part((whole, part): (&FunctionName, &FunctionName)) -> bool {
    let aside = |name: &FunctionName| name.full()[name.base().len()..].contains(".part.");
    whole.base() == part.base() && aside(part) && !aside(whole)
}
