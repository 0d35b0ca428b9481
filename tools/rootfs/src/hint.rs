//! Which package of the system has a library. Only asked when one is missing.

use std::process::{Command, Stdio};

/// What to do about the missing library `name`: empty if nobody knows.
pub(crate) fn package(name: &str) -> String {
    // Installed, and the file is gone.
    if let Some(text) = answer("dpkg", &["-S", &format!("*/{name}")])
        && let Some((package, _)) = text.split_once(':')
    {
        return format!("; it is part of {package}: apt-get install --reinstall {package}");
    }
    if let Some(text) =
        answer("apt-file", &["search", "-x", &format!("/{}$", name.replace('.', "\\."))])
        && let Some((package, _)) = text.split_once(':')
    {
        return format!("; it is part of {package}: apt-get install {package}");
    }
    // Debian names packages after the library and its version.
    if let Some(package) = policy_name(name)
        && answer("apt-cache", &["show", &package]).is_some()
    {
        return format!("; it should be in {package}: apt-get install {package}");
    }
    String::new()
}

/// `libfoo.so.1` is in `libfoo1`, `libfoo-2.0.so.1` in `libfoo-2.0-1` (Debian Policy, 8.1).
fn policy_name(name: &str) -> Option<String> {
    let (stem, version) = name.split_once(".so.")?;
    let stem = stem.to_lowercase().replace('_', "-");
    let dash = if stem.ends_with(|c: char| c.is_ascii_digit()) { "-" } else { "" };
    Some(format!("{stem}{dash}{version}"))
}

/// What a program prints, if it is there and succeeds with some words.
fn answer(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_named_after_libraries() {
        assert_eq!(policy_name("libjemalloc.so.2").as_deref(), Some("libjemalloc2"));
        assert_eq!(policy_name("liblua5.1.so.0").as_deref(), Some("liblua5.1-0"));
        assert_eq!(policy_name("plugin.so"), None);
    }
}
