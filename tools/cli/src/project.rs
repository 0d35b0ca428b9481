//! Where the project is, and what an image of it is made of.

use crate::args::{Options, Platform, Target};
use crate::error::{Error, Result};
use crate::output::Working;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use unilith_image::app::{self, App, Kind};
use unilith_image::build::{self, Image};
use unilith_image::catalog::Catalog;
use unilith_image::compose::Configuration;
use unilith_rootfs::{self as rootfs};

/// The project's root: what the launcher says, else the place this program was built in.
pub fn root() -> Result<PathBuf> {
    let given = std::env::var_os("UNILITH_ROOT").map(PathBuf::from);
    let root = given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
    match root.canonicalize() {
        Ok(root) if root.join("Kconfig").is_file() => Ok(root),
        _ => Err(Error::failed(format!(
            "{}: not a checkout of Unilith; start this program by the `unilith` in a checkout",
            root.display()
        ))),
    }
}

/// An application, and its program if it is a Linux one.
pub struct Subject {
    pub app: App,
    pub program: Option<PathBuf>,
    /// The interpreter that the program needs.
    pub interpreter: Option<String>,
}

/// Finds out what `path` is: an application's directory, or a Linux program.
pub fn subject(path: &Path) -> Result<Subject> {
    if !path.is_dir() {
        let interpreter = program(path)?;
        return Ok(Subject { app: App::elf(), program: Some(path.to_owned()), interpreter });
    }
    let app = App::load(path)?;
    let refuse = |why: &str| Err(Error::usage(format!("{}: {why}", path.join(APP_FILE).display())));
    match (app.kind, &app.program) {
        (Kind::Elf, None) => refuse("kind = \"elf\" needs program = \"PATH\""),
        (Kind::Rust, Some(_)) => refuse("program = is for kind = \"elf\" only"),
        (Kind::Rust, None) => Ok(Subject { app, program: None, interpreter: None }),
        (Kind::Elf, Some(path)) => {
            let path = app.directory.join(path);
            let interpreter = program(&path)?;
            Ok(Subject { app, program: Some(path), interpreter })
        }
    }
}

/// Checks that `path` is a program that an image can run; the interpreter that it needs.
fn program(path: &Path) -> Result<Option<String>> {
    use rootfs::Kind as K;
    const GIVE: &str = "give an application's directory or an x86-64 ELF program";
    let refuse = |why: &str| Err(Error::usage(format!("{}: {why}", path.display())));
    if !path.exists() {
        return refuse(
            "no such file; give the directory of an application (such as apps/hello) or a Linux program",
        );
    }
    match rootfs::sniff(path)? {
        K::ElfX86_64 { interpreter } => Ok(interpreter),
        K::ElfOther { what } => refuse(&format!("{what}; this builds images for x86-64 programs")),
        K::ElfTruncated { why } => {
            refuse(&format!("a damaged ELF file ({why}); copy or build it again"))
        }
        K::Script { interpreter } => refuse(&format!(
            "a script; run its interpreter instead: unilith run {interpreter} --rootfs DIR -- SCRIPT"
        )),
        K::Text => refuse(&format!("a text file; {GIVE}")),
        K::Cpio | K::Tar | K::Gzip => {
            refuse("an archive; give a program, and the archive as --rootfs")
        }
        K::Empty => refuse(&format!("an empty file; {GIVE}")),
        K::Directory => refuse("a directory; give the path of an x86-64 ELF program"),
        K::Other => refuse(&format!("not a program; {GIVE}")),
    }
}

/// Resolves the configuration of `app`, for its own platform if none is given.
pub fn configure(root: &Path, app: &App, options: &Options) -> Result<Configuration> {
    let plat = options.plat.map(|plat| format!("{}=y", plat.symbol()));
    let overrides: Vec<String> = plat.into_iter().chain(options.set.iter().cloned()).collect();
    let configuration = Configuration::resolve(root, app, &overrides)?;
    if let Some(plat) = options.plat
        && configuration.value("PLATFORM") != plat.name()
    {
        return Err(Error::usage(format!(
            "--plat {} and --set contradict each other: leave out one of them",
            plat.name()
        )));
    }
    Ok(configuration)
}

/// Builds the image of `app`.
pub fn build(root: &Path, app: &App, options: &Options) -> Result<(Catalog, Configuration, Image)> {
    let catalog = Catalog::load(root)?;
    let configuration = configure(root, app, options)?;
    // Every set of overrides has an image of its own, so that going back and forth is free.
    let variant = if options.set.is_empty() {
        String::new()
    } else {
        let mut hasher = DefaultHasher::new();
        options.set.hash(&mut hasher);
        format!("-{:08x}", hasher.finish() as u32)
    };
    let mut working = Working::new(format!("building {}", app.name));
    let image = build::build(&catalog, &configuration, app, &variant, &mut working)?;
    Ok((catalog, configuration, image))
}

/// What a command that only builds does with its target.
pub fn build_target(target: &Target) -> Result<(Catalog, Image)> {
    let app = subject(&target.app)?.app;
    let (catalog, _, image) = build(&root()?, &app, &target.options)?;
    Ok((catalog, image))
}

/// A platform, and no symbols.
pub fn options(plat: Platform) -> Options {
    Options { plat: Some(plat), set: vec![] }
}

pub use app::FILE as APP_FILE;
