//! Mistakes in the arguments, in Korean. In English clap tells them itself.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use kernsnap_analysis::phrase::Phrase;

use super::korean::Korean;
use kernsnap_analysis::language::Language;

/// The names of the sentences that are used here.
#[cfg(test)]
pub(super) const SENTENCES: [&str; 8] = [
    "usage-unknown-argument",
    "usage-unknown-command",
    "usage-missing",
    "usage-invalid-value",
    "usage-no-value",
    "usage-values",
    "usage-conflict",
    "usage-more",
];

/// The text for a person, without `error: `; `None` for the help, the version, and mistakes that have no sentence here.
pub(super) fn in_korean(korean: &Korean, error: &Error) -> Option<String> {
    let told = |kind| error.get(kind).map(words);
    let argument = told(ContextKind::InvalidArg).unwrap_or_default();
    let mut text = match error.kind() {
        ErrorKind::UnknownArgument => korean.filled("usage-unknown-argument", &[("argument", argument)]),
        ErrorKind::InvalidSubcommand => {
            korean.filled("usage-unknown-command", &[("command", told(ContextKind::InvalidSubcommand)?)])
        }
        ErrorKind::MissingRequiredArgument => korean.filled("usage-missing", &[("arguments", argument)]),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => match told(ContextKind::InvalidValue) {
            Some(value) if !value.is_empty() => {
                korean.filled("usage-invalid-value", &[("argument", argument), ("value", value)])
            }
            _ => korean.filled("usage-no-value", &[("argument", argument)]),
        },
        ErrorKind::ArgumentConflict => {
            let other = told(ContextKind::PriorArg).unwrap_or_default();
            korean.filled("usage-conflict", &[("argument", argument), ("other", other)])
        }
        _ => return None,
    };
    if let Some(values) = told(ContextKind::ValidValue).filter(|values| !values.is_empty()) {
        text += "\n  ";
        text += &korean.filled("usage-values", &[("values", values)]);
    }
    if let Some(reason) = std::error::Error::source(error) {
        text += ": ";
        text += &reason.to_string();
    }
    let nearest = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    if let Some(name) = nearest.into_iter().find_map(told) {
        let meant = Phrase::new("did-you-mean").with("name", name);
        text += "\n\n";
        text += &Phrase::new("hint").with("text", meant).say(Language::Ko);
    }
    if let Some(usage) = told(ContextKind::Usage) {
        let usage = usage.trim_start_matches("Usage:").trim_start();
        text += "\n\n";
        text += &korean.text("heading-usage");
        text += " ";
        text += usage;
        let command = usage.split(['[', '<', '-']).next().unwrap_or_default().trim_end();
        text += "\n";
        text += &korean.filled("usage-more", &[("command", command.to_owned())]);
    }
    Some(text)
}

/// A value of an error as one text.
fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(all) => all.join(", "),
        ContextValue::StyledStr(text) => text.to_string(),
        ContextValue::StyledStrs(all) => all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, wanted: &[&str]) {
        let error = super::super::command(Language::Ko).try_get_matches_from(line.split(' ')).expect_err(line);
        let text = in_korean(&Korean::new(), &error).expect(line);
        assert!(wanted.iter().all(|wanted| text.contains(wanted)), "{text}");
    }

    #[test]
    fn mistakes_in_the_arguments_are_told_in_korean() {
        check(
            "kernsnap run --lokk user-exit",
            &["`--lokk`을(를) 알 수 없습니다", "힌트: `--look`을(를)", "사용법: kernsnap run"],
        );
        check("kernsnap lessn", &["명령 `lessn`이(가) 없습니다", "`lesson`을(를) 찾으셨나요?"]);
        check("kernsnap run user-exit --view lines", &["`--view", "`lines`은(는) 쓸 수 없습니다: ", "events, tree"]);
        check("kernsnap run user-exit --repeat many", &["`--repeat", "`many`은(는) 쓸 수 없습니다"]);
        check("kernsnap run user-exit --repeat", &["값이 필요합니다"]);
        check("kernsnap report", &["필요한 인자가 없습니다"]);
    }

    #[test]
    fn the_help_is_no_mistake() {
        let asked = super::super::command(Language::Ko).try_get_matches_from(["kernsnap", "--help"]);
        assert_eq!(in_korean(&Korean::new(), &asked.expect_err("help")), None);
    }
}
