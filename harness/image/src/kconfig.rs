//! Configuration fragments: read, laid together, and compared with what kbuild made of them.
//!
//! A line is `CONFIG_X=value` or `# CONFIG_X is not set`; ` # if-present` after it asks for the option only in a kernel that
//! knows it, ` # if-possible` only in a kernel where it can be set. Every other line that is not empty is a comment starting with `#`. No option stands in two fragments: a reader
//! finds each decision in one place, and fragments can be laid together in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::PathBuf;

/// The word for the value of an option that is off.
const OFF: &str = "n";
const IF_PRESENT: &str = "# if-present";
const IF_POSSIBLE: &str = "# if-possible";

/// One fragment file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fragment {
    /// The file, for messages.
    pub(super) path: PathBuf,
    /// The options that it sets, in the file's order.
    pub(super) options: Vec<Wanted>,
    /// True if it must be met in every part. An image's fragment need not, where a user's changes what it asks for.
    pub(super) insisted: bool,
}

/// One option that a fragment asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Its name, with `CONFIG_`.
    pub(super) symbol: String,
    /// Its value as `.config` writes it; `n` for off.
    pub(super) value: String,
    /// When it is asked for.
    pub(super) when: When,
    /// Its line in the file, from 1.
    pub(super) line: usize,
    /// The comment before it, or before the options that it stands with.
    pub(super) why: String,
}

/// When an option is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// In every kernel.
    Always,
    /// In kernels that know it.
    Present,
    /// In kernels where it can be set.
    Possible,
}

/// All errors in the fragments at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// How the findings came up.
    pub stage: ConfigStage,
    /// One line each, starting with `file:line: `.
    pub findings: Vec<String>,
}

/// How far a configuration got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigStage {
    /// The fragments themselves do not fit together.
    Fragments,
    /// The kernel did not take what they ask for.
    Kernel,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.stage {
            ConfigStage::Fragments => "the configuration fragments contradict themselves or each other",
            ConfigStage::Kernel => "the kernel did not take every option that was asked for",
        })?;
        self.findings.iter().try_for_each(|finding| write!(f, "\n  {finding}"))
    }
}

/// Reads fragments and checks that they go together.
///
/// # Errors
///
/// [`ConfigError`] with every line that is neither an option nor a comment, and every option that stands twice.
pub(super) fn parse(files: &[(PathBuf, String)]) -> Result<Vec<Fragment>, ConfigError> {
    let mut findings = Vec::new();
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut fragments = Vec::new();
    for (path, text) in files {
        let (mut options, mut why) = (Vec::new(), String::new());
        for (line, text) in (1..).zip(text.lines()) {
            let place = format!("{}:{line}", path.display());
            match parse_line(text, line) {
                Ok(None) => why = comment(&why, text),
                Ok(Some(mut option)) => {
                    option.why.clone_from(&why);
                    if let Some(other) = first.get(&option.symbol) {
                        findings.push(format!("{place}: {} stands at {other} already", option.symbol));
                    }
                    first.entry(option.symbol.clone()).or_insert(place);
                    options.push(option);
                }
                Err(message) => findings.push(format!("{place}: {message}")),
            }
        }
        fragments.push(Fragment { path: path.clone(), options, insisted: true });
    }
    if findings.is_empty() { Ok(fragments) } else { Err(ConfigError { stage: ConfigStage::Fragments, findings }) }
}

/// The comment so far with one more line that is not an option. An empty line ends a comment.
fn comment(so_far: &str, line: &str) -> String {
    match line.trim().strip_prefix('#').map(str::trim) {
        None => String::new(),
        Some(text) if so_far.is_empty() => text.to_owned(),
        Some(text) => format!("{so_far} {text}"),
    }
}

/// Lays the fragments of a user over others, the later over the earlier, and returns a sentence for each option that is replaced.
pub(super) fn lay_over(fragments: &mut Vec<Fragment>, users: Vec<Fragment>) -> Vec<String> {
    let mut told = Vec::new();
    if !users.is_empty() {
        for fragment in fragments.iter_mut() {
            fragment.insisted = false;
        }
    }
    for user in users {
        for option in &user.options {
            for earlier in fragments.iter_mut() {
                let Some(at) = earlier.options.iter().position(|other| other.symbol == option.symbol) else { continue };
                let replaced = earlier.options.remove(at);
                if replaced.value != option.value {
                    told.push(format!(
                        "{}:{}: {} is `{}` instead of `{}` of {}:{}",
                        user.path.display(),
                        option.line,
                        option.symbol,
                        option.value,
                        replaced.value,
                        earlier.path.display(),
                        replaced.line
                    ));
                }
            }
        }
        fragments.push(user);
    }
    told
}

