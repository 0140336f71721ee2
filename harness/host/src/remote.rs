//! Addresses and names that tools get which fetch from elsewhere. Neither can be an option of a tool, or make it run a command.

/// Why an address or a name is refused: a lowercase fragment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {why}", text.escape_debug())]
pub struct RefusedAddress {
    /// The text that was given.
    pub text: String,
    /// The reason.
    pub why: &'static str,
}

/// The protocols that `GIT_ALLOW_PROTOCOL` allows: not `ext`, which runs a command, and not a helper program of some other name.
pub const GIT_PROTOCOLS: &str = "file:git:http:https:ssh";

const GIT_SCHEMES: [&str; 5] = ["file", "git", "http", "https", "ssh"];
const CURL_SCHEMES: [&str; 3] = ["file", "http", "https"];

/// Checks the address of a git repository: an URL, `HOST:PATH`, or a path on this host.
///
/// # Errors
/// [`RefusedAddress`] for an option, for a transport that runs a command (gitremote-helpers(7)), and for an unknown scheme.
pub fn check_repository(url: &str) -> Result<(), RefusedAddress> {
    let refused = |why| Err(RefusedAddress { text: url.to_owned(), why });
    check_word(url)?;
    let helper = url.split_once("::").is_some_and(|(name, _)| !name.contains(['/', ':']));
    if helper {
        return refused("names a transport that runs a program");
    }
    match url.split_once("://") {
        Some((scheme, _)) if !GIT_SCHEMES.contains(&scheme) => refused("has a scheme that git is not asked to use"),
        Some((_, rest)) if host(rest).starts_with('-') => refused("has a host that begins with `-`"),
        None if url.split_once(':').is_some_and(|(address, _)| host(address).starts_with('-')) => {
            refused("has a host that begins with `-`")
        }
        _ => Ok(()),
    }
}

/// Checks the name of a branch, a tag or a commit (git-check-ref-format(1)).
///
/// # Errors
/// [`RefusedAddress`] for an option, and for a refspec or an expression in place of a name.
pub fn check_ref(name: &str) -> Result<(), RefusedAddress> {
    check_word(name)?;
    if name.contains([' ', '~', '^', ':', '?', '*', '[', '\\', '+', '@']) || name.contains("..") {
        return Err(RefusedAddress { text: name.to_owned(), why: "is not the name of a branch, a tag or a commit" });
    }
    Ok(())
}

/// Checks the URL of a file that curl fetches.
///
/// # Errors
/// [`RefusedAddress`] for an option, and for a scheme other than `https`, `http` and `file`.
pub fn check_download(url: &str) -> Result<(), RefusedAddress> {
    check_word(url)?;
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    if !CURL_SCHEMES.contains(&scheme) {
        return Err(RefusedAddress { text: url.to_owned(), why: "has a scheme that curl is not asked to use" });
    }
    Ok(())
}

/// Checks the name of a package or of a release (Debian Policy, 5.6.1): apt takes an unknown name for a regular expression, and one
/// that begins with `-` for an option.
///
/// # Errors
/// [`RefusedAddress`] for anything else.
pub fn check_package(name: &str) -> Result<(), RefusedAddress> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-._".contains(&byte);
    if !name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        || !name.bytes().all(allowed)
    {
        return Err(RefusedAddress { text: name.to_owned(), why: "is not the name of a package or of a release" });
    }
    Ok(())
}

/// Refuses an argument that is empty, an option, or several lines.
fn check_word(text: &str) -> Result<(), RefusedAddress> {
    let refused = |why| Err(RefusedAddress { text: text.to_owned(), why });
    match text {
        "" => refused("is empty"),
        _ if text.starts_with('-') => refused("begins with `-`"),
        _ if text.chars().any(char::is_control) => refused("holds control characters"),
        _ => Ok(()),
    }
}

/// The host of `[USER@]HOST[:PORT][/PATH]`.
fn host(rest: &str) -> &str {
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_address_and_not_a_command() {
        for url in [
            "https://host/linux.git",
            "ssh://user@host:22/linux",
            "git@host:linux.git",
            "file:///srv/linux",
            "/srv/linux",
            "../linux",
            "srv/a::b",
        ] {
            assert_eq!(check_repository(url), Ok(()), "{url}");
        }
        for url in [
            "",
            "--upload-pack=touch /tmp/x",
            "-u",
            "ext::sh -c 'touch /tmp/x'",
            "fd::3",
            "ext::",
            "ssh://-oProxyCommand=touch/x",
            "ssh://user@-oProxyCommand=x/y",
            "-oProxyCommand=x:path",
            "user@-oProxyCommand=x:path",
            "ext://x",
            "https://host/\nx",
        ] {
            assert!(check_repository(url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_ref_is_a_name_and_not_an_option_or_a_refspec() {
        for name in ["v6.12", "rpi-6.12.y", "refs/tags/v1", "0123abcd", "topic/one"] {
            assert_eq!(check_ref(name), Ok(()), "{name}");
        }
        for name in
            ["", "--upload-pack=touch x", "-f", "a:refs/heads/b", "+a", "a..b", "a^{/x}", "HEAD@{1}", "a b", "a\tb"]
        {
            assert!(check_ref(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_download_has_a_scheme_and_a_package_a_name() {
        assert_eq!(check_download("https://host/linux.tar.xz"), Ok(()));
        for url in ["-o/tmp/x", "--config=x", "gopher://host/x", "scp://host/x", "linux.tar.xz"] {
            assert!(check_download(url).is_err(), "{url}");
        }
        assert_eq!(check_package("linux-source-6.1"), Ok(()));
        for name in ["-oAPT::Get::Simulate=x", "--option", "linux source", "linux.*", "a/b", "", "Linux"] {
            assert!(check_package(name).is_err(), "{name}");
        }
    }
}
