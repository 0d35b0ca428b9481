//! Where the project is, and what an image of it is made of.

use crate::args::{Options, Platform, Target};
use crate::error::{Error, Result};
use crate::output::Working;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use unilith_image::app::{self, App, Kind};
use unilith_image::build::{self, Image};
use unilith_image::catalog::Catalog;
use unilith_image::compose::Configuration;
use unilith_image::program as c;
use unilith_kconfig::Tree;
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
    pub program: Option<Program>,
    /// The program is missing, and this package of the system has it.
    pub package: Option<String>,
}

/// A Linux program.
#[derive(Debug)]
pub struct Program {
    /// As the user named it.
    pub path: PathBuf,
    /// The linker that it needs.
    pub interpreter: Option<String>,
    /// The script that it is to run, if that is what the user named, and what comes before it.
    pub script: Option<(Vec<OsString>, PathBuf)>,
}

/// Finds out what `path` is: an application's directory, or a Linux program.
pub fn subject(path: &Path) -> Result<Subject> {
    if !path.is_dir() {
        let program = program(path)?;
        let app = App::elf(program.interpreter.is_some());
        return Ok(Subject { app, program: Some(program), package: None });
    }
    let mut app = App::load(path)?;
    let refuse = |why: &str| Err(Error::usage(format!("{}: {why}", path.join(APP_FILE).display())));
    if app.kind != Kind::C && (app.sources.is_some() || app.flags.is_some()) {
        return refuse("sources = and flags = are for kind = \"c\" only");
    }
    match (app.kind, &app.program) {
        (Kind::Elf, None) => refuse("kind = \"elf\" needs program = \"PATH\""),
        (Kind::Rust | Kind::C, Some(_)) => refuse("program = is for kind = \"elf\" only"),
        (Kind::Rust, None) => Ok(Subject { app, program: None, package: None }),
        (Kind::C, None) => {
            let dynamic = !app.flags().iter().any(|flag| flag.starts_with("-static"));
            if app.profile.is_none() && (dynamic || app.serves()) {
                app.profile = Some("server".to_owned());
            }
            Ok(Subject { app, program: None, package: None })
        }
        (Kind::Elf, Some(path)) => {
            let path = find_program(&app.directory, path);
            let package = app.package.clone().filter(|_| !path.exists());
            let found = if package.is_none() { Some(program(&path)?) } else { None };
            // What a system packages is dynamic.
            let dynamic = found.as_ref().is_none_or(|program| program.interpreter.is_some());
            if app.profile.is_none() && (dynamic || app.serves()) {
                app.profile = Some("server".to_owned());
            }
            Ok(Subject { app, program: found, package })
        }
    }
}

/// Compiles the program of `subject`, or installs it if it is missing and a package has it.
pub fn provide_program(subject: &mut Subject) -> Result<()> {
    if subject.app.kind == Kind::C {
        subject.program = Some(program(&compile(&subject.app)?)?);
    }
    let Some(package) = subject.package.take() else { return Ok(()) };
    let why = format!("it has the program of {}", subject.app.name);
    unilith_vmm::host::install(&[&package], &why).map_err(Error::failed)?;
    if let Some(path) = &subject.app.program {
        subject.program = Some(program(&find_program(&subject.app.directory, path))?);
    }
    Ok(())
}

/// Compiles the program of `app`, and installs the compiler first if there is none.
pub fn compile(app: &App) -> Result<PathBuf> {
    let compiler = c::compiler();
    if compiler == ["cc"] && unilith_vmm::host::find("cc").is_none() {
        let why = format!("it compiles the program of {}", app.name);
        unilith_vmm::host::install(&["gcc", "libc6-dev"], &why).map_err(Error::failed)?;
    }
    let mut working = Working::new(format!("compiling {}", app.name));
    Ok(c::compile(&root()?, app, &mut working)?)
}

