//! Walks through several file systems.

use unilith_fs_api::{FsError, NodeRef};
use unilith_vfs::Vfs;

unilith_platform::bind!(unilith_fakes::Platform);

fn ram() -> NodeRef {
    unilith_ramfs::with_limit(0o755, 1 << 20)
}

struct Tree {
    vfs: Vfs,
    root: NodeRef,
}

/// `/a/b/f`, links at `/`, and a mount at `/a/m` and at `/new`, which the root does not have.
fn tree() -> Tree {
    let vfs = Vfs::new();
    let root = ram();
    vfs.mount(b"/", root.clone()).expect("mounted");
    let tree = Tree { vfs, root };
    for path in ["/a", "/a/b", "/a/m"] {
        tree.vfs.create_dir(&tree.root, path.as_bytes(), 0o755).expect("made");
    }
    tree.vfs.create(&tree.root, b"/a/b/f", 0o644).expect("made");
    for (path, target) in
        [("to_b", "a/b"), ("abs", "/a/b/f"), ("self", "self"), ("dangling", "a/new"), ("up", "..")]
    {
        tree.vfs.create_symlink(&tree.root, path.as_bytes(), target.as_bytes()).expect("made");
    }
    tree.vfs.mount(b"/a/m", ram()).expect("mounted");
    tree.vfs.mount(b"/new", ram()).expect("mounted");
    tree.vfs.create(&tree.root, b"/a/m/inside", 0o600).expect("made");
    tree
}

impl Tree {
    fn at(&self, path: &str) -> Result<NodeRef, FsError> {
        self.vfs.lookup(&self.root, path.as_bytes(), true)
    }

    fn same(&self, left: &str, right: &str) {
        let id = |path| self.at(path).map(|node| node.id());
        assert_eq!(id(left), id(right), "{left} {right}");
        assert!(id(left).is_ok(), "{left}");
    }
}

#[test]
fn paths_lead_where_they_should() {
    let tree = tree();
    tree.same("/a/b/f", "a//./b/f");
    tree.same("/a/b/f", "to_b/f");
    tree.same("/a/b/f", "abs");
    tree.same("/", "/../..");
    tree.same("/a", "/to_b/..");
    tree.same("/a", "/a/m/..");
    tree.same("/", "/new/..");
    tree.same("/", "/up");
    tree.same("/a/b", "/to_b/");
    assert!(tree.at("/a/m/inside").is_ok());
    for (path, error) in [
        ("", FsError::NotFound),
        ("/x", FsError::NotFound),
        ("/x/y", FsError::NotFound),
        ("/dangling", FsError::NotFound),
        ("/self", FsError::TooManyLinks),
        ("/self/x", FsError::TooManyLinks),
        ("/a/b/f/", FsError::NotDirectory),
        ("/a/b/f/.", FsError::NotDirectory),
        ("/a/b/f/..", FsError::NotDirectory),
        ("/abs/", FsError::NotDirectory),
    ] {
        assert_eq!(tree.at(path).err(), Some(error), "{path}");
    }
    let long = format!("/{}", "n".repeat(256));
    assert_eq!(tree.at(&long).err(), Some(FsError::NameTooLong));
    assert_eq!(tree.at(&"/a/..".repeat(1000)).err(), Some(FsError::NameTooLong));
    assert!(tree.at(&"/a/..".repeat(800)).is_ok());
    let link = tree.vfs.lookup(&tree.root, b"/to_b", false).expect("there");
    assert_eq!(link.read_link(), Ok(b"a/b".to_vec()));
}

#[test]
fn forty_links_are_allowed_and_no_more() {
    let tree = tree();
    for i in 1..=41 {
        let (name, target) = (format!("l{i}"), format!("l{}", i - 1));
        tree.vfs.create_symlink(&tree.root, name.as_bytes(), target.as_bytes()).expect("made");
    }
    tree.vfs.create(&tree.root, b"l0", 0o644).expect("made");
    assert!(tree.at("l40").is_ok());
    assert_eq!(tree.at("l41").err(), Some(FsError::TooManyLinks));
}

