//! Which package of the system has a library. Only asked when one is missing.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where dpkg keeps what it knows, unless the variable of that name says otherwise (dpkg(1)).
const DPKG: &str = "/var/lib/dpkg";
const DPKG_VARIABLE: &str = "DPKG_ADMINDIR";
/// Architectures of packages whose libraries a program of this one can load.
const ARCHITECTURES: [&str; 2] = ["amd64", "all"];

/// What to do about the missing library `name`: empty if nobody knows.
pub(crate) fn package(name: &str) -> String {
    // What comes from a program goes into patterns: only names that have no say in them.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
    if name.starts_with('-') || !name.bytes().all(plain) {
        return String::new();
    }
    let installed = answer("dpkg", &["-S", &format!("*/{name}")]);
    let owners = installed.as_deref().map(|text| owners(text, name)).unwrap_or_default();
    // Installed, and the file is gone.
    if let Some((package, _)) = owners.iter().find(|(_, path)| fs::metadata(path).is_err()) {
        return format!("; it is part of {package}: apt-get install --reinstall {package}");
    }
    if let Some((package, path)) = owners.first() {
        return format!("; {package} has {path}, which the program's linker does not take");
    }
    let place = env::var_os(DPKG_VARIABLE).map_or_else(|| PathBuf::from(DPKG), PathBuf::from);
    if let Some(package) = provider(&place.join("info"), name) {
        let again = if is_installed(&place.join("info"), &package) { "--reinstall " } else { "" };
        return format!("; it is part of {package}: apt-get install {again}{package}");
    }
    let pattern = format!("/{}$", name.replace('.', "\\.").replace('+', "\\+"));
    if let Some(text) = answer("apt-file", &["search", "-x", &pattern])
        && let Some((package, _)) = self::owners(&text, name).first()
    {
        return format!("; it is part of {package}: apt-get install {package}");
    }
    // Debian names packages after the library and its version, and since time has 64 bits on
    // every architecture some after that.
    for package in policy_name(name).into_iter().flat_map(|p| [p.clone(), p + "t64"]) {
        if answer("apt-cache", &["show", &package]).is_some() {
            return format!("; it should be in {package}: apt-get install {package}");
        }
    }
    String::new()
}

/// Packages and their files called `name`, of the lines `package[:architecture][, ...]: path`.
fn owners<'a>(text: &'a str, name: &str) -> Vec<(&'a str, &'a str)> {
    let owner = |line: &'a str| {
        let (packages, path) = line.split_once(": ")?;
        let file = Path::new(path).file_name();
        if packages.starts_with("diversion by ") || file != Some(OsStr::new(name)) {
            return None;
        }
        packages.split(", ").find_map(|package| match package.split_once(':') {
            None => is_package(package).then_some((package, path)),
            Some((package, of)) => {
                (is_package(package) && ARCHITECTURES.contains(&of)).then_some((package, path))
            }
        })
    };
    text.lines().filter_map(owner).collect()
}

/// Which package the installed ones say that programs need which use the library: their shlibs
/// (deb-shlibs(5)) and symbols files (deb-symbols(5)). They know libraries that no package has as
/// a file, for ldconfig made the link.
fn provider(info: &Path, name: &str) -> Option<String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(info).ok()?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files.iter().find_map(|file| {
        let search = match file.extension()?.to_str()? {
            "shlibs" => in_shlibs,
            "symbols" => in_symbols,
            _ => return None,
        };
        // The libraries of a foreign architecture are no others by name.
        let stem = file.file_stem()?.to_str()?;
        if stem.split_once(':').is_some_and(|(_, of)| !ARCHITECTURES.contains(&of)) {
            return None;
        }
        search(&String::from_utf8_lossy(&fs::read(file).ok()?), name)
    })
}

/// Lines are `[type:] library version dependencies`.
fn in_shlibs(text: &str, name: &str) -> Option<String> {
    text.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (library, version) = (words.next()?, words.next()?);
        let names = [format!("{library}.so.{version}"), format!("{library}-{version}.so")];
        // A type is that of packages of the installer; a comment is no library.
        names.iter().any(|known| known == name).then(|| words.next())?.and_then(dependency)
    })
}

/// A library's first line is `library dependency #MINVER#`; other lines start with a blank or
/// with a sign.
fn in_symbols(text: &str, name: &str) -> Option<String> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    dependency(rest.split_whitespace().next()?)
}

/// The first package of dependencies.
fn dependency(word: &str) -> Option<String> {
    let package = word.split([',', '|', '(', ':']).next()?;
    is_package(package).then(|| package.to_owned())
}

/// Debian Policy, 5.6.1: what may be typed as the name of a package.
fn is_package(word: &str) -> bool {
    let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.');
    word.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && word.bytes().all(inner)
}

/// dpkg has the list of its files.
fn is_installed(info: &Path, package: &str) -> bool {
    let of = |architecture: &str| info.join(format!("{package}{architecture}.list")).exists();
    of("") || of(":amd64")
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

    #[test]
    fn owners_are_packages_that_have_the_file() {
        let text = "diversion by glx from: /usr/lib/libq.so.6\n\
                    libq-old:i386: /usr/lib/i386-linux-gnu/libq.so.6\n\
                    libq-doc: /usr/share/libq.so.6/README\n\
                    $(bad): /usr/lib/libq.so.6\n\
                    no colon\n\
                    libq6:i386, libq6:amd64: /usr/lib/x86_64-linux-gnu/libq.so.6\n\
                    plain: /opt/libq.so.6\n";
        let found = owners(text, "libq.so.6");
        let want = [("libq6", "/usr/lib/x86_64-linux-gnu/libq.so.6"), ("plain", "/opt/libq.so.6")];
        assert_eq!(found, want);
    }

    #[test]
    fn shlibs_and_symbols_name_packages() {
        let shlibs = "# comment libq 6\nudeb: libq 6 libq6-udeb (>= 1)\nlibq 6 libq6 (>= 1.2), more\n\
                      libr 2.0 libr2 | libr-other\nlibs 1\nlibt 1 BAD;NAME\n";
        for (name, want) in [
            ("libq.so.6", Some("libq6")),
            ("libr-2.0.so", Some("libr2")),
            ("libs.so.1", None),
            ("libt.so.1", None),
            ("libq.so.60", None),
        ] {
            assert_eq!(in_shlibs(shlibs, name).as_deref(), want, "{name}");
        }
        let symbols = "libq.so.6 libq6 #MINVER#\n| libq6 (>> 1), libq6 (<< 2)\n\
                       * Build-Depends-Package: libq-dev\n libr.so.2@Base 1.0\nlibs.so.1 libs1, x\n";
        for (name, want) in [
            ("libq.so.6", Some("libq6")),
            ("libs.so.1", Some("libs1")),
            ("libq.so", None),
            ("libr.so.2@Base", None),
        ] {
            assert_eq!(in_symbols(symbols, name).as_deref(), want, "{name}");
        }
    }

    #[test]
    fn names_with_a_meaning_of_their_own_get_no_hint() {
        for name in ["*", "lib*.so.6", "../libc.so.6", "-S", "lib c.so", "$(x)", "lib[c].so.6"] {
            assert_eq!(package(name), "", "{name}");
        }
    }
}
