//! Building: the image crate is written, cargo compiles it, the result is packed. An image whose
//! inputs have not changed is not even asked for.

use crate::app::{App, Kind};
use crate::cargo::{self, Progress};
use crate::catalog::{self, Catalog};
use crate::compose::{Composition, Configuration, compose};
use crate::{Error, pack, toolchain};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
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

/// Makes a directory of the build and has it for oneself until the file is dropped.
pub(crate) fn only_one(directory: &Path, progress: &mut dyn Progress) -> Result<File, Error> {
    fs::create_dir_all(directory).map_err(Error::io(directory))?;
    let lock = directory.join(".lock");
    let file = File::create(&lock).map_err(Error::io(&lock))?;
    if file.try_lock().is_err() {
        progress.step("waiting for another build of it");
        file.lock().map_err(Error::io(&lock))?;
    }
    Ok(file)
}

/// Builds the image of `app` in the configuration, and tells `progress` what takes long.
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
    progress: &mut dyn Progress,
) -> Result<Image, Error> {
    let name = image_name(configuration, app, variant);
    let composition = compose(catalog, configuration, app, &name)?;
    let directory = catalog.root.join("build").join(&name);
    let image = directory.join("image");
    let debug_image = directory.join("image.debug");
    let stamp = directory.join(".stamp");
    let linked = catalog.root.join("build/target/x86_64-unknown-linux-gnu/release").join(&name);
    let inputs = directory.join(".inputs");
    let current = || {
        let further = fs::read_to_string(&inputs).unwrap_or_default();
        let fingerprint = fingerprint(catalog, app, &composition, &further);
        let done = fs::read_to_string(&stamp).is_ok_and(|old| old == fingerprint)
            && image.is_file()
            && debug_image.is_file();
        (done, fingerprint)
    };
    let mut up_to_date = current().0;
    if !up_to_date {
        // Whoever waited may find the work done.
        let _lock = only_one(&directory, progress)?;
        up_to_date = current().0;
        if !up_to_date {
            let _ = fs::remove_file(&stamp);
            let before = current().1;
            write_crate(catalog, &directory, &composition)?;
            cargo::build(&directory, &name, progress)?;
            let bytes = fs::read(&linked).map_err(Error::io(&linked))?;
            let packed =
                pack::pack(&bytes, composition.link.paged).map_err(|e| Error::file(&linked, e))?;
            replace(&debug_image, &bytes)?;
            replace(&image, &packed)?;
            let found = further_inputs(catalog, app, &linked);
            let fresh = fs::read_to_string(&inputs).is_ok_and(|old| old == found);
            replace(&inputs, found.as_bytes())?;
            // What changed while cargo ran makes a stamp that nothing will match.
            replace(&stamp, if fresh { before } else { current().1 }.as_bytes())?;
        }
    }
    let bytes = fs::read(&image).map_err(Error::io(&image))?;
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

/// What there is of an image that nobody asks to build now.
#[derive(Clone, Debug)]
pub enum Last {
    /// It was not built.
    Nothing,
    /// It was built, in another configuration or from another state of the libraries' bindings.
    Other,
    /// It was built in this configuration; sources may have changed since.
    Built {
        /// The image with its symbols.
        debug_image: PathBuf,
        /// Size of the image proper.
        bytes: u64,
    },
}

/// What is left of the last [`build`] with the same arguments. Builds and writes nothing.
///
/// # Errors
/// The image cannot be composed.
pub fn last(
    catalog: &Catalog,
    configuration: &Configuration,
    app: &App,
    variant: &str,
) -> Result<Last, Error> {
    let name = image_name(configuration, app, variant);
    let composition = compose(catalog, configuration, app, &name)?;
    let directory = catalog.root.join("build").join(&name);
    let debug_image = directory.join("image.debug");
    let Ok(image) = directory.join("image").metadata() else { return Ok(Last::Nothing) };
    if !debug_image.is_file() {
        return Ok(Last::Nothing);
    }
    // The stamp is there only if the last build came to its end.
    let same = directory.join(".stamp").is_file()
        && files(&composition).into_iter().all(|(file, text)| {
            fs::read_to_string(directory.join(file)).is_ok_and(|old| old == *text)
        });
    Ok(if same { Last::Built { debug_image, bytes: image.len() } } else { Last::Other })
}

fn image_name(configuration: &Configuration, app: &App, variant: &str) -> String {
    let (platform, arch) = (configuration.value("PLATFORM"), configuration.value("ARCH"));
    format!("{}-{platform}-{arch}{variant}", app.name)
}

/// Writes a file so that a reader sees the old or the new one, and marks it executable.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    use std::os::unix::fs::PermissionsExt;
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    fs::write(&fresh, bytes)
        .and_then(|()| fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)))
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(Error::io(path))
}

