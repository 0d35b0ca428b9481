//! The cpio format "newc" (Linux, `Documentation/driver-api/early-userspace/buffer-format.rst`).

use crate::Error;
use crate::tree::{self, Content, Entry, Link, Tree, What};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

const HEADER: usize = 110;
const TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
/// Content of at least a page starts at a page of the archive, so that a guest can map it where
/// it is.
const PAGE: u64 = 4096;
/// Bytes of a name, NULs included, that Linux takes: entries with longer ones it leaves out.
const PATH_MAX: u64 = 4096;
/// The name of the entry that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Fields of a header, by number.
const INO: usize = 0;
const MODE: usize = 1;
const UID: usize = 2;
const GID: usize = 3;
const NLINK: usize = 4;
const MTIME: usize = 5;
const FILESIZE: usize = 6;
const DEVICE: [usize; 2] = [7, 8];
const NAMESIZE: usize = 11;
const FIELDS: usize = 13;

/// Reads an archive into `tree`.
pub fn read(tree: &mut Tree, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut at = 0;
    // The content of a file with several names stands with one of them, mostly the last.
    let mut contents: BTreeMap<Link, Content> = BTreeMap::new();
    while at < bytes.len() {
        if bytes[at] == 0 {
            at += 1; // padding between archives
            continue;
        }
        let fail = |why| Error::Cpio { path: path.to_owned(), offset: at, why };
        let header =
            bytes.get(at..at + HEADER).ok_or_else(|| fail("an entry's header is cut off"))?;
        if !header.starts_with(b"070701") && !header.starts_with(b"070702") {
            return Err(fail("this is no entry of a cpio archive (newc)"));
        }
        let mut fields = [0u32; FIELDS];
        for (field, text) in fields.iter_mut().zip(header[6..].chunks_exact(8)) {
            let text =
                std::str::from_utf8(text).map_err(|_| fail("a number is not hexadecimal"))?;
            *field =
                u32::from_str_radix(text, 16).map_err(|_| fail("a number is not hexadecimal"))?;
        }
        let name_end = at + HEADER + fields[NAMESIZE] as usize;
        let name =
            bytes.get(at + HEADER..name_end).ok_or_else(|| fail("an entry's name is cut off"))?;
        let name = name.split(|&b| b == 0).next().unwrap_or_default();
        let start = name_end.next_multiple_of(4);
        let end = start + fields[FILESIZE] as usize;
        let content = bytes.get(start..end).ok_or_else(|| fail("an entry's content is cut off"))?;
        let parts: Vec<Vec<u8>> = name
            .split(|&b| b == b'/')
            .filter(|part| !part.is_empty() && *part != b".")
            .map(<[u8]>::to_vec)
            .collect();
        if parts.iter().any(|part| part == b"..") {
            return Err(fail("a name leads out of the archive"));
        }
        let what = match fields[MODE] & TYPE {
            DIRECTORY => Some(What::Directory),
            REGULAR => Some(What::File(Content::Bytes(content.into()))),
            LINK => Some(What::Link(content.to_vec())),
            _ => None,
        };
        let is_root = parts.is_empty();
        let what = what.filter(|what| !is_root || matches!(what, What::Directory));
        if let Some(what) = what.filter(|_| name != TRAILER) {
            let link = (fields[MODE] & TYPE == REGULAR && fields[NLINK] > 1).then(|| {
                let [major, minor] = DEVICE.map(|field| u64::from(fields[field]));
                (tree.sources, major << 32 | minor, fields[INO].into())
            });
            if let (Some(link), What::File(content), true) = (link, &what, start < end) {
                contents.insert(link, content.clone());
            }
            tree.insert(
                parts,
                Entry {
                    what,
                    mode: fields[MODE] & 0o7777,
                    uid: fields[UID],
                    gid: fields[GID],
                    mtime: fields[MTIME],
                    link,
                    mark: 0,
                },
            );
        }
        at = end.next_multiple_of(4);
    }
    for entry in tree.entries.values_mut() {
        if let Some(content) = entry.link.and_then(|link| contents.get(&link)) {
            entry.what = What::File(content.clone());
        }
    }
    Ok(())
}

