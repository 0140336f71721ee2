//! The help in Korean, put over the definitions in `args`. English needs no catalogue: it is in the definitions.

use std::fmt::Write as _;

use clap::builder::{Resettable, StyledStr};
use clap::{Arg, ArgAction, Command};

use kernsnap_analysis::language::Language;
use kernsnap_analysis::phrase::Texts;

const TEXTS: &str = include_str!("ko.ftl");

/// Numbers of the exit codes, as in [`HELP`](crate::cli::exit::HELP).
const CODES: [u8; 11] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 70, 130];

/// The commands that a reader of the book needs: all of their arguments are told in Korean.
pub(super) const READERS: [&str; 7] = ["run", "record", "shell", "view", "report", "lesson", "list"];

/// The texts of the help.
pub(super) struct Korean(Texts);

impl Korean {
    pub(super) fn new() -> Self {
        Self(Texts::new(Language::Ko, TEXTS))
    }

    /// The definitions with their texts in Korean.
    pub(super) fn command(&self, command: Command) -> Command {
        let command = self.described(command, "help-about").after_help(self.exit_codes());
        let version = Arg::new("version").short('V').long("version").action(ArgAction::Version);
        let mut command = command.disable_version_flag(true).arg(self.told(version, ""));
        for name in READERS {
            command = command.mut_subcommand(name, |one| {
                let has_arguments = one.get_positionals().next().is_some();
                self.described(one, &format!("help-{name}")).help_template(self.template(has_arguments))
            });
        }
        let others: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        for name in others.iter().filter(|name| !READERS.contains(&name.as_str())) {
            command = command.mut_subcommand(name, |one| self.about(one, &format!("help-{name}")));
        }
        command
    }

    /// A text; empty where there is none.
    pub(super) fn text(&self, id: &str) -> String {
        self.0.text(id, &[]).unwrap_or_default()
    }

    /// A text with words in its places; empty where there is none.
    pub(super) fn filled(&self, id: &str, places: &[(&str, String)]) -> String {
        self.0.text(id, places).unwrap_or_default()
    }

    /// The names of the texts for an argument of a command, the first that there is.
    pub(super) fn id(&self, command: &str, argument: &str) -> Option<String> {
        let argument = match (command, argument) {
            // A command has this name, too.
            (_, "image" | "store") => format!("{argument}{}", if argument == "image" { "-name" } else { "-directory" }),
            (_, argument) => argument.replace('_', "-"),
        };
        let ids = [format!("help-{command}-{argument}"), format!("help-{argument}")];
        ids.into_iter().find(|id| self.0.has(id))
    }

    fn described(&self, command: Command, about: &str) -> Command {
        let name = if about == "help-about" { String::new() } else { command.get_name().to_owned() };
        let arguments: Vec<String> = command.get_arguments().map(|one| one.get_id().to_string()).collect();
        let mut command = self.about(command, about).disable_help_flag(true);
        for id in arguments {
            command = command.mut_arg(&id, |argument| self.told(argument, &name));
        }
        let help = Arg::new("help").short('h').long("help").action(ArgAction::Help);
        command.arg(self.told(help, ""))
    }

    fn about(&self, command: Command, id: &str) -> Command {
        command.about(self.text(id)).long_about(Resettable::<StyledStr>::Reset)
    }

    fn told(&self, argument: Arg, command: &str) -> Arg {
        let id = self.id(command, argument.get_id().as_str());
        let Some(id) = id else { return argument };
        let argument = argument.help(self.text(&id)).long_help(Resettable::<StyledStr>::Reset);
        // The values are in the text.
        if argument.get_action().takes_values() { argument.hide_possible_values(true) } else { argument }
    }

    fn template(&self, has_arguments: bool) -> String {
        let arguments = if has_arguments {
            format!("\n{}\n{{positionals}}\n", self.text("heading-arguments"))
        } else {
            String::new()
        };
        let [usage, options] = ["heading-usage", "heading-options"].map(|id| self.text(id));
        format!("{{about-with-newline}}\n{usage} {{usage}}\n{arguments}\n{options}\n{{options}}{{after-help}}")
    }

    fn exit_codes(&self) -> String {
        let mut text = self.text("heading-exit-codes");
        for code in CODES {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n  {code:>3}  {}", self.text(&format!("exit-{code}")));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Arguments;
    use crate::cli::exit;

    #[test]
    fn every_command_and_every_argument_of_a_reader_is_told_in_korean_and_nothing_else() {
        let (korean, command) = (Korean::new(), Arguments::command());
        let known: BTreeSet<String> = korean.0.sentences().into_iter().map(|(id, _)| id).collect();
        assert!(known.len() > 100, "some sentences of ko.ftl cannot be read");
        let mut used: BTreeSet<String> =
            command.get_subcommands().map(|one| format!("help-{}", one.get_name())).collect();
        used.extend(
            ["help-about", "help-help", "help-version", "heading-usage", "heading-arguments"].map(str::to_owned),
        );
        used.extend(["heading-options", "heading-exit-codes"].map(str::to_owned));
        used.extend((1..=super::super::GROUPS.len()).map(|number| format!("group-{number}")));
        used.extend(super::super::usage_error::SENTENCES.map(str::to_owned));
        used.extend(CODES.map(|code| format!("exit-{code}")));
        let mut missing = Vec::new();
        let readers = READERS.iter().filter_map(|name| command.find_subcommand(name));
        for (name, one) in readers.map(|one| (one.get_name(), one)).chain([("", &command)]) {
            for argument in one.get_arguments() {
                match korean.id(name, argument.get_id().as_str()) {
                    Some(id) => drop(used.insert(id)),
                    None => missing.push(format!("{name} {}", argument.get_id())),
                }
            }
        }
        assert_eq!(missing, Vec::<String>::new(), "without a text in ko.ftl");
        assert_eq!(known, used);
        for code in CODES {
            assert!(exit::HELP.contains(&format!("\n{code:>5}  ")), "{code}");
        }
        assert_eq!(exit::HELP.lines().count(), CODES.len() + 1);
    }

    #[test]
    fn the_help_is_in_korean() {
        let mut command = super::super::command(Language::Ko);
        command.clone().debug_assert();
        let whole = command.render_help().to_string();
        assert!(whole.contains("시나리오 실행:") && whole.contains("종료 코드:"), "{whole}");
        for name in READERS {
            let one = command.find_subcommand_mut(name).expect("a command");
            let text = one.render_help().to_string();
            assert!(text.contains("사용법:") && !text.contains("Options:") && !text.contains("Print help"), "{text}");
        }
    }
}
