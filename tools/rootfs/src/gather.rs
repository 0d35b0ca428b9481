//! A dynamic program's libraries, found as its linker would find them (ld.so(8)), and the files
//! that the C library opens later.

use crate::dynamic::{self, Dynamic};
use crate::{Error, Tree, ldcache};
use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

const CACHE: &str = "/etc/ld.so.cache";
/// Where glibc's linker looks last, in Debian's order, then other distributions'.
const DIRECTORIES: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];
/// Variants of a library for newer processors; which one is loaded is the guest's matter.
const VARIANTS: [&str; 3] =
    ["glibc-hwcaps/x86-64-v4", "glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2"];
/// musl's linker: its directories, unless a file tells others.
const MUSL_PATH: &str = "/etc/ld-musl-x86_64.path";
const MUSL_DIRECTORIES: [&str; 3] = ["/lib", "/usr/local/lib", "/usr/lib"];
/// What a C library reads of /etc.
const ETC: [&str; 4] = ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/localtime"];
/// Names come from files: other sources would be services of this machine.
const NSSWITCH: &str = "passwd: files\ngroup: files\nhosts: files dns\nservices: files\n";
/// No program has that many: something goes round in circles.
const LIBRARIES_MAX: usize = 10_000;

/// Adds what programs and libraries need.
pub(crate) struct Gatherer<'a> {
    tree: &'a mut Tree,
    /// LD_LIBRARY_PATH of the guest.
    library_path: &'a [PathBuf],
    cache: Vec<u8>,
    musl: Option<Vec<PathBuf>>,
    /// Names that need not be looked for again.
    loaded: BTreeSet<String>,
    /// Libraries that were added, the linker among them.
    pub libraries: BTreeSet<PathBuf>,
    /// What was left out, and why.
    pub notes: Vec<String>,
    /// A library is where the linker looks only because its cache says so.
    by_cache: bool,
    open: VecDeque<Object>,
}

/// A loaded file whose needs are to be looked at.
struct Object {
    path: PathBuf,
    dynamic: Dynamic,
    /// The DT_RPATHs of those that led to it, expanded.
    rpaths: Vec<PathBuf>,
    /// Without what it needs it may still be of use: nobody has to load it.
    optional: bool,
}

impl<'a> Gatherer<'a> {
    pub fn new(tree: &'a mut Tree, library_path: &'a [PathBuf]) -> Self {
        tree.log.metadata(Path::new(CACHE));
        Self {
            tree,
            library_path,
            cache: fs::read(CACHE).unwrap_or_default(),
            musl: None,
            loaded: BTreeSet::new(),
            libraries: BTreeSet::new(),
            notes: Vec::new(),
            by_cache: false,
            open: VecDeque::new(),
        }
    }

    /// Adds the linker and libraries of `program`, which is in the tree already.
    pub fn program(&mut self, program: &Path, preload: &[PathBuf]) -> Result<(), Error> {
        let program = fs::canonicalize(program).map_err(Error::io(program))?;
        let Some(dynamic) = dynamic::read(&program, &mut self.tree.log)? else { return Ok(()) };
        let Some(interpreter) = dynamic.interpreter.clone() else { return Ok(()) };
        if self.tree.log.metadata(Path::new(&interpreter)).is_none() {
            return Err(Error::Lacks { path: interpreter });
        }
        let linker = self.tree.add_host_path(Path::new(&interpreter))?.host;
        self.libraries.insert(linker);
        let name = Path::new(&interpreter).file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("ld-musl") {
            // It is the C library, too.
            self.loaded.extend(["libc.so".to_owned(), "libc.musl-x86_64.so.1".to_owned()]);
            self.tree.log.metadata(Path::new(MUSL_PATH));
            let text = fs::read_to_string(MUSL_PATH);
            self.musl = Some(match text {
                Ok(text) => {
                    text.split([':', '\n']).filter(|d| !d.is_empty()).map(Into::into).collect()
                }
                Err(_) => MUSL_DIRECTORIES.map(PathBuf::from).into(),
            });
            if self.tree.log.metadata(Path::new(MUSL_PATH)).is_some() {
                self.tree.add_host_path(Path::new(MUSL_PATH))?;
            }
        }
        self.loaded.insert(name.into_owned());
        self.object(program.clone(), dynamic, &[], false);
        for library in preload {
            let name = library.to_string_lossy().into_owned();
            self.need(&name, &Object::none(&program))?;
        }
        self.close()
    }

