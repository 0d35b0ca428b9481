//! Root images that are made once: an unchanged input needs no second gathering, and what comes
//! to the same files needs no second writing.

use crate::gather::Gatherer;
use crate::input::unchanged;
use crate::tree::{Content, What};
use crate::{Error, Source, Tree};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Raised when the same input makes another image: old images are not taken for it.
const FORMAT: u32 = 3;
/// Images that a cache keeps, and records of what they were made from.
const KEEP: usize = 16;
/// An image younger than this may be about to be loaded by another run: it stays in any case.
const YOUNG: Duration = Duration::from_secs(60);

/// What a root image is made of; what comes later replaces what came before.
#[derive(Clone, Debug, Default, Hash)]
pub struct Spec {
    /// Directories and archives.
    pub sources: Vec<Source>,
    /// Files and directories of the host.
    pub includes: Vec<Include>,
    /// The program.
    pub program: Option<Program>,
    /// Files that are there only for this guest: path and text. What is there already stays.
    pub texts: Vec<(String, String)>,
    /// Directories that must be there: where something is mounted.
    pub directories: Vec<String>,
    /// Whether what a C library reads of /etc belongs in it, even for a static program.
    pub etc: bool,
}

/// A file or directory of the host.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub struct Include {
    /// Where it is; absolute.
    pub host: PathBuf,
    /// The guest's path, if it is another.
    pub guest: Option<String>,
}

/// A program, and where its linker looks for libraries.
#[derive(Clone, Debug, Default, Hash)]
pub struct Program {
    /// Where it is; absolute.
    pub path: PathBuf,
    /// The linker that it names.
    pub interpreter: Option<String>,
    /// The guest's LD_LIBRARY_PATH.
    pub library_path: Vec<PathBuf>,
    /// The guest's LD_PRELOAD.
    pub preload: Vec<PathBuf>,
}

/// A root image that is there.
#[derive(Clone, Debug)]
pub struct RootImage {
    /// The archive.
    pub path: PathBuf,
    /// Libraries that were found on this machine.
    pub libraries: usize,
    /// Regular files, apart from libraries and the program.
    pub files: usize,
    /// What was left out, and why.
    pub notes: Vec<String>,
}

/// The root image of `spec`, made if there is none in `cache` for inputs of these names, sizes,
/// times and inodes; `making` is called before one is made, which may take long.
///
/// # Errors
/// An input cannot be read or is damaged, what is needed is missing, or the cache cannot be
/// written.
pub fn cached_image(spec: &Spec, cache: &Path, making: impl FnOnce()) -> Result<RootImage, Error> {
    let mut hasher = DefaultHasher::new();
    (FORMAT, spec).hash(&mut hasher);
    let record = cache.join(format!("{:016x}.made", hasher.finish()));
    if let Some(found) = recorded(&record, cache) {
        return Ok(found);
    }
    making();
    let mut tree = Tree::new();
    let mut found = gather(spec, &mut tree)?;
    found.path = cache.join(format!("{:016x}.cpio", fingerprint(&tree)));
    fs::create_dir_all(cache).map_err(Error::io(cache))?;
    if !used(&found.path) {
        replace(&found.path, |out| tree.write(out))?;
    }
    // What has just changed may change again without a trace: then the next run looks anew.
    if !tree.log.unsettled() {
        replace(&record, |out| {
            let io = Error::io(&record);
            let head = format!("{}\n{} {}\n", name(&found.path), found.libraries, found.files);
            let notes = found.notes.iter().map(|note| format!("{}\n", note.replace('\n', " ")));
            let head = head + &notes.collect::<String>() + "\n";
            out.write_all(head.as_bytes())
                .and_then(|()| out.write_all(&tree.log.to_bytes()))
                .map_err(io)
        })?;
    }
    prune(cache, "cpio");
    prune(cache, "made");
    Ok(found)
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Whether there is such a file; it counts as used now, so it is not the next to be removed.
fn used(path: &Path) -> bool {
    File::open(path).map(|file| file.set_modified(SystemTime::now())).is_ok()
}

/// The image of an earlier time, if nothing has changed since.
fn recorded(record: &Path, cache: &Path) -> Option<RootImage> {
    let bytes = fs::read(record).ok()?;
    let end = bytes.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, log) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 2..]);
    let mut lines = head.lines();
    let path = cache.join(lines.next()?);
    let (libraries, files) = lines.next()?.split_once(' ')?;
    let found = RootImage {
        path,
        libraries: libraries.parse().ok()?,
        files: files.parse().ok()?,
        notes: lines.map(str::to_owned).collect(),
    };
    (unchanged(log) && used(&found.path) && used(record)).then_some(found)
}

