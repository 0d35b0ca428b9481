//! The tree of a list of paths.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use unilith_fs_api::{FileType, FsError, NodeRef};
use unilith_procfs::{Entry, Links};
use unilith_vfs::Vfs;

struct Fake;

impl unilith_fakes::Machine for Fake {
    fn monotonic_ns() -> u64 {
        12_345_678_901
    }
    fn realtime_ns() -> u64 {
        100_000_000_000
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);

static READS: AtomicU32 = AtomicU32::new(0);

fn counted() -> Vec<u8> {
    format!("read {}\n", READS.fetch_add(1, Relaxed)).into_bytes()
}

fn set(data: &[u8]) -> Result<(), FsError> {
    if data == b"5\n" { Ok(()) } else { Err(FsError::Invalid) }
}

fn link(number: u32) -> Result<Vec<u8>, FsError> {
    if [3, 20].contains(&number) { Ok(b"pipe:[9]".to_vec()) } else { Err(FsError::NotFound) }
}

const LIST: &[Entry] = &[
    Entry::link("self", || Ok(b"17".to_vec())),
    Entry::text("self/stat", counted),
    Entry::link("self/cwd", || Ok(b"/".to_vec())),
    Entry::setting("self/oom_score_adj", || b"0\n".to_vec(), set),
    Entry::links(
        "self/fd",
        Links {
            numbers: || vec![3, 20],
            target: link,
            node: |number| (number == 20).then(unilith_procfs::sys),
        },
    ),
];

struct Tree {
    vfs: Vfs,
    root: NodeRef,
}

fn tree() -> Tree {
    let vfs = Vfs::new();
    let root = unilith_procfs::proc(&[LIST, unilith_procfs::SYSTEM]);
    vfs.mount(b"/", root.clone()).expect("mounted");
    Tree { vfs, root }
}

impl Tree {
    fn at(&self, path: &str) -> Result<NodeRef, FsError> {
        self.vfs.lookup(&self.root, path.as_bytes(), true)
    }

    fn read(&self, path: &str) -> String {
        let mut bytes = [0; 500];
        let len = self.at(path).expect("there").read_at(0, &mut bytes).expect("readable");
        String::from_utf8(bytes[..len].to_vec()).expect("text")
    }

    fn names(&self, path: &str) -> Vec<String> {
        let (mut names, mut cookie) = (Vec::new(), 0);
        loop {
            // One at a time: each cookie has to lead to the next.
            let before = names.len();
            self.at(path)
                .expect("there")
                .read_dir(cookie, &mut |entry| {
                    let child =
                        self.at(path).and_then(|dir| dir.lookup(entry.name)).expect("child");
                    assert_eq!(
                        (child.id().inode, child.file_type()),
                        (entry.inode, entry.file_type)
                    );
                    names.push(String::from_utf8_lossy(entry.name).into_owned());
                    cookie = entry.next;
                    false
                })
                .expect("a directory");
            if names.len() == before {
                return names;
            }
        }
    }
}

#[test]
fn directories_follow_from_the_paths() {
    let tree = tree();
    assert_eq!(tree.names("/"), ["self", "uptime", "loadavg", "stat", "sys", "17"]);
    assert_eq!(tree.names("/self/"), ["stat", "cwd", "oom_score_adj", "fd"]);
    assert_eq!(tree.names("/17/fd"), ["3", "20"]);
    assert_eq!(tree.names("/sys/net"), ["core"]);
    assert_eq!(tree.read("/sys/net/core/somaxconn"), "4096\n");
    assert_eq!(tree.read("uptime"), "12.34 0.00\n");
    assert!(tree.read("stat").contains("\nbtime 87\n"));
    for missing in
        ["/18", "/sy", "/sys/net/cor", "/self/fd/4", "/self/fd/03", "/self/fd/x", "/\u{fffd}"]
    {
        assert_eq!(tree.at(missing).err(), Some(FsError::NotFound), "{missing}");
    }
    for path in ["/", "/sys/net/core", "/17", "/17/fd"] {
        assert_eq!(tree.vfs.path_of(&tree.at(path).expect("there")), Ok(path.as_bytes().to_vec()));
    }
    assert_eq!(tree.root.create(b"x", 0o644).err(), Some(FsError::ReadOnly));
}

#[test]
fn content_is_made_when_reading_starts() {
    let tree = tree();
    let stat = tree.at("/self/stat").expect("there");
    let mut buf = [0; 5];
    assert_eq!((stat.read_at(0, &mut buf), &buf), (Ok(5), b"read "));
    let first = READS.load(Relaxed);
    assert_eq!(stat.read_at(5, &mut buf), Ok(2));
    assert_eq!((READS.load(Relaxed), buf[0]), (first, b'0' + first as u8 - 1));
    stat.read_at(0, &mut buf).expect("again");
    assert_eq!(READS.load(Relaxed), first + 1);
    assert_eq!(stat.read_at(u64::MAX, &mut buf), Ok(0));
    assert_eq!(stat.write_at(0, b"x"), Err(FsError::Io));
    assert!(stat.is_read_only());
    let setting = tree.at("/self/oom_score_adj").expect("there");
    assert!(!setting.is_read_only());
    assert_eq!((setting.truncate(0), setting.write_at(0, b"5\n")), (Ok(()), Ok(2)));
    assert_eq!(setting.write_at(0, b"x"), Err(FsError::Invalid));
}

#[test]
fn links_may_lead_where_no_path_does() {
    let tree = tree();
    assert_eq!(tree.at("/self/fd/20").expect("jumps").file_type(), FileType::Directory);
    let mut online = [0; 4];
    let file = tree.at("/self/fd/20/devices/system/cpu/online").expect("goes on");
    assert_eq!((file.read_at(0, &mut online), &online[..2]), (Ok(2), &b"0\n"[..]));
    assert_eq!(tree.at("/self/fd/3").err(), Some(FsError::NotFound), "as its text says");
    let link = tree.vfs.lookup(&tree.root, b"/self/fd/20", false).expect("the link itself");
    assert_eq!(link.read_link(), Ok(b"pipe:[9]".to_vec()));
    assert_eq!(tree.at("/self/cwd/uptime").map(|node| node.file_type()), Ok(FileType::Regular));
}
