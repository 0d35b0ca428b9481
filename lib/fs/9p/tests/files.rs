//! A client and a server over a real directory.

use server::{Scratch, Server};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use unilith_fs_api::{FileType, FsError, MetadataChange, NodeRef, Timestamp};
use unilith_p9_api::Channel;
use unilith_vfs::Vfs;

mod server;

struct Volume {
    scratch: Scratch,
    server: Arc<Server>,
    vfs: Vfs,
    root: NodeRef,
}

fn volume_with(change: impl FnOnce(&mut Server)) -> Volume {
    let scratch = Scratch::new();
    let mut server = Server::new(&scratch.0);
    change(&mut server);
    let server = Arc::new(server);
    let root = unilith_9p::root(server.clone()).expect("a server");
    let vfs = Vfs::new();
    vfs.mount(b"/", root.clone()).expect("mounted");
    Volume { scratch, server, vfs, root }
}

fn volume() -> Volume {
    volume_with(|_| {})
}

impl Volume {
    fn at(&self, path: &str) -> Result<NodeRef, FsError> {
        self.vfs.lookup(&self.root, path.as_bytes(), false)
    }

    fn create(&self, path: &str) -> NodeRef {
        self.vfs.create(&self.root, path.as_bytes(), 0o644).expect("made")
    }

    fn names(&self, path: &str) -> Vec<String> {
        let mut names = Vec::new();
        let visit = &mut |entry: unilith_fs_api::DirEntry<'_>| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            true
        };
        self.vfs.read_dir(&self.at(path).expect("there"), 0, visit).expect("a directory");
        names.sort();
        names
    }
}

#[test]
fn both_sides_see_the_same() {
    let volume = volume();
    fs::write(volume.scratch.0.join("host"), b"from the host").expect("written");
    let node = volume.at("/host").expect("there");
    let mut buf = [0; 100];
    assert_eq!((node.read_at(0, &mut buf), &buf[..13]), (Ok(13), &b"from the host"[..]));
    assert_eq!((node.read_at(5, &mut buf[..3]), &buf[..3]), (Ok(3), &b"the"[..]));
    assert_eq!(node.read_at(1 << 40, &mut buf), Ok(0));
    assert_eq!(node.read_at(u64::MAX, &mut buf), Ok(0));
    fs::write(volume.scratch.0.join("host"), b"longer than it was before").expect("written");
    assert_eq!((node.metadata().size, node.read_at(0, &mut buf)), (25, Ok(25)));
    let there = fs::metadata(volume.scratch.0.join("host")).expect("there");
    let here = node.metadata();
    assert_eq!((here.mode(), here.inode, here.links), (there.mode(), there.ino(), 1));
    assert_eq!((here.uid, here.modified.seconds), (there.uid(), there.mtime()));
    // One file is one node, whatever leads to it.
    volume.vfs.link(&node, &volume.root, b"/other").expect("linked");
    let other = volume.at("/other").expect("there");
    assert_eq!((other.id(), Arc::ptr_eq(&node, &other)), (node.id(), true));
    assert_eq!(other.metadata().links, 2);
    fs::remove_file(volume.scratch.0.join("other")).expect("removed");
    assert_eq!(volume.at("/host").expect("there").metadata().links, 1);
    let change = MetadataChange {
        permissions: Some(0o600),
        modified: Some(Timestamp { seconds: 5, nanoseconds: 6 }),
        ..Default::default()
    };
    node.set_metadata(&change).expect("changed");
    let there = fs::metadata(volume.scratch.0.join("host")).expect("there");
    assert_eq!((there.mode() & 0o7777, there.mtime(), there.mtime_nsec()), (0o600, 5, 6));
    assert_eq!((node.statfs().magic, node.statfs().free_blocks), (0x0102_1997, 40));
}

