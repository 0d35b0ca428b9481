//! Where the project is, and what an image of it is made of.

use crate::args::{Platform, Target};
use crate::error::{Error, Result};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use unilith_image::app::{self, App, Kind};
use unilith_image::build::{self, Image};
use unilith_image::catalog::Catalog;
use unilith_image::compose::Configuration;
use unilith_rootfs::{self as rootfs};

/// The project's root: what the launcher says, else the place this program was built in.
pub fn root() -> Result<PathBuf> {
    if let Some(root) = std::env::var_os("UNILITH_ROOT") {
        return Ok(root.into());
    }
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    built.canonicalize().map_err(|error| {
        Error::failed(format!("{}: {error}; start this program by ./unilith", built.display()))
    })
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
    use rootfs::Kind as K;
    let kind = rootfs::sniff(path).map_err(|_| {
        Error::usage(format!(
            "{}: no such file; give the directory of an application (such as apps/hello) or a Linux program",
            path.display()
        ))
    })?;
    let refuse = |why: &str| Err(Error::usage(format!("{}: {why}", path.display())));
    let interpreter = match kind {
        K::Directory => {
            let app = App::load(path)?;
            let program = app.program.clone().map(|p| app.directory.join(p));
            if app.kind == Kind::Elf && program.is_none() {
                return refuse("kind = \"elf\" needs program = \"PATH\" in unilith.toml");
            }
            return Ok(match program {
                Some(program) => {
                    let inner = subject(&program)?;
                    Subject { app, program: Some(program), interpreter: inner.interpreter }
                }
                None => Subject { app, program: None, interpreter: None },
            });
        }
        K::ElfX86_64 { interpreter, .. } => interpreter,
        K::ElfOther { machine } => {
            return refuse(&format!("a program for {machine}; this builds images for x86-64"));
        }
        K::ElfTruncated { why } => {
            return refuse(&format!("a damaged ELF file ({why}); copy or build it again"));
        }
        K::Script { interpreter } => {
            return refuse(&format!(
                "a script; run its interpreter instead: unilith run {interpreter} --rootfs DIR -- SCRIPT"
            ));
        }
        K::Text => {
            return refuse("a text file; give an application's directory or an x86-64 ELF program");
        }
        K::Cpio | K::Tar | K::Gzip => {
            return refuse("an archive; give a program, and the archive as --rootfs");
        }
        K::Empty => {
            return refuse(
                "an empty file; give an application's directory or an x86-64 ELF program",
            );
        }
        K::Other => return refuse("neither an application's directory nor an x86-64 ELF program"),
    };
    Ok(Subject { app: App::elf(), program: Some(path.to_owned()), interpreter })
}

/// Resolves the configuration of `app` for a platform.
pub fn configure(root: &Path, app: &App, plat: Platform, set: &[String]) -> Result<Configuration> {
    let overrides: Vec<String> =
        std::iter::once(format!("{}=y", plat.symbol())).chain(set.iter().cloned()).collect();
    Ok(Configuration::resolve(root, app, &overrides)?)
}

/// Builds the image of `app`.
pub fn build(
    root: &Path,
    app: &App,
    plat: Platform,
    set: &[String],
    verbose: bool,
) -> Result<(Catalog, Configuration, Image)> {
    let catalog = Catalog::load(root)?;
    let configuration = configure(root, app, plat, set)?;
    // Every set of overrides has an image of its own, so that going back and forth is free.
    let variant = if set.is_empty() {
        String::new()
    } else {
        let mut hasher = DefaultHasher::new();
        set.hash(&mut hasher);
        format!("-{:08x}", hasher.finish() as u32)
    };
    let image = build::build(&catalog, &configuration, app, &variant, verbose)?;
    Ok((catalog, configuration, image))
}

/// What a command that only builds does with its target.
pub fn build_target(target: &Target) -> Result<(PathBuf, App, Catalog, Configuration, Image)> {
    let root = root()?;
    let app = subject(&target.app)?.app;
    let plat = target.plat.unwrap_or(Platform::Qemu);
    let (catalog, configuration, image) = build(&root, &app, plat, &target.set, on_terminal())?;
    Ok((root, app, catalog, configuration, image))
}

/// Whether long steps may show their progress.
pub fn on_terminal() -> bool {
    use std::io::IsTerminal;
    std::io::stderr().is_terminal()
}

pub use app::FILE as APP_FILE;