/// Everything that an image is made from: the crate's text, and every source file's time and size.
fn fingerprint(catalog: &Catalog, app: &App, composition: &Composition, further: &str) -> String {
    let mut hasher = DefaultHasher::new();
    for text in [&composition.manifest, &composition.cargo_config, &composition.main] {
        text.hash(&mut hasher);
    }
    env!("CARGO_PKG_VERSION").hash(&mut hasher);
    toolchain::version(&catalog.root.join("build")).hash(&mut hasher);
    for (place, _) in catalog::PLACES {
        hash_tree(&catalog.root.join(place), &mut hasher);
    }
    if app.kind == Kind::Rust {
        hash_tree(&app.directory, &mut hasher);
    }
    for path in further.lines() {
        path.hash(&mut hasher);
        hash_file(Path::new(path).metadata().ok().as_ref(), &mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// Sources that cargo used and that are in none of the places that are looked through anyway:
/// an application may be written against crates of its own. One path a line.
fn further_inputs(catalog: &Catalog, app: &App, linked: &Path) -> String {
    // Makefile syntax: `target: source source`, spaces in names escaped.
    let rules = fs::read_to_string(linked.with_extension("d")).unwrap_or_default();
    let sources = rules.split_once(": ").map_or("", |(_, sources)| sources.trim_end());
    let sources = sources.replace("\\ ", "\0");
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let places = catalog::PLACES.map(|(place, _)| real(&catalog.root.join(place)));
    let seen = |path: &Path| {
        // A link in a place may lead out of it.
        let path = real(path);
        places.iter().any(|place| path.starts_with(place))
            || path.starts_with(catalog.root.join("build"))
            || path.starts_with(&app.directory)
    };
    let mut paths = BTreeSet::from([catalog.root.join("Cargo.toml")]);
    for source in sources.split(' ').map(|source| PathBuf::from(source.replace('\0', " "))) {
        if source.is_absolute() && !seen(&source) {
            let manifest = source.ancestors().map(|dir| dir.join("Cargo.toml"));
            paths.extend(manifest.into_iter().find(|file| file.is_file()));
            paths.insert(source);
        }
    }
    paths.iter().map(|path| format!("{}\n", path.display())).collect()
}

pub(crate) fn hash_file(metadata: Option<&fs::Metadata>, hasher: &mut DefaultHasher) {
    let modified = metadata.and_then(|m| m.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    (modified, metadata.map(fs::Metadata::len)).hash(hasher);
}

fn hash_tree(directory: &Path, hasher: &mut DefaultHasher) {
    let mut entries: Vec<_> = fs::read_dir(directory).into_iter().flatten().flatten().collect();
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        if name == "target" || name == "tests" || name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        name.hash(hasher);
        if kind.is_dir() {
            hash_tree(&entry.path(), hasher);
        } else {
            // Of a symbolic link, what it leads to; a directory is not followed, for there are
            // circles.
            hash_file(entry.path().metadata().ok().as_ref(), hasher);
        }
    }
}

/// The files of the image crate.
fn files(composition: &Composition) -> [(&'static str, &String); 4] {
    [
        ("Cargo.toml", &composition.manifest),
        (".cargo/config.toml", &composition.cargo_config),
        ("src/main.rs", &composition.main),
        (".config", &composition.config),
    ]
}

fn write_crate(
    catalog: &Catalog,
    directory: &Path,
    composition: &Composition,
) -> Result<(), Error> {
    for (file, text) in files(composition) {
        let path = directory.join(file);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent))?;
        }
        // An unchanged file keeps its time, so cargo sees no change either.
        if fs::read_to_string(&path).is_ok_and(|old| old == *text) {
            continue;
        }
        fs::write(&path, text).map_err(Error::io(&path))?;
    }
    // The versions of the project's own lock file.
    let lock = directory.join("Cargo.lock");
    if !lock.exists() {
        let _ = fs::copy(catalog.root.join("Cargo.lock"), lock);
    }
    Ok(())
}
