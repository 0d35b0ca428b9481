//! An index that does not fit into memory.

use unilith_scarce::{Heap, scarce};

#[global_allocator]
static HEAP: Heap = Heap::up_to(16 * 1024);

#[test]
fn too_many_small_files_are_an_error() {
    let mut archive = String::new();
    for index in 0..10_000 {
        // Mode, links and the length of the name; all else is 0.
        archive += &format!("070701{:08X}{:08X}{:016X}{:08X}", 0, 0o100644, 0, 1);
        archive += &format!("{:048X}{:08X}{:08X}{index:05}\0", 0, 6, 0);
    }
    let archive = archive.leak().as_bytes();
    let root = scarce(|| unilith_cpio::root(archive));
    assert_eq!(root.err().map(|error| error.problem), Some(unilith_cpio::Problem::Memory));
}