/// A sentence for each option that a user's whole configuration sets and the fragments set otherwise.
pub(super) fn conflicts(base: &str, fragments: &[Fragment]) -> Vec<String> {
    let given: BTreeMap<&str, &str> = base.lines().filter_map(option_of).collect();
    let options = fragments.iter().flat_map(|fragment| fragment.options.iter().map(move |option| (fragment, option)));
    let told = options.filter_map(|(fragment, option)| {
        let value = given.get(option.symbol.as_str()).filter(|value| **value != option.value)?;
        let place = format!("{}:{}", fragment.path.display(), option.line);
        Some(format!("{} is `{}` instead of `{value}`: {} ({place})", option.symbol, option.value, option.why))
    });
    told.collect()
}

/// The fragments as one file for `KCONFIG_ALLCONFIG`.
pub(super) fn merge(fragments: &[Fragment]) -> String {
    let options = fragments.iter().flat_map(|fragment| &fragment.options);
    let lines = options.map(|option| match option.value.as_str() {
        OFF => format!("# {} is not set", option.symbol),
        value => format!("{}={value}", option.symbol),
    });
    lines.chain([String::new()]).collect::<Vec<_>>().join("\n")
}

/// A whole configuration with every option that `fragments` (as [`merge`] writes them) names taken from there.
pub(super) fn overridden(base: &str, fragments: &str) -> String {
    let named: BTreeSet<&str> = fragments.lines().filter_map(option_of).map(|(symbol, _)| symbol).collect();
    let kept = base.lines().filter(|line| option_of(line).is_none_or(|(symbol, _)| !named.contains(symbol)));
    kept.flat_map(|line| [line, "\n"]).chain([fragments]).collect()
}

/// Compares what was asked for with a `.config`, and returns a sentence for each option that the kernel knows and that cannot be
/// set there. `known` says whether the kernel knows a symbol (without `CONFIG_`); it is only asked for options that are wanted
/// where present or possible, and were not taken.
///
/// # Errors
///
/// [`ConfigError`] with every option that has another value although it is insisted on.
pub(super) fn check(
    fragments: &[Fragment],
    dot_config: &str,
    known: &mut dyn FnMut(&str) -> bool,
) -> Result<Vec<String>, ConfigError> {
    let got: BTreeMap<&str, &str> = dot_config.lines().filter_map(option_of).collect();
    let (mut findings, mut impossible) = (Vec::new(), Vec::new());
    for fragment in fragments {
        for option in &fragment.options {
            let value = got.get(option.symbol.as_str()).copied().unwrap_or(OFF);
            let bare = option.symbol.trim_start_matches("CONFIG_");
            if value == option.value || (option.when != When::Always && !known(bare)) {
                continue;
            }
            let place = format!("{}:{}", fragment.path.display(), option.line);
            if option.when == When::Possible || !fragment.insisted {
                impossible.push(format!("{place}: {} cannot be `{}` in this kernel", option.symbol, option.value));
            } else {
                findings.push(format!(
                    "{place}: {} is wanted as `{}`, the kernel has `{value}`",
                    option.symbol, option.value
                ));
            }
        }
    }
    if findings.is_empty() { Ok(impossible) } else { Err(ConfigError { stage: ConfigStage::Kernel, findings }) }
}

fn parse_line(text: &str, line: usize) -> Result<Option<Wanted>, String> {
    let text = text.trim();
    let marks = [(IF_PRESENT, When::Present), (IF_POSSIBLE, When::Possible)];
    let marked = marks.iter().find_map(|(mark, when)| Some((text.strip_suffix(mark)?.trim_end(), *when)));
    let (text, when) = marked.unwrap_or((text, When::Always));
    if let Some((symbol, value)) = option_of(text) {
        let sound = symbol
            .strip_prefix("CONFIG_")
            .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
        return match () {
            () if !sound => Err(format!("`{symbol}` is not the name of an option")),
            () if value.is_empty() || (value.contains(char::is_whitespace) && !value.starts_with('"')) => {
                Err(format!("`{value}` is not a value"))
            }
            () => {
                Ok(Some(Wanted { symbol: symbol.to_owned(), value: value.to_owned(), when, line, why: String::new() }))
            }
        };
    }
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    Err(format!("`{text}` is neither `CONFIG_…=…`, nor `# CONFIG_… is not set`, nor a comment"))
}