/// The names of a file with several.
struct Names<'a> {
    count: u32,
    /// The one that the content stands with.
    last: &'a [Vec<u8>],
    /// The inode, once one of them has been written.
    ino: Option<u32>,
}

impl Tree {
    /// Writes the tree as a cpio archive: sorted, every directory before what is in it.
    ///
    /// # Errors
    /// A file of the host cannot be read, or has another size by now.
    pub fn write(&self, out: &mut impl Write) -> Result<(), Error> {
        let mut names: BTreeMap<Link, Names<'_>> = BTreeMap::new();
        for (path, entry) in &self.entries {
            if let Some(link) = entry.link {
                let names = names.entry(link).or_insert(Names { count: 0, last: path, ino: None });
                names.count += 1;
                names.last = path;
            }
        }
        let root = self.entries.get(&[][..]).unwrap_or(&tree::DIRECTORY);
        let mut fields = [0; FIELDS];
        fields[MODE] = DIRECTORY | root.mode;
        (fields[UID], fields[GID], fields[MTIME]) = (root.uid, root.gid, root.mtime);
        fields[NLINK] = 1;
        let mut writer = Writer { out, at: 0, ino: 1, root: fields };
        for (path, entry) in &self.entries {
            let names = entry.link.and_then(|link| names.get_mut(&link));
            writer.entry(path, entry, names)?;
        }
        let to_archive = Error::io(Path::new("the root image"));
        writer.header([0; FIELDS], TRAILER, 0).map_err(to_archive)?;
        writer.pad().map_err(Error::io(Path::new("the root image")))
    }
}

struct Writer<'a, W> {
    out: &'a mut W,
    at: u64,
    ino: u32,
    /// The root directory's header.
    root: [u32; FIELDS],
}