    /// Adds what the libraries and programs among `files` need.
    pub fn plugins(&mut self, files: &[PathBuf]) -> Result<(), Error> {
        use std::os::unix::fs::PermissionsExt;
        for file in files {
            let named = file.file_name().unwrap_or_default().to_string_lossy().contains(".so");
            let mode = || file.metadata().is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
            if (named || mode())
                && let Some(dynamic) = dynamic::read(file, &mut self.tree.log)?
            {
                self.object(file.clone(), dynamic, &[], true);
            }
        }
        self.close()
    }

    /// Adds what the C library opens when it needs it, where this machine has it.
    pub fn c_library(&mut self) -> Result<(), Error> {
        for path in ETC {
            if !self.tree.contains(path) && self.tree.log.metadata(Path::new(path)).is_some() {
                self.tree.add_host_path(Path::new(path))?;
            }
        }
        let libc = self.libraries.iter().find_map(|path| {
            let name = path.file_name()?.to_str()?;
            name.starts_with("libc.so").then_some("libc.so").or(name.strip_prefix("libc-2."))
        });
        if let Some(version) = libc {
            self.tree.supply("/etc/nsswitch.conf", Some(NSSWITCH));
            // pthread_exit and thread cancellation unwind with it. Before version 2.34, names
            // were read from files by a library of its own.
            let older = version != "libc.so";
            let names = [Some("libgcc_s.so.1"), older.then_some("libnss_files.so.2")];
            for name in names.into_iter().flatten() {
                let nobody = Object { optional: true, ..Object::none(Path::new("/")) };
                let notes = self.notes.len();
                self.need(name, &nobody)?;
                self.notes.truncate(notes);
            }
            self.close()?;
        }
        if self.by_cache && !self.tree.contains(CACHE) {
            self.tree.add_host_path(Path::new(CACHE))?;
        }
        Ok(())
    }

    fn object(&mut self, path: PathBuf, dynamic: Dynamic, rpaths: &[PathBuf], optional: bool) {
        let mut own = Vec::new();
        if let Some(rpath) = dynamic.rpath.as_ref().filter(|_| dynamic.runpath.is_none()) {
            own = expand(rpath, &path);
        }
        own.extend_from_slice(rpaths);
        self.open.push_back(Object { path, dynamic, rpaths: own, optional });
    }

    fn close(&mut self) -> Result<(), Error> {
        while let Some(object) = self.open.pop_front() {
            for name in &object.dynamic.needed {
                self.need(name, &object)?;
            }
            if self.libraries.len() > LIBRARIES_MAX {
                return Err(Error::Guest {
                    path: object.path.display().to_string(),
                    why: "too many libraries",
                });
            }
        }
        Ok(())
    }

    /// Adds the library `name` for `object`, with its variants.
    fn need(&mut self, name: &str, object: &Object) -> Result<(), Error> {
        if !self.loaded.insert(name.to_owned()) {
            return Ok(());
        }
        let found = self.search(name, object)?;
        if found.is_empty() {
            let by = object.path.display().to_string();
            if object.optional {
                self.loaded.remove(name); // whoever must have it shall find out
                self.notes.push(format!("{by} needs {name}, which this machine lacks"));
                return Ok(());
            }
            return Err(Error::Library {
                name: name.to_owned(),
                by,
                hint: crate::hint::package(name),
            });
        }
        for (path, dynamic) in found {
            let placed = self.tree.add_host_path(&path)?;
            if self.libraries.insert(placed.host) {
                // $ORIGIN is the directory that the linker knows it by.
                self.object(path, dynamic, &object.rpaths, object.optional);
            }
        }
        Ok(())
    }