#[test]
fn what_sqlite_does() {
    let volume = volume();
    let db = volume.create("/db");
    let page = |n: u8| vec![n; 4096];
    for n in 0..10u8 {
        assert_eq!(db.write_at(u64::from(n) * 4096, &page(n)), Ok(4096));
    }
    db.sync().expect("synced");
    let journal = volume.create("/db-journal");
    let mut old = page(0);
    assert_eq!(db.read_at(3 * 4096, &mut old), Ok(4096));
    assert_eq!(journal.write_at(0, &old), Ok(4096));
    journal.sync().expect("synced");
    volume.root.sync().expect("a directory is synced");
    assert_eq!(volume.server.syncs.load(Relaxed), 3);
    assert_eq!(db.write_at(3 * 4096, &page(99)), Ok(4096));
    db.truncate(5 * 4096).expect("shorter");
    volume.vfs.unlink(&volume.root, b"/db-journal").expect("removed");
    // The journal is gone, but it is open: it can be read and written, and has no links.
    assert_eq!(volume.at("/db-journal").err(), Some(FsError::NotFound));
    assert_eq!(journal.write_at(4096, b"more"), Ok(4));
    assert_eq!(journal.read_at(4096, &mut old), Ok(4));
    assert_eq!((journal.metadata().links, journal.metadata().size), (0, 4100));
    // A new file of that name is another one, which the old one must not touch.
    let new = volume.create("/db-journal");
    new.write_at(0, b"new").expect("written");
    assert_ne!(new.id(), journal.id());
    assert_eq!(journal.truncate(0), Err(FsError::NotFound));
    assert_eq!(new.metadata().size, 3);
    drop(journal);
    let to = (&volume.root, &b"/moved"[..]);
    volume.vfs.rename((&volume.root, b"/db"), to, false).expect("moved");
    assert_eq!(db.read_at(3 * 4096, &mut old), Ok(4096));
    assert_eq!((old[0], db.metadata().size), (99, 5 * 4096));
    let bytes = fs::read(volume.scratch.0.join("moved")).expect("there");
    let expected = [page(0), page(1), page(2), page(99), page(4)].concat();
    assert_eq!(bytes, expected);
}

#[test]
fn every_handle_is_given_back() {
    let volume = volume();
    let before = volume.server.fids();
    for round in 0..3 {
        let file = volume.create("/f");
        file.write_at(0, b"x").expect("written");
        let again = volume.at("/f").expect("there");
        again.read_at(0, &mut [0; 4]).expect("read");
        assert!(volume.create_and_fail().is_err());
        volume.vfs.create_dir(&volume.root, b"/d", 0o755).expect("made");
        volume.names("/d");
        volume.vfs.path_of(&volume.at("/d").expect("there")).expect("has one");
        volume.vfs.remove_dir(&volume.root, b"/d").expect("removed");
        volume.vfs.unlink(&volume.root, b"/f").expect("removed");
        drop((file, again));
        // The root itself has opened a fid for its listing.
        assert_eq!(volume.server.fids(), before + 1, "round {round}");
    }
}

impl Volume {
    fn create_and_fail(&self) -> Result<NodeRef, FsError> {
        self.root.create(b"f", 0o644)
    }
}

#[test]
fn large_transfers_use_the_whole_message() {
    let volume = volume_with(|server| server.limit = 512 * 1024);
    let file = volume.create("/big");
    let data: Vec<u8> = (0..2_000_000u32).map(|i| (i % 251) as u8).collect();
    let start = volume.server.exchanges.load(Relaxed);
    assert_eq!(file.write_at(0, &data), Ok(data.len()));
    let mut back = vec![0; data.len() + 10];
    assert_eq!(file.read_at(0, &mut back), Ok(data.len()));
    assert!(volume.server.exchanges.load(Relaxed) - start <= 9);
    assert_eq!(back[..data.len()], data);
}

#[test]
fn directories_are_listed_whole_and_from_any_cookie() {
    for large_offsets in [false, true] {
        let volume = volume_with(|server| {
            server.limit = 8192;
            server.large_offsets = large_offsets;
        });
        let mut expected: Vec<String> = (0..1000).map(|i| format!("a-file-{i}")).collect();
        for name in &expected {
            fs::write(volume.scratch.0.join(name), b"").expect("written");
        }
        expected.sort();
        assert_eq!(volume.names("/"), expected);
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            let before = names.len();
            volume
                .root
                .read_dir(cookie, &mut |entry| {
                    assert!(entry.next < 1 << 61);
                    names.push(String::from_utf8_lossy(entry.name).into_owned());
                    cookie = entry.next;
                    !names.len().is_multiple_of(7)
                })
                .expect("a directory");
            if names.len() == before {
                break;
            }
        }
        names.sort();
        assert_eq!(names, expected);
    }
}

