//! The trace that a panicking kernel prints on its console (`ftrace_dump_on_oops`, `ftrace_dump()` in kernel/trace/trace.c).

/// The lines of the dump in a console's log, without the time stamps of the messages; `None` where there is no whole dump.
#[must_use]
pub fn dumped(console: &str) -> Option<String> {
    let mut lines = console.lines().map(message);
    lines.find(|line| line.starts_with("Dumping ftrace buffer:"))?;
    lines.find(|line| is_rule(line))?;
    let mut text = String::new();
    for line in lines {
        if is_rule(line) {
            return Some(text);
        }
        text.push_str(line);
        text.push('\n');
    }
    None
}

/// A console line without `[    0.093016] `, and without the carriage return of a serial line.
fn message(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    let stamped = line.strip_prefix('[').and_then(|line| line.split_once("] "));
    stamped.map_or(line, |(_, message)| message)
}

fn is_rule(line: &str) -> bool {
    line.len() > 8 && line.bytes().all(|byte| byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dump_stands_between_two_rules() {
        let console = "kernsnap: phase ready ns=1\r\n[    0.1] Kernel panic - not syncing: x\r\n\
            [    0.2] Dumping ftrace buffer:\r\n[    0.2] ---------------------------------\r\n\
            [    0.2]    <...>-1         1..... 16037us : do_exit <-do_group_exit\r\n\
            [    0.3] ---------------------------------\r\n[    0.3] Kernel Offset: disabled\r\n";
        let line = "   <...>-1         1..... 16037us : do_exit <-do_group_exit\n";
        assert_eq!(dumped(console).as_deref(), Some(line));
        let cut = console.rfind("[    0.3] ---").unwrap_or(0);
        assert_eq!(dumped(&console[..cut]), None, "a dump that is cut off");
    }
}