    /// Where the linker would load `name` from: the file, and its variants.
    fn search(&mut self, name: &str, object: &Object) -> Result<Vec<(PathBuf, Dynamic)>, Error> {
        if name.contains('/') {
            let path = expand(name, &object.path).remove(0);
            let path = if path.is_absolute() { path } else { Path::new("/").join(path) };
            return Ok(self.load(&path)?.map(|dynamic| (path, dynamic)).into_iter().collect());
        }
        let own = object.dynamic.runpath.as_ref();
        let mut places = Vec::new();
        if own.is_none() {
            places.extend(object.rpaths.iter().cloned());
        }
        places.extend(self.library_path.iter().cloned());
        places.extend(own.into_iter().flat_map(|runpath| expand(runpath, &object.path)));
        let found = self.search_in(&places, name)?;
        if !found.is_empty() || object.dynamic.no_default {
            return Ok(found);
        }
        if let Some(places) = self.musl.clone() {
            return self.search_in(&places, name);
        }
        for path in ldcache::lookup(&self.cache, name) {
            let Some(place) = path.parent().map(|place| {
                // The cache may lead to a variant; the plain one is wanted, too.
                let text = place.display().to_string();
                PathBuf::from(text.split("/glibc-hwcaps/").next().unwrap_or_default())
            }) else {
                continue;
            };
            let found = self.search_in(std::slice::from_ref(&place), name)?;
            if !found.is_empty() {
                self.by_cache |= !DIRECTORIES.iter().any(|known| place == Path::new(known));
                return Ok(found);
            }
        }
        self.search_in(&DIRECTORIES.map(PathBuf::from), name)
    }

