//! The help, the manual pages and the completions: all of them from the definitions in `args`.

mod korean;
mod usage_error;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory as _;

use self::korean::Korean;
use super::args::Arguments;
use super::{Exit, Failure, absolute, answer, write_file};
use kernsnap_analysis::language::Language;

/// The commands by what a person wants. A test holds this against the definitions.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Run scenarios", &["run", "record", "explore", "cost", "shell", "gdb", "replay", "kselftest"]),
    ("Compare kernels", &["regress", "bisect", "matrix"]),
    ("Look at traces", &["view", "diff", "export", "report"]),
    ("Learn", &["lesson", "list"]),
    ("Write scenarios", &["init", "new", "snapshot"]),
    ("Images and the store", &["image", "store", "doctor"]),
    ("The shell", &["completions", "man"]),
];

/// Names of earlier versions, and what to write now.
const RENAMED: [(&str, &str); 2] = [("claims", "list --claims"), ("verify-cache", "store verify")];

/// The definitions, with the commands in groups, in a language.
pub(super) fn command(language: Language) -> clap::Command {
    let korean = (language == Language::Ko).then(Korean::new);
    let text = |id: &str, english: &str| korean.as_ref().map_or_else(|| english.to_owned(), |korean| korean.text(id));
    let command = Arguments::command();
    let command = korean.as_ref().map_or(command.clone(), |korean| korean.command(command));
    let template = format!(
        "{{about-with-newline}}\n{} {{usage}}\n{}\n{}\n{{options}}{{after-help}}",
        text("heading-usage", "{usage-heading}"),
        groups(&command, &text),
        text("heading-options", "Options:"),
    );
    command.help_template(template)
}

/// The text of a mistake in the arguments, where clap does not tell it in this language.
pub(super) fn mistake(language: Language, error: &clap::Error) -> Option<String> {
    match language {
        Language::En => None,
        Language::Ko => usage_error::in_korean(&Korean::new(), error),
    }
}

fn groups(command: &clap::Command, translated: &dyn Fn(&str, &str) -> String) -> String {
    let names = GROUPS.iter().flat_map(|(_, names)| names.iter());
    let width = names.map(|name| name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (number, (heading, names)) in (1..).zip(GROUPS) {
        let heading = translated(&format!("group-{number}"), heading);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{heading}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let _ = writeln!(text, "  {name:width$}  {}", about.cloned().unwrap_or_default());
        }
    }
    text
}

/// The new name of a command of an earlier version, where the arguments begin with one.
pub(super) fn renamed(words: impl IntoIterator<Item = OsString>) -> Option<String> {
    let first = words.into_iter().nth(1)?;
    let (old, new) = RENAMED.iter().find(|(old, _)| first.to_str() == Some(old))?;
    Some(format!("`kernsnap {old}` is `kernsnap {new}` now"))
}

pub(super) fn completions(shell: clap_complete::Shell) -> Exit {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "kernsnap", &mut text);
    answer(String::from_utf8_lossy(&text).trim_end());
    Exit::Passed
}

pub(super) fn man(out: Option<&Path>) -> Result<Exit, Failure> {
    let failed = |error: io::Error| Failure::internal("make a manual page", &error);
    let Some(directory) = out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(failed)?;
        answer(String::from_utf8_lossy(&page).trim_end());
        return Ok(Exit::Passed);
    };
    let directory = absolute(directory)?;
    fs::create_dir_all(&directory)
        .map_err(|error| Failure::input(format!("cannot make `{}`: {error}", directory.display())))?;
    pages(&Arguments::command(), "kernsnap", &directory)?;
    Ok(Exit::Passed)
}

/// Writes the page of a command and of those below it.
fn pages(command: &clap::Command, name: &str, directory: &Path) -> Result<(), Failure> {
    let mut page = Vec::new();
    let named = command.clone().display_name(name.to_owned());
    let failed = |error: io::Error| Failure::internal("make a manual page", &error);
    clap_mangen::Man::new(named).render(&mut page).map_err(failed)?;
    let file = directory.join(format!("{name}.1"));
    write_file(&file, &page)?;
    answer(&file.display().to_string());
    command.get_subcommands().try_for_each(|one| pages(one, &format!("{name}-{}", one.get_name()), directory))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_command_is_in_one_group_of_the_help() {
        let command = Arguments::command();
        let known: BTreeSet<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.iter().copied().collect::<BTreeSet<_>>(), known);
        assert_eq!(grouped.len(), known.len(), "one of them is in two groups");
        let help = super::command(Language::En).render_long_help().to_string();
        for (heading, _) in GROUPS {
            assert!(help.contains(&format!("\n{heading}:\n")), "{help}");
        }
        assert!(help.contains("Exit codes:"), "{help}");
    }

    #[test]
    fn a_command_of_an_earlier_version_names_the_new_one() {
        let now = |word: &str| renamed(["kernsnap", word, "--json"].map(OsString::from));
        assert_eq!(now("claims").as_deref(), Some("`kernsnap claims` is `kernsnap list --claims` now"));
        assert_eq!(now("run"), None);
        let command = Arguments::command();
        assert!(RENAMED.iter().all(|(old, _)| command.find_subcommand(old).is_none()));
    }

    #[test]
    fn an_option_has_one_meaning_and_one_default_in_every_command() {
        fn all<'c>(command: &'c clap::Command, found: &mut Vec<(String, &'c clap::Arg)>) {
            for option in command.get_arguments().filter(|argument| argument.get_long().is_some()) {
                found.push((command.get_name().to_owned(), option));
            }
            command.get_subcommands().for_each(|one| all(one, found));
        }
        let command = Arguments::command();
        let mut options = Vec::new();
        all(&command, &mut options);
        for (name, option) in &options {
            let long = option.get_long();
            let same = options.iter().filter(|(_, other)| other.get_long() == long);
            // Only an image that knows its way to a card is one for `image export`.
            let is_default_of_card = |name: &str| name == "export" && long == Some("image");
            for (other_name, other) in same.filter(|(other, _)| !is_default_of_card(name) && !is_default_of_card(other))
            {
                assert_eq!(
                    (option.get_default_values(), option.get_value_names().map(<[_]>::len)),
                    (other.get_default_values(), other.get_value_names().map(<[_]>::len)),
                    "--{} of {name} and of {other_name}",
                    long.unwrap_or_default()
                );
            }
        }
    }
}
