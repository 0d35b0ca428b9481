//! An overlay over an archive: what changes, what stays, and both against a model.

use proptest::prelude::*;
use std::collections::BTreeMap;
use unilith_fs_api::{FileType, FsError, MetadataChange, NodeRef};
use unilith_vfs::Vfs;

struct Fake;

impl unilith_fakes::Machine for Fake {
    fn realtime_ns() -> u64 {
        7_000_000_000
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);

/// An entry of a "newc" archive.
fn entry(out: &mut Vec<u8>, inode: u32, links: u32, mode: u32, path: &str, data: &[u8]) {
    let name = path.len() + 1;
    let fields = [inode, mode, 0, 0, links, 5, data.len() as u32, 0, 0, 0, 0, name as u32, 0];
    out.extend(b"070701");
    fields.iter().for_each(|field| out.extend(format!("{field:08x}").bytes()));
    out.extend(path.bytes());
    out.push(0);
    out.resize(out.len().next_multiple_of(4), 0);
    out.extend(data);
    out.resize(out.len().next_multiple_of(4), 0);
}

fn archive() -> &'static [u8] {
    let mut out = Vec::new();
    entry(&mut out, 1, 2, 0o040755, "etc", b"");
    entry(&mut out, 2, 1, 0o100644, "etc/conf", b"old contents");
    entry(&mut out, 3, 2, 0o100644, "etc/one", b"twice");
    entry(&mut out, 3, 2, 0o100644, "etc/two", b"twice");
    entry(&mut out, 4, 1, 0o120777, "link", b"etc/conf");
    entry(&mut out, 5, 2, 0o040755, "etc/sub", b"");
    entry(&mut out, 6, 1, 0o100755, "etc/sub/prog", &[0x7f; 9000]);
    entry(&mut out, 7, 2, 0o040755, "void", b"");
    entry(&mut out, 0, 1, 0, "TRAILER!!!", b"");
    out.leak()
}

struct Tree {
    vfs: Vfs,
    root: NodeRef,
    upper: NodeRef,
}

fn tree_of(limit: u64) -> Tree {
    let lower = unilith_cpio::root(archive()).expect("an archive");
    let upper = unilith_ramfs::with_limit(0o700, limit);
    let root = unilith_overlay::over(lower, upper.clone());
    let vfs = Vfs::new();
    vfs.mount(b"/", root.clone()).expect("mounted");
    Tree { vfs, root, upper }
}

fn tree() -> Tree {
    tree_of(1 << 20)
}

impl Tree {
    fn at(&self, path: &str) -> Result<NodeRef, FsError> {
        self.vfs.lookup(&self.root, path.as_bytes(), false)
    }

