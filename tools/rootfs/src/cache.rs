//! Root images that are made once: an unchanged input needs no second writing.

use crate::{Error, Source, Tree};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufWriter, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Raised when the same input makes another image: old images are not taken for it.
const FORMAT: u32 = 2;
/// Images that a cache keeps.
const KEEP: usize = 16;
/// An image younger than this may be about to be loaded by another run: it stays in any case.
const YOUNG: Duration = Duration::from_secs(60);

/// What a root image is made of; what comes later replaces what came before.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// Directories and archives.
    pub sources: Vec<Source>,
    /// Single files: the guest's path, and the host's file.
    pub files: Vec<(String, PathBuf)>,
    /// A path that must be there in the end: the program's interpreter.
    pub needs: Option<String>,
}

/// The root image of `spec`, made if there is none in `cache` for inputs of these names, sizes
/// and times; `making` is called before one is made, which may take long.
///
/// # Errors
/// An input cannot be read or is damaged, what is needed is missing, or the cache cannot be
/// written.
pub fn cached_image(spec: &Spec, cache: &Path, making: impl FnOnce()) -> Result<PathBuf, Error> {
    let mut hasher = DefaultHasher::new();
    FORMAT.hash(&mut hasher);
    for source in &spec.sources {
        hash_path(source.path(), &mut hasher)?;
    }
    for (guest, host) in &spec.files {
        guest.hash(&mut hasher);
        hash_path(host, &mut hasher)?;
    }
    spec.needs.hash(&mut hasher);
    let image = cache.join(format!("{:016x}.cpio", hasher.finish()));
    if let Ok(found) = File::open(&image) {
        // Used, so not the next to be removed.
        let _ = found.set_modified(SystemTime::now());
        return Ok(image);
    }
    making();
    let mut tree = Tree::new();
    for source in &spec.sources {
        tree.add_source(source)?;
    }
    for (guest, host) in &spec.files {
        tree.insert_file(guest, host)?;
    }
    if let Some(path) = spec.needs.as_ref().filter(|path| !tree.contains(path)) {
        return Err(Error::Lacks { path: path.clone() });
    }
    fs::create_dir_all(cache).map_err(Error::io(cache))?;
    let fresh = cache.join(format!("new-{}", std::process::id()));
    let file = File::create(&fresh).map_err(Error::io(&fresh))?;
    let mut out = BufWriter::new(file);
    tree.write(&mut out).and_then(|()| out.flush().map_err(Error::io(&fresh))).inspect_err(
        |_| {
            let _ = fs::remove_file(&fresh);
        },
    )?;
    fs::rename(&fresh, &image).map_err(Error::io(&image))?;
    prune(cache);
    Ok(image)
}

/// A path, and everything below it: names, sizes, times, inodes.
fn hash_path(path: &Path, hasher: &mut DefaultHasher) -> Result<(), Error> {
    path.hash(hasher);
    let metadata = path.metadata().map_err(Error::io(path))?;
    hash_metadata(&metadata, hasher);
    if metadata.is_dir() {
        let mut open = vec![path.to_owned()];
        while let Some(directory) = open.pop() {
            let mut entries: Vec<_> = fs::read_dir(&directory)
                .and_then(Iterator::collect)
                .map_err(Error::io(&directory))?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let path = entry.path();
                let metadata = entry.metadata().map_err(Error::io(&path))?;
                entry.file_name().hash(hasher);
                hash_metadata(&metadata, hasher);
                if metadata.is_dir() {
                    open.push(path);
                }
            }
        }
    }
    Ok(())
}

fn hash_metadata(m: &fs::Metadata, hasher: &mut DefaultHasher) {
    (m.mode(), m.uid(), m.gid(), m.ino(), m.mtime(), m.mtime_nsec()).hash(hasher);
    if !m.is_dir() {
        m.size().hash(hasher);
    }
}

/// Removes the images beyond [`KEEP`] that were not used for longest. What cannot be removed stays.
fn prune(cache: &Path) {
    let images = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut images: Vec<_> = images
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "cpio"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    images.sort();
    let surplus = images.len().saturating_sub(KEEP);
    for (used, path) in &images[..surplus] {
        if used.elapsed().is_ok_and(|age| age > YOUNG) {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_made_once_and_again_after_a_change() {
        let dir = tempfile::tempdir().expect("a directory");
        let (root, cache) = (dir.path().join("root"), dir.path().join("cache"));
        fs::create_dir(&root).expect("a directory");
        fs::write(root.join("a"), b"one").expect("a file");
        let spec = Spec { sources: vec![Source::Directory(root.clone())], ..Spec::default() };
        let made = |spec: &Spec| cached_image(spec, &cache, || ());
        let first = made(&spec).expect("an image");
        let inode = first.metadata().expect("it").ino();
        assert_eq!(made(&spec).expect("an image"), first);
        assert_eq!(first.metadata().expect("it").ino(), inode);
        fs::write(root.join("a"), b"three").expect("a file");
        assert_ne!(made(&spec).expect("an image"), first);
        let needs = |path: &str| Spec { needs: Some(path.to_owned()), ..spec.clone() };
        made(&needs("/a")).expect("it is there");
        let lacks = made(&needs("/b")).expect_err("it is not");
        assert!(matches!(lacks, Error::Lacks { path } if path == "/b"));
    }
}
