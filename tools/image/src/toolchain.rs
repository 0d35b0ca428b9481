//! Which compiler there is: another one makes other images.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `rustc -vV` says; without a compiler, what it said when there was one: nothing can be
/// built anew then.
///
/// Asking takes a tenth of a second, so the answer is kept in `cache` until the compiler's file,
/// or what makes rustup choose it, is another one.
pub fn version(cache: &Path) -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let key = format!("{:016x}\n", identity(&rustc));
    let kept = cache.join(".rustc");
    let old = fs::read_to_string(&kept).unwrap_or_default();
    if let Some(version) = old.strip_prefix(&key) {
        return version.to_owned();
    }
    // In the project's directory, where cargo will be run: rustup looks at that.
    let mut command = Command::new(&rustc);
    command.arg("-vV").current_dir(cache.parent().unwrap_or(cache));
    let Some(output) = command.output().ok().filter(|output| output.status.success()) else {
        return old.split_once('\n').map_or("", |(_, version)| version).to_owned();
    };
    let version = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = fs::create_dir_all(cache);
    let _ = fs::write(&kept, key + &version);
    version
}

/// The compiler's file; if that is rustup's, its settings and all of its compilers.
fn identity(rustc: &OsString) -> u64 {
    let mut hasher = DefaultHasher::new();
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).map(|directory| directory.join(rustc));
    let program = places.into_iter().find(|file| file.is_file());
    let home = env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let rustup = env::var_os("RUSTUP_HOME").map_or_else(|| home.join(".rustup"), PathBuf::from);
    rustc.hash(&mut hasher);
    env::var_os("RUSTUP_TOOLCHAIN").hash(&mut hasher);
    let toolchains = fs::read_dir(rustup.join("toolchains")).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> = toolchains.map(|entry| entry.path().join("bin/rustc")).collect();
    files.sort();
    for file in program.into_iter().chain([rustup.join("settings.toml")]).chain(files) {
        file.hash(&mut hasher);
        if let Ok(metadata) = file.metadata() {
            (metadata.len(), metadata.modified().ok()).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compiler_is_asked_once() {
        let directory = tempfile::tempdir().expect("a directory");
        let first = version(directory.path());
        assert!(first.starts_with("rustc "), "{first}");
        let kept = directory.path().join(".rustc");
        let text = fs::read_to_string(&kept).expect("kept");
        let (key, _) = text.split_once('\n').expect("a key");
        fs::write(&kept, format!("{key}\nanother")).expect("a file");
        assert_eq!(version(directory.path()), "another", "it was not asked again");
        fs::write(&kept, "0\nanother").expect("a file");
        assert_eq!(version(directory.path()), first, "another compiler's answer is none");
    }
}
