//! Files of the host at the same path in the guest, with the links that lead to them.

use crate::Error;
use crate::tree::{Components, Content, Entry, LINKS_MAX, Tree, What, components, entry};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// Where the guest has file systems of its own: files there would be hidden behind them ...
const MOUNTED: [&str; 4] = ["/tmp", "/dev", "/proc", "/sys"];
/// ... so they are below this directory instead.
const ELSEWHERE: &str = "/program";

/// Where the guest has what is at `path`, an absolute path of this machine.
pub fn guest_path(path: &Path) -> PathBuf {
    match path.strip_prefix("/") {
        Ok(inside) if MOUNTED.iter().any(|place| path.starts_with(place)) => {
            Path::new(ELSEWHERE).join(inside)
        }
        _ => path.to_owned(),
    }
}

/// A file of the host without links in its path, and where the guest has it.
pub(crate) struct Placed {
    pub host: PathBuf,
    pub guest: Components,
}

/// The parts of a path, last one first.
fn parts(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

impl Tree {
    /// Adds the file or (empty) directory at `path`, absolute, and every link on the way to it.
    /// Where the tree has a directory instead of the host's link, the file goes there.
    pub(crate) fn add_host_path(&mut self, path: &Path) -> Result<Placed, Error> {
        let io =
            |kind: std::io::ErrorKind| Error::Io { path: path.to_owned(), source: kind.into() };
        let (mut host, mut guest) = (PathBuf::from("/"), Components::new());
        let mut open: Vec<OsString> = parts(path).collect();
        let mut links = 0;
        while let Some(part) = open.pop() {
            if part == ".." {
                host.pop();
                guest.pop();
                continue;
            }
            let here = host.join(&part);
            if host == Path::new("/") {
                guest = components(guest_path(&here).as_os_str().as_bytes());
                guest.pop();
            }
            guest.push(part.into_encoded_bytes());
            let metadata = self.log.symlink_metadata(&here);
            let metadata = metadata.ok_or_else(|| io(std::io::ErrorKind::NotFound))?;
            if metadata.is_symlink() {
                links += 1;
                if links > LINKS_MAX {
                    return Err(io(std::io::ErrorKind::InvalidInput));
                }
                let target = fs::read_link(&here).map_err(Error::io(&here))?;
                let text = if target.is_absolute() { guest_path(&target) } else { target.clone() };
                let text = text.into_os_string().into_encoded_bytes();
                match self.entries.get(&guest) {
                    None => self.insert(guest.clone(), entry(What::Link(text), &metadata)),
                    Some(Entry { what: What::Link(known), .. }) if *known == text => {}
                    Some(_) => {
                        // The root file system has something of its own here.
                        host = fs::canonicalize(&here).map_err(Error::io(&here))?;
                        continue;
                    }
                }
                guest.pop();
                if target.is_absolute() {
                    (host, guest) = (PathBuf::from("/"), Components::new());
                }
                open.extend(parts(&target));
                continue;
            }
            guest = self.follow(guest).ok_or_else(|| io(std::io::ErrorKind::InvalidInput))?;
            if metadata.is_dir() {
                if !self.entries.contains_key(&guest) {
                    self.insert(guest.clone(), entry(What::Directory, &metadata));
                }
            } else if metadata.is_file() {
                fs::File::open(&here).map_err(Error::io(&here))?; // readable, or said now
                let content = Content::Host(here.clone(), metadata.len());
                self.insert(guest.clone(), entry(What::File(content), &metadata));
            } else {
                return Err(Error::Guest {
                    path: path.display().to_string(),
                    why: "neither a file nor a directory",
                });
            }
            host = here;
        }
        Ok(Placed { host, guest })
    }

    /// Adds `host`, a file or directory with everything below it, at the guest's path `guest`, or
    /// where it is on this machine. Links stay links, and what they lead to is added too, or put
    /// in their place where the paths differ. Returns the files.
    pub(crate) fn include(
        &mut self,
        host: &Path,
        guest: Option<&str>,
    ) -> Result<Vec<PathBuf>, Error> {
        let mut files = Vec::new();
        let mut open = vec![(host.to_owned(), guest.map(str::to_owned))];
        let mut done: Vec<PathBuf> = Vec::new();
        while let Some((path, to)) = open.pop() {
            let placed = match &to {
                None => self.add_host_path(&path)?,
                Some(to) => {
                    let host = fs::canonicalize(&path).map_err(Error::io(&path))?;
                    let guest = self.follow(components(to.as_bytes())).ok_or(Error::Guest {
                        path: to.clone(),
                        why: "links go round in circles",
                    })?;
                    if self.log.metadata(&host).is_some_and(|m| m.is_file()) {
                        self.insert_file(to, &host)?;
                    }
                    Placed { host, guest }
                }
            };
            if placed.host.is_file() {
                files.push(placed.host);
                continue;
            }
            if done.iter().any(|known| placed.host.starts_with(known)) {
                continue;
            }
            done.push(placed.host.clone());
            let outside = self.add_below(&placed.host, &placed.guest, &mut files)?;
            for (link, target) in outside {
                let around = placed.host.starts_with(&target); // it would contain itself
                match (&to, fs::canonicalize(&target)) {
                    (_, Err(_)) => {} // leads nowhere here either
                    (None, Ok(_)) if !around => open.push((target, None)),
                    (Some(to), Ok(target)) if target.is_file() => {
                        let inside = link.strip_prefix(&placed.host).unwrap_or(&link);
                        let path = format!("{to}/{}", inside.display());
                        self.entries.remove(&components(path.as_bytes()));
                        open.push((target, Some(path)));
                    }
                    _ => {}
                }
            }
        }
        Ok(files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn text(path: &Components) -> String {
        path.iter().map(|part| format!("/{}", String::from_utf8_lossy(part))).collect()
    }

    fn paths(tree: &Tree) -> Vec<String> {
        let kind = |entry: &Entry| match &entry.what {
            What::Directory => "/".to_owned(),
            What::File(_) => String::new(),
            What::Link(to) => format!(" -> {}", String::from_utf8_lossy(to)),
        };
        tree.entries.iter().map(|(path, entry)| text(path) + &kind(entry)).collect()
    }

    #[test]
    fn links_on_the_way_stay_links() {
        let dir = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::create_dir_all(at("usr/lib/deep")).expect("a directory");
        symlink("usr/lib", at("lib")).expect("a link");
        symlink("deep/real", at("usr/lib/name")).expect("a link");
        symlink(at("lib/name"), at("absolute")).expect("a link");
        fs::write(at("usr/lib/deep/real"), "x").expect("a file");
        let mut tree = Tree::new();
        let placed = tree.add_host_path(&at("absolute")).expect("it");
        assert_eq!(placed.host, at("usr/lib/deep/real").canonicalize().expect("it"));
        assert_eq!(text(&placed.guest), placed.host.display().to_string());
        let base = dir.path().display().to_string();
        let below: Vec<String> = paths(&tree)
            .iter()
            .filter_map(|path| path.strip_prefix(&base).map(|path| path.replace(&base, "@")))
            .collect();
        let want = [
            "/",
            "/absolute -> @/lib/name",
            "/lib -> usr/lib",
            "/usr/",
            "/usr/lib/",
            "/usr/lib/deep/",
            "/usr/lib/deep/real",
            "/usr/lib/name -> deep/real",
        ];
        assert_eq!(below, want);
        // A root file system without such a link.
        let mut tree = Tree::new();
        let lib = components(at("lib/x").as_os_str().as_bytes());
        let metadata = fs::metadata("/").expect("it");
        tree.insert(lib, entry(What::Directory, &metadata));
        let placed = tree.add_host_path(&at("lib/deep/real")).expect("it");
        assert_eq!(text(&placed.guest), format!("{base}/lib/deep/real"));
        assert!(tree.add_host_path(&at("missing")).is_err());
    }

    #[test]
    fn what_would_be_hidden_is_elsewhere() {
        let dir = tempfile::tempdir_in("/tmp").expect("a directory");
        fs::write(dir.path().join("real"), "x").expect("a file");
        symlink(dir.path().join("real"), dir.path().join("link")).expect("a link");
        let mut tree = Tree::new();
        let link = dir.path().join("link");
        tree.add_host_path(&link).expect("it");
        let guest = guest_path(&link);
        assert!(guest.starts_with("/program/tmp"));
        assert!(tree.contains(guest.to_str().expect("text")));
        assert!(tree.contains(&format!("/program{}/real", dir.path().display())));
    }

    #[test]
    fn directories_bring_what_their_links_lead_to() {
        let dir = tempfile::tempdir_in("/var/tmp").expect("a directory");
        let at = |name: &str| dir.path().join(name);
        for place in ["in/sub", "out/more"] {
            fs::create_dir_all(at(place)).expect("a directory");
        }
        fs::write(at("in/sub/file"), "x").expect("a file");
        fs::write(at("out/file"), "x").expect("a file");
        fs::write(at("out/more/file"), "x").expect("a file");
        symlink("../out/file", at("in/link")).expect("a link");
        symlink(at("out/more"), at("in/more")).expect("a link");
        symlink("..", at("in/sub/up")).expect("a link");
        symlink("/", at("in/root")).expect("a link");
        symlink("nowhere", at("in/broken")).expect("a link");
        let base = dir.path().display().to_string();
        let mut tree = Tree::new();
        let files = tree.include(&at("in"), None).expect("readable");
        assert_eq!(files.len(), 3);
        let has = |tree: &Tree, path: &str| tree.contains(&format!("{base}/{path}"));
        for path in ["in/sub/file", "in/link", "in/more/file", "in/sub/up/sub/file"] {
            assert!(has(&tree, path), "{path}");
        }
        assert!(!has(&tree, "in/broken") && !tree.contains("/usr/bin"));
        let mut tree = Tree::new();
        tree.include(&at("in"), Some("/srv/www")).expect("readable");
        for path in ["/srv/www/sub/file", "/srv/www/link"] {
            assert!(tree.contains(path), "{path}: {:?}", paths(&tree));
        }
        let mut tree = Tree::new();
        tree.include(&at("in/sub/file"), Some("/etc/other")).expect("readable");
        assert!(tree.contains("/etc/other"));
    }
}
