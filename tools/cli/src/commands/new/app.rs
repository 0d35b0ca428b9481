//! `unilith new app`

use super::names;
use super::skeleton::{Made, fill, quoted, shown};
use crate::args::{NewApp, NewKind};
use crate::error::{Error, Result};
use crate::output::print;
use crate::project;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The program of a Linux application that names none, and the package that has it.
const PROGRAM: (&str, &str) = ("/bin/busybox", "busybox-static");

pub fn app(args: &NewApp) -> Result {
    let name = &args.name;
    names::check("name", name)?;
    if args.kind != NewKind::Elf && (args.program.is_some() || !args.args.is_empty()) {
        return Err(Error::usage("--program and arguments of it are for --kind elf"));
    }
    let root = project::root()?;
    let (directory, inside) = place(&root, args)?;
    if directory.symlink_metadata().is_ok() {
        return Err(Error::usage(format!(
            "{}: there is something already; give another name, or --path DIR",
            shown(&directory)
        )));
    }
    let shown_directory = shown(&directory);
    let values = [("NAME", name.as_str()), ("DIR", &shown_directory)];
    let mut made = Made::default();
    let mut file = |name: &str, text: &str| made.file(&directory.join(name), text);
    match args.kind {
        NewKind::Rust => {
            names::check_crate(&root, name)?;
            let code = name.replace('-', "_");
            let manifest = manifest(&root, name, inside);
            let values = [("NAME", name.as_str()), ("DIR", &shown_directory), ("CRATE", &code)];
            file("unilith.toml", &fill(include_str!("templates/rust/unilith.toml"), &values))?;
            file("README.md", &fill(include_str!("templates/rust/README.md"), &values))?;
            file("Cargo.toml", &manifest)?;
            file("src/lib.rs", &fill(include_str!("templates/rust/lib.rs"), &values))?;
            let test = format!("tests/{code}.rs");
            file(&test, &fill(include_str!("templates/rust/test.rs"), &values))?;
        }
        NewKind::C => {
            file("unilith.toml", &fill(include_str!("templates/c/unilith.toml"), &values))?;
            file("README.md", &fill(include_str!("templates/c/README.md"), &values))?;
            file("main.c", &fill(include_str!("templates/c/main.c"), &values))?;
        }
        NewKind::Elf => {
            let lines = program_lines(args)?;
            let values = [values[0], values[1], ("PROGRAM", lines.as_str())];
            file("unilith.toml", &fill(include_str!("templates/elf/unilith.toml"), &values))?;
            file("README.md", &fill(include_str!("templates/elf/README.md"), &values))?;
        }
    }
    // What was made is read as `run` reads it.
    project::subject(&directory)?;
    made.keep();
    let mut text = String::new();
    made.files().for_each(|path| {
        let _ = writeln!(text, "made {}", shown(path));
    });
    let _ = writeln!(text, "run it: unilith run {shown_directory}");
    print(text)
}

/// The directory of the new application, and whether it is one of the checkout's.
fn place(root: &Path, args: &NewApp) -> Result<(PathBuf, bool)> {
    let absolute = |path: &Path| {
        let path = std::path::absolute(path).map_err(Error::failed)?;
        // The part that exists, without links and `..`.
        let known = path.ancestors().find(|part| part.is_dir()).unwrap_or(Path::new("/"));
        let rest = path.strip_prefix(known).unwrap_or(Path::new("")).to_owned();
        let known = known.canonicalize().map_err(Error::failed)?;
        if rest.components().any(|part| part.as_os_str() == "..") {
            return Err(Error::usage(format!(
                "--path {}: it leads through a directory that is not there",
                path.display()
            )));
        }
        // Joining nothing would add a slash.
        Ok(if rest.as_os_str().is_empty() { known } else { known.join(rest) })
    };
    let here = absolute(Path::new("."))?;
    let directory = match &args.path {
        Some(path) if path.as_os_str().is_empty() => {
            return Err(Error::usage("--path: give a directory"));
        }
        Some(path) => absolute(path)?,
        None if here.starts_with(root) => root.join("apps").join(&args.name),
        None => here.join(&args.name),
    };
    let apps = absolute(&root.join("apps"))?;
    let inside =
        directory.parent() == Some(&*apps) || directory.parent() == Some(&root.join("apps"));
    if directory.starts_with(root) && !inside {
        return Err(Error::usage(format!(
            "{}: in the checkout, applications are in apps/; leave out --path, or give a place outside",
            shown(&directory)
        )));
    }
    let known = directory.ancestors().skip(1).find(|part| part.symlink_metadata().is_ok());
    if let Some(file) = known.filter(|part| !part.is_dir()) {
        return Err(Error::usage(format!(
            "--path {}: {} is no directory; give another place",
            shown(&directory),
            shown(file)
        )));
    }
    Ok((directory, inside))
}

/// `Cargo.toml` of a native application: one of the checkout's workspace says less.
fn manifest(root: &Path, name: &str, inside: bool) -> String {
    let common = "version.workspace = true\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\n\n[lints]\nworkspace = true\n";
    let (package, libraries) = if inside {
        (common, PathBuf::from("../.."))
    } else {
        let alone = "version = \"0.1.0\"\nedition = \"2024\"\n\n# It stands alone, also below another workspace.\n[workspace]\n";
        (alone, root.to_owned())
    };
    let path = |library: &str| quoted(&libraries.join(library).to_string_lossy());
    let (print, platform) = (path("lib/core/print"), path("lib/core/platform"));
    let fakes = path("tests/fakes");
    let values = [
        ("NAME", name),
        ("PACKAGE", package.trim_end()),
        ("PRINT", print.trim()),
        ("PLATFORM", platform.trim()),
        ("FAKES", fakes.trim()),
    ];
    fill(include_str!("templates/rust/Cargo.toml"), &values)
}

/// The lines of `unilith.toml` about a Linux program that this machine has.
fn program_lines(args: &NewApp) -> Result<String> {
    let list = |args: &[String]| {
        let args: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
        format!("args = [{}]", args.join(", "))
    };
    let Some(path) = &args.program else {
        let (program, package) = PROGRAM;
        let greeting = ["echo".to_owned(), format!("Hello from {}!", args.name)];
        let arguments = list(if args.args.is_empty() { &greeting } else { &args.args });
        return Ok(format!("program = {program:?}\npackage = {package:?}\n{arguments}"));
    };
    // A mere name is looked up at every start; a path is not that of the application's directory.
    let here = std::env::current_dir().map_err(Error::failed)?;
    let found = project::find_program(&here, path);
    if !found.exists() {
        return Err(Error::usage(format!(
            "--program {}: there is no such program, neither here nor in PATH; give the path of one, or install it",
            path.display()
        )));
    }
    project::program(&found)?;
    let kept = if found.starts_with(&here) || path.components().count() > 1 {
        std::path::absolute(&found).map_err(Error::failed)?
    } else {
        path.clone()
    };
    let kept = kept.to_str().ok_or_else(|| {
        Error::usage(format!("{}: a path that is not UTF-8; rename it", kept.display()))
    })?;
    Ok(format!("program = {}\n{}", quoted(kept), list(&args.args)))
}
