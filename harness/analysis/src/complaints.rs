//! The messages with which a kernel complains about itself, found in its log: warnings, bugs, stalls, locks. Pure.

/// The beginnings of such messages: `__warn` and `warn_slowpath_fmt` (`kernel/panic.c`), lockdep (`kernel/locking/lockdep.c`), KASAN
/// (`mm/kasan/report.c`), UBSAN (`lib/ubsan.c`), hung tasks (`kernel/hung_task.c`), stalls of RCU (`kernel/rcu/tree_stall.h`),
/// lockups (`kernel/watchdog.c`), lists (`lib/list_debug.c`), reference counts (`lib/refcount.c`), and faults
/// (`arch/*/mm/fault.c`, `arch/*/kernel/traps.c`).
const MARKS: [&str; 18] = [
    "BUG: ",
    "INFO: possible recursive locking detected",
    "INFO: rcu",
    "INFO: suspicious RCU usage",
    "INFO: task ",
    "INFO: trying to register non-static key",
    "Internal error: ",
    "UBSAN: ",
    "Unable to handle kernel ",
    "WARNING: ",
    "kernel BUG at ",
    "kmemleak: ",
    "list_add corruption",
    "list_del corruption",
    "rcu: INFO: ",
    "refcount_t: ",
    "stack segment: ",
    "watchdog: BUG: ",
];

/// The expectation of every scenario that a complaint breaks.
pub const SILENT: &str = "the kernel does not complain";

/// A message of the kernel's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// The time, as the kernel prints it: `[    0.150000]`. Empty in a kernel that prints none.
    pub time: &'a str,
    /// The text.
    pub text: &'a str,
}

/// The kernel's own messages in the text of /proc/kmsg (kernel/printk/printk.c, `syslog_print`): not those that programs wrote.
pub fn messages(kmsg: &str) -> impl Iterator<Item = Message<'_>> {
    kmsg.lines().filter_map(|line| {
        let (level, rest) = line.strip_prefix('<')?.split_once('>')?;
        // The facility of the kernel is 0 (syslog(3)).
        let is_of_the_kernel = level.parse::<u32>().ok()? >> 3 == 0;
        let (time, rest) = bracket(rest);
        // `CONFIG_PRINTK_CALLER` adds the task or the CPU.
        let (_, text) = bracket(rest);
        is_of_the_kernel.then_some(Message { time, text })
    })
}

/// The text in brackets at the beginning, with the brackets, and the rest.
fn bracket(text: &str) -> (&str, &str) {
    match text.strip_prefix('[').and_then(|inner| inner.find(']')) {
        Some(at) => (&text[..at + 2], text[at + 2..].trim_start()),
        None => ("", text),
    }
}

/// True if two complaints are the same but for numbers: processors, processes, lines of a source file, offsets in a function and
/// addresses differ between two kernels, and between two runs of one in different schedules.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    words(one).eq(words(other))
}

/// The parts of a text that are not numbers, decimal or hexadecimal.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty());
    words.filter(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        !(digits.bytes().all(|b| b.is_ascii_hexdigit()) && digits.bytes().any(|b| b.is_ascii_digit()))
    })
}

/// The messages that say that something is wrong, but for those that have one of the `allowed` texts.
#[must_use]
pub fn complaints<'a>(kmsg: &'a str, allowed: &[String]) -> Vec<Message<'a>> {
    let is_complaint = |text: &str| MARKS.iter().any(|mark| text.starts_with(mark));
    let is_allowed = |text: &str| allowed.iter().any(|part| text.contains(part.as_str()));
    messages(kmsg).filter(|message| is_complaint(message.text) && !is_allowed(message.text)).collect()
}

/// The log as `dmesg` prints it.
#[must_use]
pub fn dmesg(kmsg: &str) -> String {
    let line = |Message { time, text }: Message<'_>| format!("{time} {text}\n");
    messages(kmsg).map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
<6>[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x410fd034]
<4>[    1.500000] WARNING: CPU: 1 PID: 30 at kernel/fork.c:2100 copy_process+0x10/0x20
<3>[    1.500010][   T30] BUG: KASAN: use-after-free in do_exit+0x1/0x2
<12>[    1.600000] WARNING: a program wrote this
<6>[    1.700000] random: crng init done; BUG: is not at the beginning
not a record
";

    #[test]
    fn the_kernel_complains_and_programs_do_not() {
        let texts = |allowed: &[&str]| {
            let allowed: Vec<String> = allowed.iter().map(|text| (*text).to_owned()).collect();
            complaints(LOG, &allowed).iter().map(|message| message.text.split(' ').next()).collect::<Vec<_>>()
        };
        assert_eq!(texts(&[]), [Some("WARNING:"), Some("BUG:")]);
        assert_eq!(texts(&["KASAN"]), [Some("WARNING:")]);
        assert_eq!(texts(&["copy_process", "do_exit"]), []);
        assert_eq!(dmesg(LOG).lines().nth(2), Some("[    1.500010] BUG: KASAN: use-after-free in do_exit+0x1/0x2"));
        assert_eq!(dmesg(LOG).lines().count(), 4);
    }

    #[test]
    fn numbers_do_not_make_another_complaint() {
        let old = "WARNING: CPU: 1 PID: 30 at kernel/fork.c:2100 copy_process+0x10/0x20";
        assert!(is_same(old, "WARNING: CPU: 0 PID: 7 at kernel/fork.c:2107 copy_process+0x1c/0x2f8"));
        assert!(!is_same(old, "WARNING: CPU: 1 PID: 30 at kernel/exit.c:2100 do_exit+0x10/0x20"));
        assert!(!is_same(old, "BUG: KASAN: use-after-free in copy_process+0x1/0x2"));
    }
}