/// `(CONFIG_X, value)` of a line of a `.config`, `n` for `# CONFIG_X is not set`.
fn option_of(line: &str) -> Option<(&str, &str)> {
    if let Some(symbol) = line.strip_prefix("# ").and_then(|rest| rest.strip_suffix(" is not set")) {
        return (!symbol.contains(' ')).then_some((symbol, OFF));
    }
    line.split_once('=').filter(|(symbol, _)| !symbol.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments(texts: &[&str]) -> Result<Vec<Fragment>, ConfigError> {
        let files: Vec<_> =
            (0..).zip(texts).map(|(i, text)| (format!("{i}.config").into(), (*text).to_owned())).collect();
        parse(&files)
    }

    #[test]
    fn fragments_are_laid_together() -> Result<(), ConfigError> {
        let fragments = fragments(&[
            "# why\nCONFIG_A=y\n\nCONFIG_NAME=\"a b\"\n",
            "# CONFIG_B is not set\nCONFIG_C=4 # if-present\n",
        ])?;
        assert_eq!(merge(&fragments), "CONFIG_A=y\nCONFIG_NAME=\"a b\"\n# CONFIG_B is not set\nCONFIG_C=4\n");
        assert_eq!(fragments[1].options[1].when, When::Present);
        Ok(())
    }

    #[test]
    fn a_users_fragments_and_configuration_are_told_apart_from_ours() -> Result<(), ConfigError> {
        let mut ours = fragments(&["# not of this one\n\n# the host reads it\nCONFIG_A=y\nCONFIG_B=y\n"])?;
        assert_eq!(
            conflicts("# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_Z=y\n", &ours),
            ["CONFIG_A is `y` instead of `n`: the host reads it (0.config:4)"]
        );
        let user = |text: &str| parse(&[("user.config".into(), text.to_owned())]);
        let told = lay_over(&mut ours, user("CONFIG_A=m\nCONFIG_B=y\nCONFIG_C=y\n")?);
        assert_eq!(told, ["user.config:1: CONFIG_A is `m` instead of `y` of 0.config:4"]);
        assert_eq!(merge(&ours), "CONFIG_A=m\nCONFIG_B=y\nCONFIG_C=y\n");
        assert_eq!((ours[0].insisted, ours[1].insisted), (false, true));
        Ok(())
    }

    #[test]
    fn what_does_not_go_together_is_listed() {
        let error =
            fragments(&["CONFIG_A=y\nCONFIG_=y\nA=y\n", "CONFIG_A=m\nwhat\nCONFIG_D=y z\n"]).expect_err("it does not");
        assert_eq!(
            error.findings,
            [
                "0.config:2: `CONFIG_` is not the name of an option",
                "0.config:3: `A` is not the name of an option",
                "1.config:1: CONFIG_A stands at 0.config:1 already",
                "1.config:2: `what` is neither `CONFIG_…=…`, nor `# CONFIG_… is not set`, nor a comment",
                "1.config:3: `y z` is not a value",
            ]
        );
    }

    #[test]
    fn options_the_kernel_did_not_take_are_listed() -> Result<(), ConfigError> {
        let fragments = fragments(&[
            "CONFIG_A=y\nCONFIG_B=y\n# CONFIG_C is not set\nCONFIG_NEW=y # if-present\nCONFIG_HERE=y # if-present\n# CONFIG_GONE is not set\n",
        ])?;
        let error =
            check(&fragments, "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=m\n", &mut |symbol| symbol == "HERE")
                .expect_err("three are missing");
        assert_eq!(
            error.findings,
            [
                "0.config:2: CONFIG_B is wanted as `y`, the kernel has `n`",
                "0.config:3: CONFIG_C is wanted as `n`, the kernel has `m`",
                "0.config:5: CONFIG_HERE is wanted as `y`, the kernel has `n`",
            ]
        );
        Ok(())
    }

    #[test]
    fn an_option_that_cannot_be_set_is_told_where_it_need_not_be() -> Result<(), ConfigError> {
        let fragments = fragments(&["CONFIG_A=y # if-possible\nCONFIG_NEW=m # if-possible\nCONFIG_B=y\n"])?;
        let told = check(&fragments, "# CONFIG_A is not set\nCONFIG_B=y\n", &mut |symbol| symbol == "A")?;
        assert_eq!(told, ["0.config:1: CONFIG_A cannot be `y` in this kernel"]);
        Ok(())
    }
}
