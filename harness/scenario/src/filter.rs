//! Filters of the events of system calls, which may name these: `id == clone` becomes `id == 220`.

use super::Names;
use super::vocabulary::{UnknownName, syscall};

/// Words of the filter that are fields of the events.
const FIELDS: [&str; 3] = ["id", "args", "ret"];

/// The filter with numbers for names.
///
/// # Errors
/// A [`UnknownName`] for a word that is neither a field nor a system call.
pub(super) fn with_numbers(filter: &str, names: &Names) -> Result<String, UnknownName> {
    let mut compiled = String::new();
    let mut rest = filter;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        let (between, behind) = rest.split_at(start);
        let end = behind.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(behind.len());
        let (word, behind) = behind.split_at(end);
        compiled.push_str(between);
        if FIELDS.contains(&word) || word.starts_with(|c: char| c.is_ascii_digit()) {
            compiled.push_str(word);
        } else {
            compiled.push_str(&syscall(word, names)?.to_string());
        }
        rest = behind;
    }
    compiled.push_str(rest);
    Ok(compiled)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn names_of_system_calls_become_numbers() {
        let table = "arm: { clone: 120, wait4: 114 }\n";
        let names = Names::default().with_syscalls(Path::new("syscalls.yaml"), table, "arm").expect("a table");
        for (filter, expected) in [
            ("id == clone || id == wait4", "id == 120 || id == 114"),
            ("(id==clone)&&ret!=-22", "(id==120)&&ret!=-22"),
            ("id == 220", "id == 220"),
            ("id == 0xdc", "id == 0xdc"),
            ("", ""),
        ] {
            assert_eq!(with_numbers(filter, &names).as_deref(), Ok(expected));
        }
        let misnomer = with_numbers("id == clon", &names).expect_err("no system call");
        assert_eq!(
            (misnomer.message.as_str(), misnomer.hint.as_str()),
            ("there is no system call `clon`", "did you mean `clone`?")
        );
    }
}
