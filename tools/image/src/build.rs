//! Building: the image crate is written, cargo compiles it, the result is packed. An image whose
//! inputs have not changed is not even asked for.

use crate::app::App;
use crate::catalog::Catalog;
use crate::compose::{Composition, Configuration, compose};
use crate::{Error, pack};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::UNIX_EPOCH;

/// A built image.
#[derive(Clone, Debug)]
pub struct Image {
    /// What the monitor loads.
    pub image: PathBuf,
    /// The same with debugging information.
    pub debug_image: PathBuf,
    /// Size of `image`.
    pub bytes: u64,
    /// `qemu`, `linux`.
    pub platform: String,
    /// `x86_64`.
    pub arch: String,
    /// The image crate.
    pub directory: PathBuf,
    /// Bytes of memory that the image occupies once loaded.
    pub memory: u64,
    /// Whether anything had to be done.
    pub rebuilt: bool,
}

/// Builds the image of `app` in the configuration; `verbose` shows cargo's progress.
///
/// `variant` tells configurations of one application apart: the directory's name ends with it.
///
/// # Errors
/// See [`Error`].
pub fn build(
    catalog: &Catalog,
    configuration: &Configuration,
    app: &App,
    variant: &str,
    verbose: bool,
) -> Result<Image, Error> {
    let name = format!(
        "{}-{}-{}{variant}",
        app.name,
        configuration.value("PLATFORM"),
        configuration.value("ARCH")
    );
    let composition = compose(catalog, configuration, app, &name)?;
    let directory = catalog.root.join("build").join(&name);
    let image = directory.join("image");
    let debug_image = directory.join("image.debug");
    let stamp = directory.join(".stamp");
    let fingerprint = format!("{:016x}", fingerprint(catalog, app, &composition));
    let up_to_date = fs::read_to_string(&stamp).is_ok_and(|old| old == fingerprint)
        && image.is_file()
        && debug_image.is_file();
    if !up_to_date {
        let _ = fs::remove_file(&stamp);
        write_crate(catalog, &directory, &composition)?;
        compile(&directory, &name, verbose)?;
        let linked = catalog.root.join("build/target/x86_64-unknown-linux-gnu/release").join(&name);
        let bytes = fs::read(&linked).map_err(|e| Error::file(&linked, e))?;
        let packed =
            pack::pack(&bytes, composition.link.paged).map_err(|e| Error::file(&linked, e))?;
        replace(&debug_image, &bytes)?;
        replace(&image, &packed)?;
        replace(&stamp, fingerprint.as_bytes())?;
    }
    let bytes = fs::read(&image).map_err(|e| Error::file(&image, e))?;
    Ok(Image {
        memory: pack::memory(&bytes).map_err(|e| Error::file(&image, e))?,
        bytes: bytes.len() as u64,
        image,
        debug_image,
        platform: composition.platform,
        arch: composition.arch,
        directory,
        rebuilt: !up_to_date,
    })
}

/// Writes a file so that a reader sees the old or the new one, and marks it executable.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&fresh, bytes)
        .and_then(|()| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|e| Error::file(path, e))
}

/// Everything that an image is made from: the crate's text, and every source file's time and size.
fn fingerprint(catalog: &Catalog, app: &App, composition: &Composition) -> u64 {
    let mut hasher = DefaultHasher::new();
    for text in [&composition.manifest, &composition.cargo_config, &composition.main] {
        text.hash(&mut hasher);
    }
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    for place in ["arch", "plat", "drivers", "lib"] {
        hash_tree(&catalog.root.join(place), &mut hasher);
    }
    if !app.directory.as_os_str().is_empty() {
        hash_tree(&app.directory, &mut hasher);
    }
    hasher.finish()
}

fn hash_tree(directory: &Path, hasher: &mut DefaultHasher) {
    let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name == "target" || name == "tests" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        name.hash(hasher);
        if metadata.is_dir() {
            hash_tree(&entry.path(), hasher);
        } else {
            let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            (modified, metadata.len()).hash(hasher);
        }
    }
}

fn write_crate(
    catalog: &Catalog,
    directory: &Path,
    composition: &Composition,
) -> Result<(), Error> {
    for (file, text) in [
        ("Cargo.toml", &composition.manifest),
        (".cargo/config.toml", &composition.cargo_config),
        ("src/main.rs", &composition.main),
        (".config", &composition.config),
    ] {
        let path = directory.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::file(parent, e))?;
        }
        // An unchanged file keeps its time, so cargo sees no change either.
        if fs::read_to_string(&path).is_ok_and(|old| &old == text) {
            continue;
        }
        fs::write(&path, text).map_err(|e| Error::file(&path, e))?;
    }
    // The versions of the project's own lock file.
    let lock = directory.join("Cargo.lock");
    if !lock.exists() {
        let _ = fs::copy(catalog.root.join("Cargo.lock"), lock);
    }
    Ok(())
}

fn compile(directory: &Path, name: &str, verbose: bool) -> Result<(), Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release"]).current_dir(directory).stdin(Stdio::null());
    // Settings of whoever called us are not the image's.
    for variable in [
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "CARGO_BUILD_TARGET",
        "RUSTC_WRAPPER",
    ] {
        command.env_remove(variable);
    }
    let failed = |output: String| Error::Build { image: name.to_owned(), output };
    if verbose {
        command.arg("--quiet").env("CARGO_TERM_PROGRESS_WHEN", "auto").stdout(Stdio::null());
        command.args(["--config", "term.quiet=false"]);
        let status = command.status().map_err(|e| failed(format!("cargo: {e}")))?;
        return if status.success() { Ok(()) } else { Err(failed("see above".to_owned())) };
    }
    let output = command.output().map_err(|e| failed(format!("cargo: {e}")))?;
    if output.status.success() {
        Ok(())
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}