impl<W: Write> Writer<'_, W> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn pad(&mut self) -> io::Result<()> {
        let zeros = [0; 4];
        let missing = (4 - self.at % 4) % 4;
        self.put(&zeros[..missing as usize])
    }

    /// Writes a header and a name with `nuls` more bytes behind it than the one that ends it.
    /// Readers take a name to end at its first NUL (Linux's `gen_init_cpio -a` writes the same).
    fn header(&mut self, mut fields: [u32; FIELDS], name: &[u8], nuls: u64) -> io::Result<()> {
        fields[NAMESIZE] = name.len() as u32 + 1 + nuls as u32;
        let mut header = String::from("070701");
        fields.iter().for_each(|field| header.push_str(&format!("{field:08x}")));
        self.put(header.as_bytes())?;
        self.put(name)?;
        self.put(&[0; PAGE as usize + 1][..=nuls as usize])?;
        self.pad()
    }

    /// The bytes that are missing until content behind a header and a name of `len` bytes would
    /// start at a page.
    fn missing(&self, len: usize) -> u64 {
        let start = (self.at + (HEADER + len + 1) as u64).next_multiple_of(4);
        start.next_multiple_of(PAGE) - start
    }

    fn entry(
        &mut self,
        path: &[Vec<u8>],
        entry: &Entry,
        names: Option<&mut Names<'_>>,
    ) -> Result<(), Error> {
        let name = if path.is_empty() { b".".to_vec() } else { path.join(&b'/') };
        let archive = |source| Error::Io { path: "the root image".into(), source };
        let (kind, size) = match &entry.what {
            What::Directory => (DIRECTORY, 0),
            What::File(Content::Host(_, size)) => (REGULAR, *size),
            What::File(Content::Bytes(bytes)) => (REGULAR, bytes.len() as u64),
            What::Link(target) => (LINK, target.len() as u64),
        };
        let size = u32::try_from(size).map_err(|_| Error::Guest {
            path: String::from_utf8_lossy(&name).into_owned(),
            why: "a cpio archive holds files below 4 GiB",
        })?;
        let mut fields = [0; FIELDS];
        let mut with_content = true;
        fields[INO] = self.ino;
        fields[NLINK] = 1;
        if let Some(names) = names {
            fields[INO] = *names.ino.get_or_insert(self.ino);
            fields[NLINK] = names.count;
            with_content = names.last == path;
        }
        self.ino += 1;
        fields[MODE] = kind | entry.mode;
        fields[UID] = entry.uid;
        fields[GID] = entry.gid;
        fields[MTIME] = entry.mtime;
        fields[FILESIZE] = if with_content { size } else { 0 };
        let mut nuls = 0;
        if with_content && kind == REGULAR && u64::from(size) >= PAGE {
            nuls = self.missing(name.len());
            if name.len() as u64 + 1 + nuls > PATH_MAX {
                // Too much for one name: the root directory comes once more, to take a part.
                let mut fields = self.root;
                fields[INO] = self.ino;
                self.ino += 1;
                self.header(fields, b".", PATH_MAX / 2).map_err(archive)?;
                nuls = self.missing(name.len());
                if name.len() as u64 + 1 + nuls > PATH_MAX {
                    nuls = 0; // a path of thousands of bytes: its content is copied
                }
            }
        }
        self.header(fields, &name, nuls).map_err(archive)?;
        match &entry.what {
            _ if !with_content => {}
            What::Directory => {}
            What::File(Content::Bytes(bytes)) => self.put(bytes).map_err(archive)?,
            What::Link(target) => self.put(target).map_err(archive)?,
            What::File(Content::Host(path, size)) => {
                let file = File::open(path).map_err(Error::io(path))?;
                let copied = io::copy(&mut file.take(*size), self.out).map_err(Error::io(path))?;
                if copied != *size {
                    let changed = io::Error::other("the file became shorter while it was read");
                    return Err(Error::Io { path: path.clone(), source: changed });
                }
                self.at += copied;
            }
        }
        self.pad().map_err(archive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use unilith_fs_api::FileType;

    fn sample() -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("usr/bin")).expect("a directory");
        symlink("usr/bin", at("bin")).expect("a link");
        std::fs::write(at("usr/bin/tool"), b"tool").expect("a file");
        std::fs::write(at("big"), vec![7; 10_000]).expect("a file");
        std::fs::hard_link(at("usr/bin/tool"), at("tool")).expect("a hard link");
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o710)).expect("mine");
        let mut tree = Tree::new();
        tree.add_source(&crate::Source::Directory(dir.path().to_owned())).expect("readable");
        (dir, tree)
    }

    fn archive(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        tree.write(&mut bytes).expect("memory");
        bytes
    }

    #[test]
    fn the_guest_reads_what_was_written() {
        let (dir, mut tree) = sample();
        // `bin` is a link: the file goes where it leads.
        tree.insert_file("/bin/added", &dir.path().join("big")).expect("a place");
        assert!(tree.contains("/usr/bin/added") && tree.contains("/bin/tool"));
        assert!(!tree.contains("/bin/none"));
        let root = unilith_cpio::root(archive(&tree).leak()).expect("a sound archive");
        let usr = root.lookup(b"usr").expect("usr");
        assert_eq!(usr.metadata().file_type, FileType::Directory);
        let tool = root.lookup(b"tool").expect("tool").metadata();
        assert_eq!((tool.links, tool.size), (2, 4));
        let file = usr.lookup(b"bin").and_then(|d| d.lookup(b"added")).expect("the added file");
        let mut content = vec![0; 20_000];
        assert_eq!(file.read_at(0, &mut content).expect("readable"), 10_000);
        assert!(content[..10_000].iter().all(|&b| b == 7));
    }

    /// The entries of an archive as Linux's unpacker sees them (init/initramfs.c): name and
    /// where the content starts.
    fn unpack(bytes: &[u8]) -> Vec<(String, usize, usize)> {
        let mut found = Vec::new();
        let mut at = 0;
        loop {
            assert!(bytes[at..].starts_with(b"070701"), "no header at {at}");
            let number = |field: usize| {
                let text = &bytes[at + 6 + field * 8..][..8];
                usize::from_str_radix(std::str::from_utf8(text).expect("text"), 16).expect("hex")
            };
            let (name_len, size) = (number(NAMESIZE), number(FILESIZE));
            assert!(name_len <= 4096, "Linux leaves this entry out");
            let name = &bytes[at + HEADER..][..name_len];
            assert_eq!(name[name_len - 1], 0);
            let name = name.split(|&b| b == 0).next().expect("a name");
            let name = String::from_utf8(name.to_vec()).expect("text");
            let start = (at + HEADER + name_len).next_multiple_of(4);
            if name.as_bytes() == TRAILER {
                return found;
            }
            found.push((name, start, size));
            at = (start + size).next_multiple_of(4);
        }
    }

    #[test]
    fn pages_of_files_are_pages_of_the_archive() {
        let dir = tempfile::tempdir().expect("a directory");
        // Names and sizes of all sorts, so that both ways to fill a gap are taken.
        for i in 0..300_usize {
            let name = format!("{i:03}{}", "n".repeat(i * 7 % 240));
            std::fs::write(dir.path().join(name), vec![i as u8; i * 131]).expect("a file");
        }
        let mut tree = Tree::new();
        tree.add_source(&crate::Source::Directory(dir.path().to_owned())).expect("readable");
        let bytes = archive(&tree);
        let entries = unpack(&bytes);
        assert!(entries.iter().filter(|entry| entry.0 == ".").count() > 1, "both ways");
        let files: Vec<_> = entries.iter().filter(|entry| entry.0 != ".").collect();
        assert_eq!(files.len(), 300);
        for (i, (name, start, size)) in files.into_iter().enumerate() {
            assert_eq!(*size, i * 131, "{name}");
            assert!(bytes[*start..][..*size].iter().all(|&byte| byte == i as u8), "{name}");
            assert!(*size < 4096 || start % 4096 == 0, "{name} starts at {start}");
        }
        // The guest's reader and this one agree.
        let mut again = Tree::new();
        read(&mut again, Path::new("x"), &bytes).expect("sound");
        assert_eq!(archive(&again), bytes);
        let root = unilith_cpio::root(bytes.leak()).expect("a sound archive");
        let last = root.lookup(format!("299{}", "n".repeat(299 * 7 % 240)).as_bytes());
        assert_eq!(last.expect("it").metadata().size, 299 * 131);
    }

    #[test]
    fn an_archive_reads_back() {
        let (_dir, tree) = sample();
        assert_eq!(tree.entries[&vec![]].mode, 0o710, "the root is the directory's");
        let bytes = archive(&tree);
        let mut again = Tree::new();
        read(&mut again, Path::new("x"), &bytes).expect("sound");
        assert_eq!(archive(&again), bytes);
    }

    #[test]
    fn damage_is_told_by_its_offset() {
        let (_dir, tree) = sample();
        let bytes = archive(&tree);
        let error = read(&mut Tree::new(), Path::new("x.cpio"), &bytes[..bytes.len() / 2]);
        let text = error.expect_err("cut off").to_string();
        assert!(text.starts_with("x.cpio: an entry's content is cut off, at byte "), "{text}");
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let (_dir, tree) = sample();
            let mut bytes = archive(&tree);
            let n = bytes.len();
            bytes[at.index(n.min(600))] = byte;
            bytes.truncate(cut.index(n) + 1);
            let _ = read(&mut Tree::new(), Path::new("x"), &bytes);
        }
    }
}
