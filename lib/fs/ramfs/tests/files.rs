//! Files against a model, and the life of inodes.

use proptest::prelude::*;
use unilith_fs_api::{FsError, NodeRef};

unilith_platform::bind!(unilith_fakes::Platform);

fn ram() -> NodeRef {
    unilith_ramfs::with_limit(0o755, 1 << 20)
}

#[test]
fn a_file_lives_while_it_is_held() {
    let root = ram();
    let file = root.create(b"f", 0o644).expect("made");
    assert_eq!(file.write_at(0, b"text"), Ok(4));
    root.unlink(b"f").expect("removed");
    assert_eq!(file.metadata().links, 0);
    let mut buf = [0; 8];
    assert_eq!((file.read_at(0, &mut buf), &buf[..4]), (Ok(4), &b"text"[..]));
    let free = root.statfs().free_blocks;
    drop(file);
    assert_eq!(root.statfs().free_blocks, free + 1);
}

#[test]
fn links_are_counted() {
    let root = ram();
    let dir = root.create_dir(b"d", 0o755).expect("made");
    assert_eq!((root.metadata().links, dir.metadata().links), (3, 2));
    let file = dir.create(b"f", 0o644).expect("made");
    root.link(b"g", &file).expect("linked");
    assert_eq!(file.metadata().links, 2);
    assert_eq!(root.link(b"e", &dir), Err(FsError::NotPermitted));
    assert_eq!(root.link(b"e", &ram()), Err(FsError::CrossDevice));
    assert_eq!(root.remove_dir(b"d"), Err(FsError::NotEmpty));
    dir.rename(b"f", &root, b"g", false).expect("the same file: nothing happens");
    assert_eq!(file.metadata().links, 2);
    dir.unlink(b"f").expect("removed");
    root.remove_dir(b"d").expect("removed");
    assert_eq!((root.metadata().links, dir.metadata().links), (2, 0));
    assert_eq!(dir.create(b"x", 0o644).err(), Some(FsError::NotFound));
}

#[test]
fn moving_a_directory_moves_its_link() {
    let root = ram();
    let (a, b) = (root.create_dir(b"a", 0o755), root.create_dir(b"b", 0o755));
    let (a, b) = (a.expect("made"), b.expect("made"));
    let c = a.create_dir(b"c", 0o755).expect("made");
    a.rename(b"c", &b, b"c", false).expect("moved");
    assert_eq!((a.metadata().links, b.metadata().links), (2, 3));
    assert_eq!(c.parent().expect("there").id(), b.id());
    assert_eq!(root.rename(b"b", &c, b"x", false), Err(FsError::Invalid));
    root.rename(b"a", &b, b"c", false).expect("replaces the empty directory");
    assert_eq!(b.metadata().links, 3);
    assert_eq!(c.metadata().links, 0);
}

#[test]
fn space_is_limited_and_holes_are_free() {
    let root = unilith_ramfs::with_limit(0o755, 2 * 4096);
    let file = root.create(b"f", 0o644).expect("made");
    file.truncate(1 << 50).expect("a hole");
    assert_eq!(file.metadata().blocks, 0);
    assert_eq!(file.write_at(4090, &[1; 100]), Ok(100));
    assert_eq!(file.write_at(1 << 40, b"x"), Err(FsError::NoSpace));
    assert_eq!(file.write_at(8000, &[1; 500]), Ok(192));
    assert_eq!(file.write_at(i64::MAX as u64, b"x"), Err(FsError::TooLarge));
    assert_eq!(file.truncate(u64::MAX), Err(FsError::TooLarge));
    let size = file.metadata().size;
    assert_eq!(file.write_at(size + 10, b""), Ok(0));
    assert_eq!(file.metadata().size, size, "nothing written, nothing grown");
    file.truncate(4096).expect("shorter");
    assert_eq!(root.statfs().free_blocks, 1);
}

#[test]
fn room_is_taken_whole_or_not_at_all() {
    let root = unilith_ramfs::with_limit(0o755, 4 * 4096);
    let file = root.create(b"f", 0o644).expect("made");
    file.write_at(4096, b"kept").expect("written");
    assert_eq!(file.allocate(100, 5 * 4096), Err(FsError::NoSpace));
    assert_eq!((root.statfs().free_blocks, file.metadata().size), (3, 4100));
    assert_eq!(file.allocate(100, 3 * 4096), Ok(()));
    assert_eq!((root.statfs().free_blocks, file.metadata().size), (0, 100 + 3 * 4096));
    let mut buf = [1; 4];
    assert_eq!((file.read_at(4096, &mut buf), &buf), (Ok(4), b"kept"));
    assert_eq!((file.read_at(8192, &mut buf), buf), (Ok(4), [0; 4]));
    assert_eq!(file.allocate(u64::MAX, 2), Err(FsError::TooLarge));
}

#[test]
fn cookies_survive_changes() {
    let root = ram();
    for name in [b"a", b"b", b"c"] {
        root.create(name, 0o644).expect("made");
    }
    let mut next = 0;
    root.read_dir(0, &mut |entry| {
        next = entry.next;
        false
    })
    .expect("a directory");
    root.unlink(b"a").expect("removed");
    root.create(b"d", 0o644).expect("made");
    let mut names = Vec::new();
    root.read_dir(next, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    })
    .expect("a directory");
    assert_eq!(names, [b"b", b"c", b"d"]);
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, Vec<u8>),
    Truncate(u64),
    Read(u64, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let at = 0u64..20_000;
    prop_oneof![
        (at.clone(), prop::collection::vec(any::<u8>(), 0..6000))
            .prop_map(|(a, d)| Step::Write(a, d)),
        at.clone().prop_map(Step::Truncate),
        (at, 0usize..9000).prop_map(|(at, len)| Step::Read(at, len)),
    ]
}

proptest! {
    #[test]
    fn a_file_is_a_vector(steps in prop::collection::vec(step(), 0..30)) {
        let file = ram().create(b"f", 0o644).expect("made");
        let mut model = Vec::new();
        for step in steps {
            match step {
                Step::Write(at, data) => {
                    prop_assert_eq!(file.write_at(at, &data), Ok(data.len()));
                    if !data.is_empty() {
                        let at = at as usize;
                        model.resize(model.len().max(at + data.len()), 0);
                        model[at..at + data.len()].copy_from_slice(&data);
                    }
                }
                Step::Truncate(size) => {
                    prop_assert_eq!(file.truncate(size), Ok(()));
                    model.resize(size as usize, 0);
                }
                Step::Read(at, len) => {
                    let mut buf = vec![0xaa; len];
                    let expected = model.get(at as usize..).unwrap_or_default();
                    let expected = &expected[..expected.len().min(len)];
                    prop_assert_eq!(file.read_at(at, &mut buf), Ok(expected.len()));
                    prop_assert_eq!(&buf[..expected.len()], expected);
                }
            }
            prop_assert_eq!(file.metadata().size, model.len() as u64);
        }
    }
}
