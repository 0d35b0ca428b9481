//! Archives as they should be, and as nobody should make them.

use proptest::prelude::*;
use unilith_cpio::{Problem, root};
use unilith_fs_api::{FileType, FsError, NodeRef};

#[derive(Clone)]
struct Entry<'a> {
    name: &'a [u8],
    mode: u32,
    data: &'a [u8],
    inode: u32,
    links: u32,
}

const fn file<'a>(name: &'a [u8], data: &'a [u8]) -> Entry<'a> {
    Entry { name, mode: 0o100644, data, inode: 0, links: 1 }
}

const fn dir(name: &[u8]) -> Entry<'_> {
    Entry { name, mode: 0o040755, data: b"", inode: 0, links: 2 }
}

fn put(out: &mut Vec<u8>, magic: &str, entry: &Entry<'_>) {
    let sum: u32 = entry.data.iter().map(|&byte| u32::from(byte)).sum();
    let sum = if magic == "070702" { sum } else { 0 };
    out.extend(magic.bytes());
    let name_len = entry.name.len() as u32 + 1;
    let size = entry.data.len() as u32;
    for number in
        [entry.inode, entry.mode, 1, 2, entry.links, 1000, size, 8, 1, 5, 6, name_len, sum]
    {
        out.extend(format!("{number:08X}").bytes());
    }
    out.extend(entry.name);
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(entry.data);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn archive(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut out = Vec::new();
    for entry in entries {
        put(&mut out, "070701", entry);
    }
    put(&mut out, "070701", &file(b"TRAILER!!!", b""));
    out
}

fn mount(bytes: Vec<u8>) -> Result<NodeRef, unilith_cpio::Error> {
    root(bytes.leak())
}

fn problem(entries: &[Entry<'_>]) -> Option<Problem> {
    mount(archive(entries)).err().map(|error| error.problem)
}

fn find(root: &NodeRef, path: &str) -> Result<NodeRef, FsError> {
    path.split('/').try_fold(root.clone(), |node, name| node.lookup(name.as_bytes()))
}

fn read(node: &NodeRef) -> Vec<u8> {
    let mut buf = [0; 64];
    let len = node.read_at(0, &mut buf).expect("readable");
    buf[..len].to_vec()
}

fn names(node: &NodeRef, cookie: u64) -> Vec<String> {
    let mut names = Vec::new();
    let visit = &mut |entry: unilith_fs_api::DirEntry<'_>| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    };
    node.read_dir(cookie, visit).expect("a directory");
    names
}

#[test]
fn names_may_be_padded() {
    let entries = [file(b"a\0\0\0\0", b"text"), file(b"b", b""), file(b"TRAILER!!!\0\0", b"")];
    let root = mount(archive(&entries)).expect("a sound archive");
    assert_eq!(root.lookup(b"a").expect("it").metadata().size, 4);
    assert!(root.lookup(b"b").is_ok());
}

#[test]
fn a_tree_looks_as_on_ext4() {
    let big = vec![7; 5000];
    let link = Entry { name: b"bin/ln", mode: 0o120777, data: b"sh", inode: 0, links: 1 };
    let null = Entry { name: b"null", mode: 0o020666, data: b"", inode: 0, links: 1 };
    let entries =
        [dir(b"."), dir(b"bin"), dir(b"bin/sub"), file(b"bin/sh", &big), link.clone(), null];
    let root = mount(archive(&entries)).expect("good");
    let meta = root.metadata();
    assert_eq!((meta.links, meta.size, meta.blocks, meta.mode()), (3, 4096, 8, 0o040755));
    assert_eq!(find(&root, "bin").expect("there").metadata().links, 3);
    let meta = find(&root, "bin/sh").expect("there").metadata();
    assert_eq!((meta.links, meta.size, meta.blocks), (1, 5000, 16));
    assert_eq!((meta.uid, meta.gid, meta.modified.seconds), (1, 2, 1000));
    let node = find(&root, "bin/ln").expect("there");
    assert_eq!((node.metadata().blocks, node.read_link()), (0, Ok(b"sh".to_vec())));
    assert_eq!(find(&root, "null").expect("there").metadata().device_number, 0x506);
    assert_eq!(names(&root, 0), ["bin", "null"]);
    assert_eq!(names(&root, 1), ["null"]);
    assert_eq!(names(&find(&root, "bin").expect("there"), 0), ["ln", "sh", "sub"]);
    assert_eq!(root.create(b"x", 0o644).err(), Some(FsError::ReadOnly));
    assert_eq!(find(&root, "bin/sh/x").err(), Some(FsError::NotDirectory));
    assert_eq!(
        find(&root, "bin/sub").expect("there").parent().expect("dir").id(),
        find(&root, "bin").expect("there").id()
    );
}

#[test]
fn contents_stay_in_the_archive() {
    let bytes = archive(&[file(b"a", b"contents")]).leak();
    let root = root(bytes).expect("good");
    let data = find(&root, "a").expect("there").in_memory().expect("in memory");
    assert!(bytes.as_ptr_range().contains(&data.as_ptr()));
    let node = find(&root, "a").expect("there");
    let mut buf = [0; 4];
    assert_eq!((node.read_at(6, &mut buf), &buf[..2]), (Ok(2), &b"ts"[..]));
    assert_eq!(node.read_at(8, &mut buf), Ok(0));
    assert_eq!(node.read_at(u64::MAX, &mut buf), Ok(0));
}

#[test]
fn missing_directories_are_made() {
    let root = mount(archive(&[file(b"/a//b/./c", b"x")])).expect("good");
    assert_eq!(read(&find(&root, "a/b/c").expect("there")), b"x");
    assert_eq!(root.metadata().links, 3);
}

#[test]
fn hard_links_share_an_inode_wherever_the_contents_are() {
    for (first, second) in [(&b"data"[..], &b""[..]), (b"", b"data")] {
        let link = |name, data| Entry { inode: 9, links: 2, ..file(name, data) };
        let root = mount(archive(&[link(b"a", first), link(b"b", second)])).expect("good");
        let (a, b) = (find(&root, "a").expect("there"), find(&root, "b").expect("there"));
        assert_eq!(a.id(), b.id());
        assert_eq!((read(&a), a.metadata().links), (b"data".to_vec(), 2));
    }
}

#[test]
fn later_archives_replace_and_pad() {
    let mut bytes = archive(&[dir(b"d"), file(b"d/a", b"old"), file(b"d/b", b"stays")]);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes.extend(archive(&[Entry { mode: 0o040700, ..dir(b"d") }, file(b"d/a", b"new")]));
    bytes.extend([0; 100]);
    let root = mount(bytes).expect("good");
    assert_eq!(read(&find(&root, "d/a").expect("there")), b"new");
    assert_eq!(read(&find(&root, "d/b").expect("there")), b"stays");
    assert_eq!(find(&root, "d").expect("there").metadata().permissions, 0o700);
}

#[test]
fn checksums_are_checked() {
    let mut bytes = Vec::new();
    put(&mut bytes, "070702", &file(b"a", b"xyz"));
    let at = bytes.len() - 4;
    put(&mut bytes, "070701", &file(b"TRAILER!!!", b""));
    assert!(mount(bytes.clone()).is_ok());
    bytes[at] ^= 1;
    assert_eq!(mount(bytes).err().map(|error| error.problem), Some(Problem::Checksum));
}

#[test]
fn hostile_entries_are_named() {
    let long = [b'n'; 256];
    for name in [&b""[..], b"..", b"a/../../b", b"a\0b", &long] {
        assert_eq!(problem(&[file(name, b"")]), Some(Problem::Name), "{name:?}");
    }
    assert_eq!(problem(&[file(b"a", b""), file(b"a/b", b"")]), Some(Problem::NotDirectory));
    assert_eq!(problem(&[file(b"a/b", b""), file(b"a", b"")]), Some(Problem::NotDirectory));
    assert_eq!(problem(&[file(b"/", b"")]), Some(Problem::NotDirectory));
    assert_eq!(problem(&[Entry { mode: 0o644, ..file(b"a", b"") }]), Some(Problem::Type));
    assert_eq!(mount(vec![]).err().map(|error| error.problem), Some(Problem::Empty));
    assert_eq!(mount(vec![0; 64]).err().map(|error| error.problem), Some(Problem::Empty));
    let error = mount(vec![0x1f, 0x8b, 8, 0]).err().expect("refused");
    assert_eq!(error.problem, Problem::Compressed);

    let mut bytes = archive(&[file(b"a", b"1234"), file(b"b", b"")]);
    let second = 110 + 2 + 4;
    bytes[second + 54..second + 62].copy_from_slice(b"FFFFFFFF");
    let error = mount(bytes.clone()).err().expect("refused");
    assert_eq!((error.problem, error.offset), (Problem::Truncated, second));
    bytes[second + 60] = b'x';
    assert_eq!(mount(bytes).err().map(|error| error.problem), Some(Problem::Number));
}

#[test]
fn every_truncation_is_noticed() {
    let bytes = archive(&[dir(b"d"), file(b"d/file", b"some contents")]);
    for len in 1..bytes.len() - 3 {
        let problem = mount(bytes[..len].to_vec()).err().map(|error| error.problem);
        assert_eq!(problem, Some(Problem::Truncated), "{len}");
    }
}

fn walk(node: &NodeRef, depth: usize) {
    let _ = (node.metadata(), node.statfs(), node.read_link());
    let _ = node.read_at(3, &mut [0; 16]);
    if node.file_type() == FileType::Directory && depth < 50 {
        for name in names_raw(node) {
            walk(&node.lookup(&name).expect("listed"), depth + 1);
        }
    }
}

fn names_raw(node: &NodeRef) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    node.read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })
    .expect("a directory");
    names
}

proptest! {
    #[test]
    fn no_byte_panics(changes in prop::collection::vec((0usize..1000, any::<u8>()), 0..8)) {
        let link = |name, data| Entry { inode: 9, links: 2, ..file(name, data) };
        let mut bytes = archive(&[dir(b"."), dir(b"d"), link(b"d/f", b"text"), link(b"x", b"")]);
        for (at, byte) in changes {
            let len = bytes.len();
            bytes[at % len] = byte;
        }
        if let Ok(root) = mount(bytes) {
            walk(&root, 0);
        }
    }

    #[test]
    fn no_soup_panics(bytes: Vec<u8>) {
        let _ = mount(bytes);
    }
}
