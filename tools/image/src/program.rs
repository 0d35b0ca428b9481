//! Programs of C sources: the compiler of this machine makes a Linux program of them, which then
//! travels in the root image like any other. One whose sources have not changed is not made again.

use crate::Error;
use crate::app::{self, App};
use crate::build::{hash_file, only_one};
use crate::cargo::Progress;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The C compiler and its first arguments: `$CC`, else `cc`.
pub fn compiler() -> Vec<String> {
    let given = std::env::var("CC").unwrap_or_default();
    let words: Vec<String> = given.split_whitespace().map(str::to_owned).collect();
    if words.is_empty() { vec!["cc".to_owned()] } else { words }
}

/// Compiles the program of `app` (`kind = "c"`) below `root`'s `build/` unless it is there and
/// nothing that it was made from has changed: sources, headers, flags, compiler. Tells its path.
///
/// # Errors
/// A source is missing, or the compiler cannot be started, or fails.
pub fn compile(root: &Path, app: &App, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
    let sources = app.sources();
    let toml = app.directory.join(app::FILE);
    if sources.is_empty() {
        return Err(Error::file(&toml, "sources = [] names nothing to compile"));
    }
    if let Some(missing) = sources.iter().find(|source| !app.directory.join(source).is_file()) {
        return Err(Error::file(
            &app.directory.join(missing),
            "no such file; kind = \"c\" compiles what sources = [...] of unilith.toml names, else main.c",
        ));
    }
    // Applications of one name in different places are different programs.
    let mut hasher = DefaultHasher::new();
    app.directory.hash(&mut hasher);
    let place = format!("{}-{:08x}", app.name, hasher.finish() as u32);
    let directory = root.join("build/programs").join(place);
    let program = directory.join(&app.name);
    let current = || {
        let stamp = fs::read_to_string(directory.join(".stamp")).unwrap_or_default();
        let (old, inputs) = stamp.split_once('\n').unwrap_or_default();
        program.is_file() && old == fingerprint(app, inputs)
    };
    if current() {
        return Ok(program);
    }
    let _lock = only_one(&directory, progress)?;
    if current() {
        return Ok(program);
    }
    progress.step("");
    // What is read is asked first: what changes while the compiler runs is newer than the stamp.
    let rules = run(app, &["-M".into()])?;
    let mut inputs = prerequisites(&String::from_utf8_lossy(&rules.stdout));
    inputs.extend(sources); // an object file or a library has no rule
    let inputs: String = inputs
        .into_iter()
        .map(|path| format!("{}\n", app.directory.join(path).display()))
        .collect();
    let stamp = format!("{}\n{inputs}", fingerprint(app, &inputs));
    let fresh = directory.join(format!(".new{}", std::process::id()));
    let output = run(app, &["-o".into(), fresh.clone().into()])?;
    let warnings = String::from_utf8_lossy(&output.stderr);
    if !warnings.trim().is_empty() {
        progress.warnings(warnings.trim_end());
    }
    fs::rename(&fresh, &program).map_err(Error::io(&program))?;
    let path = directory.join(".stamp");
    fs::write(&path, stamp).map_err(Error::io(&path))?;
    Ok(program)
}

/// Runs the compiler on the sources of `app`, in its directory: messages name files as the
/// application does.
fn run(app: &App, further: &[OsString]) -> Result<Output, Error> {
    let failed = |output: String| Error::Build { image: app.name.clone(), output };
    let words = compiler();
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]).args(further);
    for source in app.sources() {
        let plain = !source.as_os_str().as_encoded_bytes().starts_with(b"-");
        command.arg(if plain { source } else { Path::new(".").join(source) });
    }
    // Libraries stand behind what needs them.
    command.args(app.flags()).current_dir(&app.directory).stdin(Stdio::null());
    let output = command.output().map_err(|error| {
        failed(format!("{} cannot be started ({error}); install gcc, or set CC", words[0]))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = if said.trim().is_empty() { output.status.to_string() } else { said.into() };
        return Err(failed(said));
    }
    Ok(output)
}

