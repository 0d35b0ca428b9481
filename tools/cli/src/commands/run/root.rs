//! The root file system of a run.

use super::plan::Plan;
use crate::args::Run;
use crate::error::{Error, Result};
use crate::output::{Working, say};
use crate::project::Subject;
use std::cell::Cell;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use unilith_image::cargo::Progress;
use unilith_rootfs::{Include, Program, RootImage, Source, Spec, cached_image};
use unilith_vmm::Network;
use unilith_vmm::devices::USER_DNS;

/// Notes about what was left out that are shown; there may be hundreds.
const NOTES_MAX: usize = 5;

/// `path` as an absolute one; without `..`, which would mean something else among the guest's
/// directories.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path).map_err(Error::failed)?;
    if path.components().any(|part| part.as_os_str() == "..") {
        let failed = |error| Error::failed(format!("{}: {error}", path.display()));
        return path.canonicalize().map_err(failed);
    }
    Ok(path)
}

/// A program's place in the guest: where it is on this machine, if that can be.
pub fn guest_path(path: &Path) -> Result<String> {
    let path = unilith_rootfs::guest_path(&absolute(path)?);
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::usage(format!("{}: a path that is not UTF-8; rename it", path.display()))
    })
}

/// `PATH` or `PATH:GUESTPATH`, where relative paths are of `base`.
fn include(text: &str, base: &Path) -> Result<Include> {
    let wrong = |why: &str| Err(Error::usage(format!("--include {text}: {why}")));
    let (host, guest) = match text.rsplit_once(':') {
        Some((host, guest)) if !base.join(text).exists() => (host, Some(guest)),
        _ => (text, None),
    };
    let path = base.join(host);
    if host.is_empty() {
        return wrong("give PATH[:GUESTPATH], such as site:/srv/www");
    }
    if !path.exists() {
        return wrong(&format!("there is no {}", path.display()));
    }
    if guest.is_some_and(|guest| !guest.starts_with('/') || guest.contains("..")) {
        return wrong("the guest's path starts with / and has no ..");
    }
    let host = absolute(&path)?;
    let kept = unilith_rootfs::guest_path(&host) == host;
    if guest.is_none() && !kept {
        let name = path.file_name().unwrap_or_default().display();
        return wrong(&format!(
            "the guest has a file system of its own there; say where it goes: --include {host}:/{name}",
            host = path.display()
        ));
    }
    if guest.is_none() && host == Path::new("/") {
        return wrong("that is all of this machine; give --rootfs /, or a part of it");
    }
    Ok(Include { host, guest: guest.map(str::to_owned) })
}

/// What is to be in the root file system.
fn spec(
    args: &Run,
    subject: &Subject,
    plan: &Plan,
    env: &[(Vec<u8>, Vec<u8>)],
) -> Result<Option<Spec>> {
    let app = &subject.app;
    let configured = app.rootfs.as_ref().map(|path| app.directory.join(path));
    let source = args.rootfs.clone().or(configured);
    let mut spec = Spec::default();
    if let Some(path) = &source {
        spec.sources.push(Source::detect(path)?);
    }
    for text in &app.include {
        spec.includes.push(include(text, &app.directory)?);
    }
    for text in &args.include {
        spec.includes.push(include(text, Path::new(""))?);
    }
    if let Some(program) = &subject.program {
        if let Some((_, script)) = &program.script {
            spec.includes.push(Include { host: absolute(script)?, guest: None });
        }
        let list = |name: &[u8], separators: &[u8]| -> Vec<PathBuf> {
            let value = env.iter().find(|(known, _)| known == name);
            let value = value.map(|(_, value)| value.as_slice()).unwrap_or_default();
            let parts = value.split(|byte| separators.contains(byte));
            let parts = parts.filter(|part| !part.is_empty());
            parts.map(|part| std::ffi::OsStr::from_bytes(part).into()).collect()
        };
        spec.program = Some(Program {
            path: absolute(&program.path)?,
            interpreter: program.interpreter.clone(),
            library_path: list(b"LD_LIBRARY_PATH", b":;"),
            preload: list(b"LD_PRELOAD", b": "),
        });
    }
    if source.is_none() && spec.program.is_none() && spec.includes.is_empty() {
        return Ok(None);
    }
    spec.directories = plan.devices.volumes.iter().map(|volume| volume.guest.clone()).collect();
    if matches!(plan.devices.network, Some(Network::User(_))) {
        spec.etc = subject.program.is_some();
        spec.texts.push(("/etc/resolv.conf".to_owned(), format!("nameserver {USER_DNS}\n")));
    }
    Ok(Some(spec))
}

/// The root file system with the program in it, from the cache if nothing has changed.
pub fn image(
    root: &Path,
    args: &Run,
    subject: &Subject,
    plan: &Plan,
    env: &[(Vec<u8>, Vec<u8>)],
) -> Result<Option<PathBuf>> {
    let Some(spec) = spec(args, subject, plan, env)? else { return Ok(None) };
    let made = Cell::new(false);
    let mut working = Working::new("packing the root file system");
    let image = cached_image(&spec, &root.join("build/rootfs"), || {
        working.step("");
        made.set(true);
    });
    drop(working);
    let image = match (image, &subject.program) {
        (Err(unilith_rootfs::Error::Lacks { path }), Some(program)) => {
            return Err(Error::usage(format!(
                "{}: a dynamic program that needs {path}, which neither this machine nor the root file system has; give --rootfs a directory that has it and the libraries, or a statically linked program",
                program.path.display()
            )));
        }
        (result, _) => result?,
    };
    if !args.quiet && (image.libraries > 0 || !spec.includes.is_empty()) {
        tell(&image, spec.program.as_ref(), made.get())?;
    }
    Ok(Some(image.path))
}

/// One line about what is in it; and what is not, when it has just been made.
fn tell(image: &RootImage, program: Option<&Program>, made: bool) -> Result<()> {
    let count = |n: usize, one: &str, many: &str| match n {
        0 => None,
        1 => Some(format!("1 {one}")),
        n => Some(format!("{n} {many}")),
    };
    let bytes = image.path.metadata().map_err(Error::failed)?.len();
    let parts = [
        program.map(|program| program.path.display().to_string()),
        count(image.libraries, "library", "libraries"),
        count(image.files, "file", "files"),
        Some(format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    say(format_args!("unilith: root image: {}", parts.join(", ")));
    if made {
        image.notes.iter().take(NOTES_MAX).for_each(|note| say(format_args!("unilith: {note}")));
        if let Some(more) = image.notes.len().checked_sub(NOTES_MAX).filter(|&more| more > 0) {
            say(format_args!("unilith: and {more} more that are not complete"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_are_a_path_or_two() {
        let base = Path::new("/usr");
        let found = include("bin:/opt/bin", base).expect("it is there");
        assert_eq!(found, Include { host: "/usr/bin".into(), guest: Some("/opt/bin".into()) });
        assert_eq!(include("/etc", base).expect("it").guest, None);
        for bad in ["nothing", "bin:opt", "bin:/../x", "", "/tmp", "/"] {
            assert!(include(bad, base).is_err(), "{bad}");
        }
    }
}