/// Where the program of an application in `directory` is: a mere name is looked up, also where only root would look.
pub fn find_program(directory: &Path, path: &Path) -> PathBuf {
    let own = directory.join(path);
    if path.components().count() > 1 || own.exists() {
        return own;
    }
    let name = path.to_string_lossy();
    let further =
        ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(|place| Path::new(place).join(path));
    let found = unilith_vmm::host::find(&name);
    found.or_else(|| further.into_iter().find(|file| file.is_file())).unwrap_or(own)
}

/// Checks that `path` is a program that an image can run, and finds what runs it.
pub fn program(path: &Path) -> Result<Program> {
    use rootfs::Kind as K;
    const GIVE: &str = "give an application's directory or an x86-64 ELF program";
    let refuse = |why: &str| Err(Error::usage(format!("{}: {why}", path.display())));
    if !path.exists() {
        if let [name] = path.components().collect::<Vec<_>>()[..]
            && let Some(found) = unilith_vmm::host::find(&name.as_os_str().to_string_lossy())
        {
            return refuse(&format!("no such file; did you mean {}?", found.display()));
        }
        return refuse(
            "no such file; give the directory of an application (such as apps/hello) or a Linux program",
        );
    }
    let (mut runs, mut script) = (path.to_owned(), None);
    loop {
        match rootfs::sniff(&runs)? {
            K::ElfX86_64 { interpreter } => {
                return Ok(Program { path: runs, interpreter, script });
            }
            K::ElfOther { what } => {
                return refuse(&format!("{what}; this builds images for x86-64 programs"));
            }
            K::ElfTruncated { why } => {
                return refuse(&format!("a damaged ELF file ({why}); copy or build it again"));
            }
            K::Script { interpreter, argument } if script.is_none() => {
                let (next, before) = script_interpreter(&interpreter, argument);
                if !next.is_file() {
                    return refuse(&format!(
                        "a script for {}, which this machine lacks",
                        next.display()
                    ));
                }
                script = Some((before, runs));
                runs = next;
            }
            K::Script { .. } => {
                return refuse(
                    "a script whose interpreter is a script; run that one's interpreter",
                );
            }
            K::Text => return refuse(&format!("a text file; {GIVE}")),
            K::Cpio | K::Tar | K::Gzip => {
                return refuse("an archive; give a program, and the archive as --rootfs");
            }
            K::Empty => return refuse(&format!("an empty file; {GIVE}")),
            K::Directory => return refuse("a directory; give the path of an x86-64 ELF program"),
            K::Other => return refuse(&format!("not a program; {GIVE}")),
        }
    }
}

/// What runs a script, and its arguments before the script. `env` only looks a program up: that is
/// done here.
fn script_interpreter(interpreter: &str, argument: Option<String>) -> (PathBuf, Vec<OsString>) {
    if Path::new(interpreter).file_name().is_some_and(|name| name == "env")
        && let Some(text) = &argument
    {
        let (split, text) = match text.strip_prefix("-S") {
            Some(rest) => (true, rest.trim()),
            None => (false, text.as_str()),
        };
        let mut words: Vec<&str> =
            if split { text.split_whitespace().collect() } else { vec![text] };
        if !words.is_empty() && !words[0].starts_with('-') && !words[0].contains('=') {
            let name = words.remove(0);
            let path = unilith_vmm::host::find(name).unwrap_or_else(|| name.into());
            return (path, words.into_iter().map(OsString::from).collect());
        }
    }
    (interpreter.into(), argument.into_iter().map(OsString::from).collect())
}

/// The configuration's language, without any values.
pub fn tree(root: &Path) -> Result<Tree> {
    Tree::load(&root.join("Kconfig"), &BTreeMap::new()).map_err(Error::usage)
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
    let mut working = Working::new(format!("building {}", app.name));
    let image = build::build(&catalog, &configuration, app, &variant(options), &mut working)?;
    Ok((catalog, configuration, image))
}

/// Every set of overrides has an image of its own, so that going back and forth is free.
pub fn variant(options: &Options) -> String {
    if options.set.is_empty() {
        return String::new();
    }
    let mut hasher = DefaultHasher::new();
    options.set.hash(&mut hasher);
    format!("-{:08x}", hasher.finish() as u32)
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