/// What a program is made from: flags, compiler, and the time and size of every file in `inputs`,
/// one path a line.
fn fingerprint(app: &App, inputs: &str) -> String {
    let mut hasher = DefaultHasher::new();
    let compiler = compiler();
    (app.sources(), app.flags(), &compiler).hash(&mut hasher);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|place| place.join(&compiler[0]));
    let file = places.find(|file| file.is_file());
    for path in file.into_iter().chain(inputs.lines().map(PathBuf::from)) {
        path.hash(&mut hasher);
        hash_file(path.metadata().ok().as_ref(), &mut hasher);
    }
    format!("{:016x}", hasher.finish())
}

/// The files behind the colons of make's rules.
fn prerequisites(rules: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for rule in rules.replace("\\\n", " ").lines() {
        let Some((_, files)) = rule.split_once(':') else { continue };
        let mut word = String::new();
        let mut chars = files.chars().chain([' ']).peekable();
        while let Some(c) = chars.next() {
            match (c, chars.peek()) {
                ('\\', Some(' ' | '#' | '\\')) | ('$', Some('$')) => word.extend(chars.next()),
                (' ' | '\t', _) => {
                    if !word.is_empty() {
                        found.insert(PathBuf::from(std::mem::take(&mut word)));
                    }
                }
                _ => word.push(c),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_files() {
        let rules =
            "main.o: main.c /usr/include/stdio.h \\\n my\\ own.h a$$b.h\nx.o: x.c \\\n  d\\#.h\n";
        let want = ["/usr/include/stdio.h", "a$b.h", "d#.h", "main.c", "my own.h", "x.c"];
        assert_eq!(prerequisites(rules), want.map(PathBuf::from).into());
        assert!(prerequisites("no rule").is_empty());
    }

    /// An application with these files.
    fn app(directory: &Path, toml: &str, files: &[(&str, &str)]) -> App {
        let text = format!("name = \"sum\"\nkind = \"c\"\n{toml}");
        fs::write(directory.join(app::FILE), text).expect("a file");
        for (name, text) in files {
            fs::write(directory.join(name), text).expect("a file");
        }
        App::load(directory).expect("an application")
    }

    fn status(program: &Path) -> Option<i32> {
        Command::new(program).status().expect("it starts").code()
    }

    #[test]
    fn a_program_is_made_when_its_inputs_change() {
        let (root, dir) = (tempfile::tempdir().expect("it"), tempfile::tempdir().expect("it"));
        let main =
            "#include \"two words.h\"\nint other(void);\nint main(void) { return N + other(); }\n";
        let other = ("other.c", "int other(void) { return M; }\n");
        let files = [("main.c", main), other, ("two words.h", "#define N 3\n")];
        let toml = "sources = [\"main.c\", \"other.c\"]\n";
        let flags = |m: u8| format!("{toml}flags = [\"-DM={m}\"]\n");
        let sum = app(dir.path(), &flags(4), &files);
        let made = |app: &App| {
            let program = compile(root.path(), app, &mut ()).expect("it compiles");
            (program.metadata().expect("it").modified().expect("a time"), status(&program))
        };
        let first = made(&sum);
        assert_eq!(first.1, Some(7));
        assert_eq!(made(&sum), first, "nothing has changed");
        let second = made(&app(dir.path(), &flags(5), &[]));
        assert_eq!(second.1, Some(8));
        let third = made(&app(dir.path(), &flags(5), &[("two words.h", "#define N  10\n")]));
        assert_eq!(third.1, Some(15), "a header counts");

        let broken = app(dir.path(), "", &[("main.c", "int main(void) { return x; }\n")]);
        let error = compile(root.path(), &broken, &mut ()).expect_err("no program").to_string();
        assert!(error.starts_with("building sum failed\n"), "{error}");
        assert!(error.contains("main.c:1:") && error.contains("undeclared"), "{error}");
        let lacks = app(dir.path(), "sources = [\"none.c\"]\n", &[]);
        let error = compile(root.path(), &lacks, &mut ()).expect_err("no program").to_string();
        assert!(error.contains("none.c: no such file"), "{error}");
        let empty = app(dir.path(), "sources = []\n", &[]);
        assert!(compile(root.path(), &empty, &mut ()).is_err());
    }
}