#[test]
fn directories_links_and_errors() {
    let volume = volume();
    let (vfs, root) = (&volume.vfs, &volume.root);
    vfs.create_dir(root, b"/a", 0o755).expect("made");
    vfs.create_dir(root, b"/a/b", 0o750).expect("made");
    vfs.create_symlink(root, b"/a/l", b"b/../f").expect("made");
    volume.create("/a/f").write_at(0, b"z").expect("written");
    assert_eq!(volume.names("/a"), ["b", "f", "l"]);
    assert_eq!(volume.at("/a/l").expect("there").read_link(), Ok(b"b/../f".to_vec()));
    assert_eq!(vfs.lookup(root, b"/a/l", true).expect("there").metadata().size, 1);
    let dir = volume.at("/a/b").expect("there");
    assert_eq!(vfs.path_of(&dir), Ok(b"/a/b".to_vec()));
    vfs.rename((root, b"/a"), (root, b"/c"), false).expect("moved");
    assert_eq!(vfs.path_of(&dir), Ok(b"/c/b".to_vec()));
    assert_eq!(root.parent().expect("itself").id(), root.id());
    assert_eq!(vfs.remove_dir(root, b"/c"), Err(FsError::NotEmpty));
    assert_eq!(vfs.unlink(root, b"/c/b"), Err(FsError::IsDirectory));
    assert_eq!(vfs.create_dir(root, b"/c", 0o755), Err(FsError::Exists));
    assert_eq!(root.create(b"c", 0o644).err(), Some(FsError::Exists));
    assert_eq!(vfs.rename((root, b"/c/f"), (root, b"/c/l"), true), Err(FsError::Exists));
    assert_eq!(vfs.rename((root, b"/c"), (root, b"/c/b/x"), false), Err(FsError::Invalid));
    assert_eq!(vfs.link(&dir, root, b"/x"), Err(FsError::NotPermitted));
    assert_eq!(dir.read_at(0, &mut [0]), Err(FsError::IsDirectory));
    assert_eq!(dir.truncate(0), Err(FsError::IsDirectory));
    vfs.rename((root, b"/c/f"), (root, b"/c/l"), false).expect("replaces");
    vfs.unlink(root, b"/c/l").expect("removed");
    vfs.remove_dir(root, b"/c/b").expect("removed");
    assert_eq!(dir.metadata().links, 0);
    assert_eq!(dir.lookup(b"x").err(), Some(FsError::NotFound));
    assert_eq!(dir.file_type(), FileType::Directory);
}

#[test]
fn a_file_that_may_not_be_opened_says_so_at_once() {
    let volume = volume();
    let node = volume.create("/f");
    fs::remove_file(volume.scratch.0.join("f")).expect("removed");
    node.open(true).expect("it is open since it was made");
    fs::write(volume.scratch.0.join("g"), b"g").expect("written");
    let node = volume.at("/g").expect("there");
    fs::remove_file(volume.scratch.0.join("g")).expect("removed");
    assert_eq!(node.open(false), Err(FsError::NotFound));
    assert_eq!(node.read_at(0, &mut [0]), Err(FsError::NotFound));
}

#[test]
fn volumes_are_mounted_as_the_command_line_says() {
    use std::sync::Mutex;
    static SCRATCH: Mutex<Option<Scratch>> = Mutex::new(None);
    let scratch = Scratch::new();
    fs::write(scratch.0.join("here"), b"").expect("written");
    *SCRATCH.lock().expect("not poisoned") = Some(scratch);
    fn find(tag: &[u8]) -> Option<Arc<dyn Channel>> {
        let scratch = SCRATCH.lock().expect("not poisoned");
        let path = &scratch.as_ref()?.0;
        (tag == b"data").then(|| Arc::new(Server::new(path)) as Arc<dyn Channel>)
    }
    let vfs = unilith_vfs::vfs();
    vfs.mount(b"/", unilith_ramfs::with_limit(0o755, 1 << 20)).expect("mounted");
    // The second volume, which there is not, ends the image.
    let ended = std::panic::catch_unwind(|| unilith_9p::mount_all(find));
    let why = ended.expect_err("exit").downcast::<String>().expect("a text");
    assert_eq!(*why, "exit 1");
    let root = vfs.root().expect("mounted");
    assert!(vfs.lookup(&root, b"/a/b/here", true).is_ok());
    *SCRATCH.lock().expect("not poisoned") = None;
}