    /// The first of `places` that has `name`, in whatever variants.
    fn search_in(
        &mut self,
        places: &[PathBuf],
        name: &str,
    ) -> Result<Vec<(PathBuf, Dynamic)>, Error> {
        for place in places {
            let mut found = Vec::new();
            for variant in VARIANTS.iter().copied().chain([""]) {
                let path = match variant {
                    "" => place.join(name),
                    variant => place.join(variant).join(name),
                };
                if let Some(dynamic) = self.load(&path)? {
                    found.push((path, dynamic));
                }
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
        Ok(vec![])
    }

    fn load(&mut self, path: &Path) -> Result<Option<Dynamic>, Error> {
        dynamic::read(path, &mut self.tree.log)
    }
}

impl Object {
    /// Somebody who needs something, and says nothing about where it is.
    fn none(path: &Path) -> Self {
        let (dynamic, rpaths) = (Dynamic::default(), vec![]);
        Self { path: path.to_owned(), dynamic, rpaths, optional: false }
    }
}

/// A list of directories, as `path` has it: `$ORIGIN` is where `path` is.
fn expand(list: &str, path: &Path) -> Vec<PathBuf> {
    let origin = path.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let texts = list.split(':').filter(|text| !text.is_empty());
    let place = |text: &str| {
        let text = text.replace("$ORIGIN", &origin).replace("${ORIGIN}", &origin);
        let text =
            text.replace("$LIB", "lib/x86_64-linux-gnu").replace("${LIB}", "lib/x86_64-linux-gnu");
        plain(Path::new(&text.replace("$PLATFORM", "x86_64").replace("${PLATFORM}", "x86_64")))
    };
    let mut places: Vec<PathBuf> = texts.map(place).collect();
    if places.is_empty() {
        places.push(PathBuf::from(OsStr::new("/")));
    }
    places
}

/// A path without `.`; `..` stay, for links may stand before them.
fn plain(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_directories_are_expanded() {
        let path = Path::new("/opt/app/bin/tool");
        let want = ["/opt/app/bin/../lib", "/usr/lib"].map(PathBuf::from);
        assert_eq!(expand("$ORIGIN/../lib:/usr/lib", path), want);
        assert_eq!(expand("${ORIGIN}", path), [PathBuf::from("/opt/app/bin")]);
    }

    #[test]
    fn this_test_has_its_linker_and_libraries() {
        let own = std::env::current_exe().expect("this test");
        let mut tree = Tree::new();
        let mut gatherer = Gatherer::new(&mut tree, &[]);
        gatherer.program(&own, &[]).expect("it runs, so it is whole");
        gatherer.c_library().expect("readable");
        let names: Vec<String> = (gatherer.libraries.iter())
            .map(|path| path.file_name().unwrap_or_default().to_string_lossy().into_owned())
            .collect();
        assert!(names.iter().any(|name| name.starts_with("ld-linux")), "{names:?}");
        assert!(names.iter().any(|name| name.starts_with("libc")), "{names:?}");
        for path in ["/lib64/ld-linux-x86-64.so.2", "/etc/passwd", "/etc/nsswitch.conf"] {
            assert!(tree.contains(path), "{path}");
        }
        assert!(!tree.contains(CACHE), "its directories are the linker's own");
    }

    /// What ld.so itself would load for `program`, without links.
    fn by_linker(program: &Path, library_path: &str) -> BTreeSet<PathBuf> {
        let output = std::process::Command::new("/lib64/ld-linux-x86-64.so.2")
            .arg("--list")
            .arg(program)
            .env("LD_LIBRARY_PATH", library_path)
            .output()
            .expect("the linker runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && !text.contains("not found"), "{text}");
        // `name => path (address)`, or `path (address)` for the linker itself.
        let words = text.lines().filter_map(|line| {
            let path = line.rsplit_once(" => ").map_or(line, |(_, path)| path);
            path.trim().split(' ').next().filter(|path| path.starts_with('/'))
        });
        words.filter_map(|path| fs::canonicalize(path).ok()).collect()
    }

    fn by_us(program: &Path, library_path: &[PathBuf]) -> BTreeSet<PathBuf> {
        let mut tree = Tree::new();
        let mut gatherer = Gatherer::new(&mut tree, library_path);
        gatherer.program(program, &[]).expect("a whole program");
        gatherer.libraries
    }

    #[test]
    fn the_linker_agrees_about_programs_of_the_system() {
        let mut compared = 0;
        for name in
            ["printf", "bash", "perl", "python3.11", "redis-server", "sqlite3", "git", "ssh"]
        {
            let program = Path::new("/usr/bin").join(name);
            if program.is_file() {
                assert_eq!(by_us(&program, &[]), by_linker(&program, ""), "{name}");
                compared += 1;
            }
        }
        assert!(compared >= 2);
        // A compiler is built with directories relative to itself.
        let output = std::process::Command::new("rustc").args(["--print", "sysroot"]).output();
        let sysroot = String::from_utf8(output.expect("rustc").stdout).expect("text");
        let rustc = Path::new(sysroot.trim()).join("bin/rustc");
        assert_eq!(by_us(&rustc, &[]), by_linker(&rustc, ""));
    }

    #[test]
    fn the_linker_agrees_about_directories() {
        let dir = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let at = |name: &str| dir.path().join(name);
        let compile = |args: &[&str]| {
            let mut cc = std::process::Command::new("cc");
            let status = cc.current_dir(dir.path()).args(args).status().expect("cc");
            assert!(status.success(), "cc {args:?}");
        };
        for place in ["own", "other", "inner"] {
            fs::create_dir(at(place)).expect("a directory");
        }
        fs::write(at("inner.c"), "int inner(void) { return 1; }").expect("a file");
        fs::write(at("outer.c"), "int inner(void); int outer(void) { return inner(); }")
            .expect("it");
        fs::write(at("main.c"), "int outer(void); int main(void) { return outer(); }").expect("it");
        for place in ["inner", "other"] {
            let library = format!("{place}/libinner.so");
            compile(&["-shared", "-o", &library, "inner.c", "-Wl,-soname,libinner.so"]);
        }
        compile(&["-shared", "-o", "own/libouter.so", "outer.c", "-Linner", "-linner"]);
        // DT_RPATH reaches the libraries of libraries; LD_LIBRARY_PATH comes after it.
        let rpath = "-Wl,--disable-new-dtags,-rpath,$ORIGIN/own:$ORIGIN/inner";
        let link = ["-Lown", "-louter", "-Wl,-rpath-link,inner"];
        compile(&[&["-o", "by-rpath", "main.c", rpath], &link[..]].concat());
        // DT_RUNPATH does not, and comes after it.
        let runpath = "-Wl,--enable-new-dtags,-rpath,$ORIGIN/own:$ORIGIN/inner";
        compile(&[&["-o", "by-runpath", "main.c", runpath], &link[..]].concat());
        let other = at("other").display().to_string();
        for (program, library_path, place) in [
            ("by-rpath", "", "inner"),
            ("by-rpath", other.as_str(), "inner"),
            ("by-runpath", other.as_str(), "other"),
        ] {
            let places: Vec<PathBuf> =
                library_path.split(':').filter(|p| !p.is_empty()).map(PathBuf::from).collect();
            let found = by_us(&at(program), &places);
            assert_eq!(found, by_linker(&at(program), library_path), "{program} {library_path}");
            assert!(found.contains(&at(place).join("libinner.so")), "{program}: {found:?}");
        }
        let mut tree = Tree::new();
        let mut gatherer = Gatherer::new(&mut tree, &[]);
        let missing = gatherer.program(&at("by-runpath"), &[]).expect_err("not found");
        let text = missing.to_string();
        assert!(text.contains("own/libouter.so needs libinner.so, which this machine"), "{text}");
    }
}
