//! A tool call as a value: it can be compared, printed, and put into a build plan before anything runs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};

use super::Tool;

/// One call of one tool. Its environment is what it says here, plus `PATH`, `TMPDIR` and `LC_ALL=C`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    tool: Tool,
    args: Vec<OsString>,
    env: BTreeMap<String, OsString>,
    dir: Option<PathBuf>,
    input: Option<PathBuf>,
    log: Option<PathBuf>,
    abroad: bool,
}

impl ToolCall {
    /// A call without arguments.
    #[must_use]
    pub fn new(tool: Tool) -> ToolCall {
        let env = BTreeMap::from([("LC_ALL".to_owned(), OsString::from("C"))]);
        ToolCall { tool, args: Vec::new(), env, dir: None, input: None, log: None, abroad: false }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> ToolCall {
        self.args.push(arg.into());
        self
    }

    /// The same with more arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> ToolCall {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The same with an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> ToolCall {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// The same in this directory instead of the caller's.
    #[must_use]
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> ToolCall {
        self.dir = Some(dir.into());
        self
    }

    /// The same with a file as its standard input instead of nothing.
    #[must_use]
    pub fn input(mut self, input: impl Into<PathBuf>) -> ToolCall {
        self.input = Some(input.into());
        self
    }

    /// The same with the whole output kept in a file, behind the command line. [`super::run`] appends to it.
    #[must_use]
    pub fn log(mut self, log: impl Into<PathBuf>) -> ToolCall {
        self.log = Some(log.into());
        self
    }

    /// The same with what the caller's environment says about reaching servers.
    #[must_use]
    pub fn with_network_env(mut self) -> ToolCall {
        self.abroad = true;
        self
    }

    /// The tool.
    #[must_use]
    pub fn tool(&self) -> &Tool {
        &self.tool
    }

    /// Its arguments.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    pub(super) fn environment(&self) -> impl Iterator<Item = (OsString, OsString)> {
        self.env.iter().map(|(name, value)| (OsString::from(name), value.clone()))
    }

    pub(super) fn goes_abroad(&self) -> bool {
        self.abroad
    }

    pub(super) fn directory(&self) -> Option<&Path> {
        self.dir.as_deref()
    }

    pub(super) fn input_file(&self) -> Option<&Path> {
        self.input.as_deref()
    }

    pub(super) fn log_file(&self) -> Option<&Path> {
        self.log.as_deref()
    }
}

/// A line that can be pasted into a shell: `(cd DIR && LC_ALL=C make -j2)`.
impl fmt::Display for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(dir) = &self.dir {
            write!(f, "(cd {} && ", quoted(dir.as_os_str()))?;
        }
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        write!(f, "{}", quoted(OsStr::new(self.tool.name())))?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        if let Some(input) = &self.input {
            write!(f, " < {}", quoted(input.as_os_str()))?;
        }
        if self.dir.is_some() { f.write_str(")") } else { Ok(()) }
    }
}

/// A word as a shell reads it back: quoted where that is needed.
#[must_use]
pub fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%^".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_quoted_where_a_shell_would_change_it() {
        for (word, expected) in [
            ("do_exit", "do_exit"),
            ("info symbol $pc", "'info symbol $pc'"),
            ("it's", r"'it'\''s'"),
            ("a;b", "'a;b'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(OsStr::new(word)), expected);
        }
    }

    #[test]
    fn a_call_prints_as_a_line_for_the_shell() -> Result<(), super::super::ToolError> {
        let call = ToolCall::new(Tool::resolve("sh")?).args(["-c", "echo it's"]).arg("").env("A", "1 2").dir("/tmp/x");
        assert_eq!(call.to_string(), r"(cd /tmp/x && A='1 2' LC_ALL=C sh -c 'echo it'\''s' '')");
        Ok(())
    }
}