fn gather(spec: &Spec, tree: &mut Tree) -> Result<RootImage, Error> {
    for source in &spec.sources {
        tree.add_source(source)?;
    }
    // A root file system with the program's linker is a system of its own.
    let interpreter = spec.program.as_ref().and_then(|program| program.interpreter.as_ref());
    let whole = interpreter.is_some_and(|path| tree.contains(path));
    let mut plugins = Vec::new();
    for include in &spec.includes {
        plugins.extend(tree.include(&include.host, include.guest.as_deref())?);
    }
    let library_path = spec.program.as_ref().map_or(&[][..], |p| p.library_path.as_slice());
    if let Some(program) = &spec.program {
        tree.add_host_path(&program.path)?;
    }
    let mut gatherer = Gatherer::new(tree, library_path);
    if !whole {
        if let Some(program) = &spec.program {
            gatherer.program(&program.path, &program.preload)?;
        }
        gatherer.plugins(&plugins)?;
        if interpreter.is_some() || spec.etc {
            gatherer.c_library()?;
        }
    }
    let (libraries, notes) = (gatherer.libraries.len(), gatherer.notes);
    for directory in &spec.directories {
        tree.supply(directory, None);
    }
    for (path, text) in &spec.texts {
        tree.supply(path, Some(text));
    }
    let regular = tree.entries.values().filter(|entry| matches!(entry.what, What::File(_)));
    let others = libraries + usize::from(spec.program.is_some());
    let files = regular.count().saturating_sub(others);
    Ok(RootImage { path: PathBuf::new(), libraries, files, notes })
}

/// Tells a tree from another one.
fn fingerprint(tree: &Tree) -> u64 {
    let mut hasher = DefaultHasher::new();
    FORMAT.hash(&mut hasher);
    for (path, entry) in &tree.entries {
        path.hash(&mut hasher);
        (entry.mode, entry.uid, entry.gid, entry.mtime, entry.link, entry.mark).hash(&mut hasher);
        match &entry.what {
            What::Directory => 0.hash(&mut hasher),
            What::File(Content::Host(path, size)) => (1, path, size).hash(&mut hasher),
            What::File(Content::Bytes(bytes)) => (2, bytes).hash(&mut hasher),
            What::Link(target) => (3, target).hash(&mut hasher),
        }
    }
    hasher.finish()
}

/// Writes a file so that a reader sees all of it or none.
fn replace(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), Error>,
) -> Result<(), Error> {
    let fresh = path.with_extension(format!("new{}", std::process::id()));
    let mut out = BufWriter::new(File::create(&fresh).map_err(Error::io(&fresh))?);
    let written = write(&mut out)
        .and_then(|()| out.flush().map_err(Error::io(&fresh)))
        .and_then(|()| fs::rename(&fresh, path).map_err(Error::io(path)));
    written.inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

/// Removes the files of a kind beyond [`KEEP`] that were not used for longest. What cannot be
/// removed stays.
fn prune(cache: &Path, kind: &str) {
    let files = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut files: Vec<_> = files
        .filter(|entry| entry.path().extension().is_some_and(|e| e == kind))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(KEEP);
    for (used, path) in &files[..surplus] {
        if used.elapsed().is_ok_and(|age| age > YOUNG) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::os::unix::fs::MetadataExt;
    use std::thread::sleep;

    #[test]
    fn an_image_is_made_once_and_again_after_a_change() {
        let dir = tempfile::tempdir().expect("a directory");
        let (root, cache) = (dir.path().join("root"), dir.path().join("cache"));
        fs::create_dir_all(root.join("sub")).expect("a directory");
        fs::write(root.join("a"), b"one").expect("a file");
        let spec = Spec { sources: vec![Source::Directory(root.clone())], ..Spec::default() };
        let makings = Cell::new(0);
        let settle = || sleep(Duration::from_millis(60));
        let made = || {
            let image = cached_image(&spec, &cache, || makings.set(makings.get() + 1));
            image.expect("an image").path
        };
        settle();
        let first = made();
        let inode = first.metadata().expect("it").ino();
        assert_eq!((made(), makings.get()), (first.clone(), 1));
        assert_eq!(first.metadata().expect("it").ino(), inode);
        // A changed file, and a new one.
        fs::write(root.join("a"), b"two").expect("a file");
        settle();
        let second = made();
        assert_eq!((second != first, made(), makings.get()), (true, second.clone(), 2));
        fs::write(root.join("sub/b"), b"new").expect("a file");
        settle();
        let third = made();
        assert_eq!((third != second, makings.get()), (true, 3));
        // What has only just changed is looked at again.
        fs::write(root.join("a"), b"tri").expect("a file");
        let fourth = made();
        assert_eq!((fourth != third, made(), makings.get()), (true, fourth, 5));
    }

    #[test]
    fn programs_come_with_what_they_need() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = std::env::current_exe().expect("this test");
        let interpreter = Some("/lib64/ld-linux-x86-64.so.2".to_owned());
        let program = Program { path, interpreter, ..Program::default() };
        let mut spec = Spec { program: Some(program), ..Spec::default() };
        spec.texts.push(("/etc/resolv.conf".to_owned(), "nameserver 10.0.2.3\n".to_owned()));
        let image = cached_image(&spec, dir.path(), || ()).expect("an image");
        assert!(image.libraries >= 3 && image.files >= 2, "{image:?}");
        // A root file system with a linker is taken as it is.
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("lib64")).expect("a directory");
        fs::write(root.join("lib64/ld-linux-x86-64.so.2"), "x").expect("a file");
        spec.sources.push(Source::Directory(root));
        let image = cached_image(&spec, dir.path(), || ()).expect("an image");
        assert_eq!((image.libraries, image.files), (0, 2));
    }
}
