//! A host of the guest's own architecture needs no cross compiler.

use std::env::consts::ARCH;

use super::Tool;

/// The prefix of the tools for 64-bit Arm.
const PREFIX: &str = "aarch64-linux-gnu-";

/// The name under which a cross tool is on this host: on an arm64 host that has none with the prefix, that of its own tool. Debian's own
/// compiler has the prefix there as well; that of other distributions does not.
#[must_use]
pub fn native(name: &str) -> &str {
    pick(name, ARCH, |name| Tool::resolve(name).is_ok())
}

fn pick<'a>(name: &'a str, host: &str, has: impl Fn(&str) -> bool) -> &'a str {
    match name.strip_prefix(PREFIX) {
        Some(own) if host == "aarch64" && !has(name) && has(own) => own,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, host: &str, there: &[&str], expected: &str) {
        assert_eq!(pick(name, host, |name| there.contains(&name)), expected, "{host} {there:?}");
    }

    #[test]
    fn an_arm64_host_compiles_with_its_own_compiler() {
        check("aarch64-linux-gnu-gcc", "aarch64", &["gcc"], "gcc");
        check("aarch64-linux-gnu-gcc", "aarch64", &["gcc", "aarch64-linux-gnu-gcc"], "aarch64-linux-gnu-gcc");
        // The error for a missing tool names the cross tool.
        check("aarch64-linux-gnu-gcc", "aarch64", &[], "aarch64-linux-gnu-gcc");
    }

    #[test]
    fn any_other_host_and_guests_of_32_bits_need_a_cross_compiler() {
        check("aarch64-linux-gnu-ld", "x86_64", &["ld"], "aarch64-linux-gnu-ld");
        check("arm-linux-gnueabihf-gcc", "aarch64", &["gcc"], "arm-linux-gnueabihf-gcc");
    }
}
