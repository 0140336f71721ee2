//! Names of images, boards, scenarios, programs and entries: never paths.

/// True if this can be a name: ASCII letters, digits, `.`, `_` and `-`, beginning with a letter or a digit. So a name joined to a
/// directory is a file in that directory, and a tool does not take it for an option.
#[must_use]
pub fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_not_a_path_and_not_an_option() {
        for name in ["rpi3-6.1", "user_fork", "0", "a..b"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", ".", "..", "../x", "a/b", "-x", "--upload-pack=x", "a b", "a\nb", "a\0", "é", "_x"] {
            assert!(!is_name(other), "{other:?}");
        }
    }
}