    fn there(&self, path: &str) -> NodeRef {
        self.at(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn names(&self, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        let visit = &mut |entry: unilith_fs_api::DirEntry<'_>| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        };
        self.there(path).read_dir(0, visit).expect("a directory");
        names.sort();
        names
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), FsError> {
        let root = &self.root;
        self.vfs.rename((root, from.as_bytes()), (root, to.as_bytes()), false)
    }

    /// Pages that the upper file system holds.
    fn used(&self) -> u64 {
        let about = self.upper.statfs();
        about.blocks - about.free_blocks
    }
}

fn text(node: &NodeRef) -> Vec<u8> {
    let mut bytes = vec![0; 20_000];
    let len = node.read_at(0, &mut bytes).expect("readable");
    bytes.truncate(len);
    bytes
}

#[test]
fn what_is_not_written_stays_in_place() {
    let tree = tree();
    let prog = tree.there("/etc/sub/prog");
    let place = prog.in_memory().expect("in the archive").as_ptr();
    let change = MetadataChange { permissions: Some(0o700), uid: Some(5), ..Default::default() };
    prog.set_metadata(&change).expect("changed");
    prog.write_at(3, b"").expect("nothing");
    tree.rename("/etc/sub/prog", "/void/moved").expect("moved");
    tree.rename("/etc", "/conf").expect("a directory of the archive");
    let moved = tree.there("/void/moved");
    assert_eq!(moved.in_memory().expect("still there").as_ptr(), place);
    assert_eq!((moved.metadata().permissions, moved.metadata().uid), (0o700, 5));
    assert_eq!((moved.metadata().size, moved.metadata().links), (9000, 1));
    assert_eq!(tree.used(), 0);
    assert_eq!(tree.names("/conf/sub"), [""; 0]);
    assert_eq!(tree.names("/conf"), ["conf", "one", "sub", "two"]);
    assert_eq!(tree.names("/"), ["conf", "link", "void"]);
    assert_eq!(tree.vfs.path_of(&tree.there("/conf/sub")), Ok(b"/conf/sub".to_vec()));
}

#[test]
fn a_write_copies_once_and_every_handle_sees_it() {
    let tree = tree();
    let before = tree.there("/etc/one");
    let id = before.id();
    assert_eq!(tree.there("/etc/two").write_at(1, b"HR"), Ok(2));
    for node in [&before, &tree.there("/etc/one"), &tree.there("/etc/two")] {
        assert_eq!((text(node), node.id(), node.in_memory()), (b"tHRce".to_vec(), id, None));
        assert_eq!(node.metadata().modified.seconds, 7);
    }
    assert_eq!(before.metadata().links, 2);
    assert_eq!(tree.used(), 1);
    before.truncate(2).expect("shorter");
    assert_eq!((text(&before), before.metadata().size), (b"tH".to_vec(), 2));
    // Truncating to nothing copies nothing.
    tree.there("/etc/sub/prog").truncate(0).expect("emptied");
    assert_eq!(tree.used(), 1);
    assert_eq!(text(&tree.there("/etc/sub/prog")), b"");
}

#[test]
fn no_room_changes_nothing() {
    let tree = tree_of(2 * 4096);
    let prog = tree.there("/etc/sub/prog");
    assert_eq!(prog.write_at(0, b"x"), Err(FsError::NoSpace));
    assert!(prog.in_memory().is_some(), "as it was");
    assert_eq!(tree.used(), 0);
    assert_eq!(prog.allocate(0, 3 * 4096), Err(FsError::NoSpace));
    assert_eq!(prog.truncate(8000), Ok(()));
    assert_eq!((tree.used(), prog.metadata().size), (2, 8000));
}

#[test]
fn what_was_removed_is_gone_but_lives_while_it_is_held() {
    let tree = tree();
    let (vfs, root) = (&tree.vfs, &tree.root);
    let conf = tree.there("/etc/conf");
    vfs.unlink(root, b"/etc/conf").expect("removed");
    assert_eq!(tree.at("/etc/conf").err(), Some(FsError::NotFound));
    assert_eq!((text(&conf), conf.metadata().links), (b"old contents".to_vec(), 0));
    conf.write_at(0, b"new").expect("written");
    assert_eq!((text(&conf), tree.used()), (b"new contents".to_vec(), 1));
    assert_eq!(vfs.link(&conf, root, b"/again"), Err(FsError::NotFound));
    drop(conf);
    assert_eq!(tree.used(), 0);
    let new = vfs.create(root, b"/etc/conf", 0o600).expect("made");
    assert_eq!((text(&new), new.metadata().permissions), (vec![], 0o600));
    assert_eq!(tree.names("/etc"), ["conf", "one", "sub", "two"]);
    vfs.unlink(root, b"/etc/conf").expect("removed again");
    assert_eq!(tree.names("/etc"), ["one", "sub", "two"]);
    assert_eq!(vfs.unlink(root, b"/etc/conf"), Err(FsError::NotFound));
    // One of two names.
    vfs.unlink(root, b"/etc/one").expect("removed");
    assert_eq!(tree.there("/etc/two").metadata().links, 1);
}

#[test]
fn a_removed_directory_comes_back_empty() {
    let tree = tree();
    let (vfs, root) = (&tree.vfs, &tree.root);
    assert_eq!(vfs.remove_dir(root, b"/etc/sub"), Err(FsError::NotEmpty));
    vfs.unlink(root, b"/etc/sub/prog").expect("removed");
    let old = tree.there("/etc/sub");
    vfs.remove_dir(root, b"/etc/sub").expect("removed");
    assert_eq!(old.create(b"x", 0o644).err(), Some(FsError::NotFound));
    assert_eq!(old.parent().err(), Some(FsError::NotFound));
    assert_eq!(tree.there("/etc").metadata().links, 2);
    vfs.create_dir(root, b"/etc/sub", 0o755).expect("made");
    assert_eq!((tree.names("/etc/sub"), tree.there("/etc").metadata().links), (vec![], 3));
    assert_ne!(old.id(), tree.there("/etc/sub").id());
}

#[test]
fn renames_replace_and_keep_the_rules() {
    let tree = tree();
    let (vfs, root) = (&tree.vfs, &tree.root);
    let id = tree.there("/etc/one").id();
    tree.rename("/etc/one", "/etc/conf").expect("over a file");
    assert_eq!(
        (tree.names("/etc"), tree.there("/etc/conf").id()),
        (["conf", "sub", "two"].map(String::from).to_vec(), id)
    );
    tree.rename("/etc/conf", "/etc/two").expect("two names of one file: nothing happens");
    assert_eq!(tree.names("/etc"), ["conf", "sub", "two"]);
    assert_eq!(tree.rename("/etc", "/etc/sub/x"), Err(FsError::Invalid));
    assert_eq!(tree.rename("/void", "/etc/conf"), Err(FsError::NotDirectory));
    assert_eq!(tree.rename("/etc/conf", "/void"), Err(FsError::IsDirectory));
    assert_eq!(tree.rename("/void", "/etc"), Err(FsError::NotEmpty));
    let keep = vfs.rename((root, b"/link"), (root, b"/etc/conf"), true);
    assert_eq!(keep, Err(FsError::Exists));
    tree.rename("/etc/sub", "/void").expect("over an empty directory");
    assert_eq!(tree.names("/void"), ["prog"]);
    assert_eq!((root.metadata().links, tree.there("/etc").metadata().links), (4, 2));
    tree.rename("/void", "/etc/back").expect("moved");
    tree.rename("/etc/back/prog", "/prog").expect("moved");
    assert_eq!(vfs.path_of(&tree.there("/etc/back")), Ok(b"/etc/back".to_vec()));
    assert_eq!(tree.names("/"), ["etc", "link", "prog"]);
    assert_eq!(tree.there("/link").read_link(), Ok(b"etc/conf".to_vec()));
    vfs.create_symlink(root, b"/etc/new", b"x").expect("made");
    assert_eq!(tree.there("/etc/new").read_link(), Ok(b"x".to_vec()));
    let other = unilith_ramfs::with_limit(0o755, 1 << 20);
    assert_eq!(root.link(b"o", &other), Err(FsError::CrossDevice));
}

#[test]
fn cookies_survive_changes() {
    let tree = tree();
    for i in 0..200 {
        tree.vfs.create(&tree.root, format!("/etc/f{i}").as_bytes(), 0o644).expect("made");
    }
    let dir = tree.there("/etc");
    let (mut names, mut next) = (Vec::new(), 0);
    loop {
        let mut some = Vec::new();
        dir.read_dir(next, &mut |entry| {
            some.push((entry.name.to_vec(), entry.next));
            some.len() < 3
        })
        .expect("a directory");
        let Some((last, cookie)) = some.last() else { break };
        next = *cookie;
        dir.unlink(last).or_else(|_| dir.rename(last, &tree.root, last, false)).expect("gone");
        names.extend(some.into_iter().map(|(name, _)| name));
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 204, "each was seen once");
}

#[derive(Clone, Debug)]
enum Step {
    Create(usize),
    MakeDir(usize),
    Write(usize, u8),
    Unlink(usize),
    RemoveDir(usize),
    Rename(usize, usize),
}

const PATHS: [&str; 10] = [
    "/etc",
    "/etc/conf",
    "/etc/one",
    "/etc/sub",
    "/etc/sub/prog",
    "/void",
    "/void/a",
    "/void/b",
    "/void/b/c",
    "/etc/sub/d",
];

fn step() -> impl Strategy<Value = Step> {
    let at = 0..PATHS.len();
    prop_oneof![
        at.clone().prop_map(Step::Create),
        at.clone().prop_map(Step::MakeDir),
        (at.clone(), any::<u8>()).prop_map(|(at, byte)| Step::Write(at, byte)),
        at.clone().prop_map(Step::Unlink),
        at.clone().prop_map(Step::RemoveDir),
        (at.clone(), at).prop_map(|(from, to)| Step::Rename(from, to)),
    ]
}

fn apply(vfs: &Vfs, root: &NodeRef, step: &Step) -> Result<(), FsError> {
    let path = |index: usize| PATHS[index].as_bytes();
    match *step {
        Step::Create(at) => vfs.create(root, path(at), 0o644).map(drop),
        Step::MakeDir(at) => vfs.create_dir(root, path(at), 0o755),
        Step::Write(at, byte) => vfs.lookup(root, path(at), false)?.write_at(2, &[byte]).map(drop),
        Step::Unlink(at) => vfs.unlink(root, path(at)),
        Step::RemoveDir(at) => vfs.remove_dir(root, path(at)),
        Step::Rename(from, to) => vfs.rename((root, path(from)), (root, path(to)), false),
    }
}

/// Everything that can be seen: paths, types, contents, links.
fn dump(dir: &NodeRef, path: &str, into: &mut BTreeMap<String, (FileType, Vec<u8>, u32)>) {
    let mut names = Vec::new();
    dir.read_dir(0, &mut |entry| {
        names.push(String::from_utf8_lossy(entry.name).into_owned());
        true
    })
    .expect("a directory");
    for name in names {
        let node = dir.lookup(name.as_bytes()).expect("listed");
        let path = format!("{path}/{name}");
        let (file_type, links) = (node.file_type(), node.metadata().links);
        let bytes = match file_type {
            FileType::Directory => {
                assert_eq!(node.parent().expect("has one").id(), dir.id(), "{path}");
                dump(&node, &path, into);
                Vec::new()
            }
            FileType::Symlink => node.read_link().expect("a link"),
            _ => text(&node),
        };
        assert!(into.insert(path, (file_type, bytes, links)).is_none(), "listed twice");
    }
}

/// The archive's tree in a file system that has all of it itself.
fn model() -> Tree {
    let root = unilith_ramfs::with_limit(0o755, 1 << 20);
    let vfs = Vfs::new();
    vfs.mount(b"/", root.clone()).expect("mounted");
    for dir in ["/etc", "/etc/sub", "/void"] {
        vfs.create_dir(&root, dir.as_bytes(), 0o755).expect("made");
    }
    for (file, data) in [
        ("/etc/conf", &b"old contents"[..]),
        ("/etc/one", b"twice"),
        ("/etc/sub/prog", &[0x7f; 9000]),
    ] {
        let node = vfs.create(&root, file.as_bytes(), 0o644).expect("made");
        node.write_at(0, data).expect("written");
    }
    let one = vfs.lookup(&root, b"/etc/one", false).expect("made");
    vfs.link(&one, &root, b"/etc/two").expect("linked");
    vfs.create_symlink(&root, b"/link", b"etc/conf").expect("made");
    Tree { vfs, root: root.clone(), upper: root }
}

proptest! {
    #[test]
    fn an_overlay_is_a_copy(steps in prop::collection::vec(step(), 0..40)) {
        let (tree, model) = (tree(), model());
        for step in &steps {
            prop_assert_eq!(
                apply(&tree.vfs, &tree.root, step),
                apply(&model.vfs, &model.root, step),
                "{:?}", step
            );
        }
        let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
        dump(&tree.root, "", &mut left);
        dump(&model.root, "", &mut right);
        prop_assert_eq!(left, right);
    }
}
