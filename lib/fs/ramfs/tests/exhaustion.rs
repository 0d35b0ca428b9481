//! Memory that runs out: an error value, and nothing is half done.

use unilith_fs_api::FsError;
use unilith_scarce::{Heap, scarce};

#[global_allocator]
static HEAP: Heap = Heap::up_to(1024);

unilith_platform::bind!(unilith_fakes::Platform);

#[test]
fn names_need_memory_that_may_not_be_there() {
    let root = unilith_ramfs::root(0o755);
    let file = root.create(b"first", 0o644).expect("made");
    let (refused, linked, moved, written) = scarce(|| {
        (
            (0..1000).find_map(|i| root.create(format!("{i}").as_bytes(), 0o644).err()),
            (0..1000).find_map(|i| root.link(format!("l{i}").as_bytes(), &file).err()),
            root.rename(b"first", &root, b"last", false),
            file.write_at(0, &[1; 4096]),
        )
    });
    assert_eq!((refused, linked), (Some(FsError::NoSpace), Some(FsError::NoSpace)));
    assert_eq!((moved, written), (Err(FsError::NoSpace), Err(FsError::NoSpace)));
    assert_eq!(root.lookup(b"first").expect("still there").id(), file.id());
}