#[test]
fn directories_know_their_paths() {
    let tree = tree();
    for path in ["/", "/a", "/a/b", "/a/m", "/new"] {
        let dir = tree.at(path).expect("there");
        assert_eq!(tree.vfs.path_of(&dir), Ok(path.as_bytes().to_vec()));
    }
    let dir = tree.at("/a/b").expect("there");
    tree.vfs.rename((&tree.root, b"/a/b"), (&tree.root, b"/c"), false).expect("moved");
    assert_eq!(tree.vfs.path_of(&dir), Ok(b"/c".to_vec()));
    tree.vfs.unlink(&tree.root, b"/c/f").expect("removed");
    tree.vfs.remove_dir(&tree.root, b"/c").expect("removed");
    assert_eq!(tree.vfs.path_of(&dir), Err(FsError::NotFound));
    assert_eq!(tree.vfs.create(&dir, b"x", 0o644).err(), Some(FsError::NotFound));
}

#[test]
fn mount_points_are_listed_once_and_stay() {
    let tree = tree();
    let names = |cookie| {
        let mut names = Vec::new();
        let visit = &mut |entry: unilith_fs_api::DirEntry<'_>| {
            names.push((String::from_utf8_lossy(entry.name).into_owned(), entry.next));
            true
        };
        tree.vfs.read_dir(&tree.root, cookie, visit).expect("a directory");
        names
    };
    let all = names(0);
    assert_eq!(all.iter().filter(|(name, _)| name == "new").count(), 1);
    for (index, (_, next)) in all.iter().enumerate() {
        assert_eq!(names(*next), all[index + 1..], "from the cookie of entry {index} on");
    }
    let vfs = &tree.vfs;
    assert_eq!(vfs.remove_dir(&tree.root, b"/a/m"), Err(FsError::Busy));
    assert_eq!(vfs.remove_dir(&tree.root, b"/new/"), Err(FsError::Busy));
    let to = (&tree.root, &b"/n"[..]);
    assert_eq!(vfs.rename((&tree.root, b"/a/m"), to, false), Err(FsError::Busy));
    assert_eq!(vfs.create_dir(&tree.root, b"/new", 0o755), Err(FsError::Exists));
    let to = (&tree.root, &b"/a/m/f"[..]);
    assert_eq!(vfs.rename((&tree.root, b"/a/b/f"), to, false), Err(FsError::CrossDevice));
    let file = tree.at("/a/b/f").expect("there");
    assert_eq!(vfs.link(&file, &tree.root, b"/a/m/f"), Err(FsError::CrossDevice));
}

#[test]
fn changes_keep_the_rules_of_the_last_component() {
    let Tree { vfs, root } = tree();
    assert_eq!(vfs.create_dir(&root, b"/a/d/", 0o755), Ok(()));
    assert_eq!(vfs.create(&root, b"/a/f/", 0o644).err(), Some(FsError::NotFound));
    assert_eq!(vfs.create_dir(&root, b"/", 0o755), Err(FsError::Exists));
    assert_eq!(vfs.create_dir(&root, b"/a/.", 0o755), Err(FsError::Exists));
    assert_eq!(vfs.remove_dir(&root, b"/a/d/."), Err(FsError::Invalid));
    assert_eq!(vfs.remove_dir(&root, b"/a/d/.."), Err(FsError::NotEmpty));
    assert_eq!(vfs.remove_dir(&root, b"/"), Err(FsError::Busy));
    assert_eq!(vfs.remove_dir(&root, b"/a"), Err(FsError::NotEmpty));
    assert_eq!(vfs.remove_dir(&root, b"/abs"), Err(FsError::NotDirectory));
    assert_eq!(vfs.unlink(&root, b"/a/d"), Err(FsError::IsDirectory));
    assert_eq!(vfs.unlink(&root, b"/a/b/f/"), Err(FsError::NotDirectory));
    assert_eq!(vfs.rename((&root, b"/a"), (&root, b"/a/d/x"), false), Err(FsError::Invalid));
    assert_eq!(vfs.rename((&root, b"/a/d/."), (&root, b"/x"), false), Err(FsError::Busy));
    assert_eq!(vfs.rename((&root, b"/abs"), (&root, b"/x/"), false), Err(FsError::NotDirectory));
    assert_eq!(vfs.rename((&root, b"/abs"), (&root, b"/to_b"), true), Err(FsError::Exists));
    assert_eq!(vfs.rename((&root, b"/abs"), (&root, b"/to_b"), false), Ok(()));
    assert_eq!(vfs.lookup(&root, b"/abs", false).err(), Some(FsError::NotFound));
    assert_eq!(vfs.unlink(&root, b"/to_b"), Ok(()));
    assert_eq!(vfs.create_symlink(&root, b"/e", b""), Err(FsError::NotFound));
}
