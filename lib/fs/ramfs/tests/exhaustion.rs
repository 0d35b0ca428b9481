//! Memory that runs out: an error value, and nothing is half done.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use unilith_fs_api::FsError;

/// The system's heap, without its larger blocks when [`SCARCE`] says so.
struct Heap;

static SCARCE: AtomicBool = AtomicBool::new(false);

// SAFETY: all memory is the system's.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if SCARCE.load(Relaxed) && layout.size() > 1024 {
            return std::ptr::null_mut();
        }
        // SAFETY: passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

struct Fake;

impl unilith_platform::Platform for Fake {
    const NAME: &'static str = "fake";
    fn console_write(_: unilith_platform::Stream, _: &[u8]) {}
    fn console_read(_: &mut [u8]) -> usize {
        0
    }
    fn monotonic_ns() -> u64 {
        0
    }
    fn realtime_ns() -> u64 {
        0
    }
    fn cycles() -> u64 {
        0
    }
    fn entry_cycles() -> u64 {
        0
    }
    fn command_line() -> &'static [u8] {
        b"unilith.a=1 -- x"
    }
    fn initrd() -> &'static [u8] {
        &[]
    }
    fn memory(_: usize) -> Option<unilith_platform::Region> {
        None
    }
    fn entropy(_: &mut [u8]) -> bool {
        false
    }
    fn event(_: unilith_platform::Event<'_>) {}
    fn backtrace(_: &mut dyn FnMut(usize)) {}
    fn idle(_: u64) {}

    fn exit(status: u8) -> ! {
        std::process::exit(status.into())
    }
}

unilith_platform::bind!(Fake);

#[test]
fn names_need_memory_that_may_not_be_there() {
    let root = unilith_ramfs::root(0o755);
    let file = root.create(b"first", 0o644).expect("made");
    SCARCE.store(true, Relaxed);
    let refused = (0..1000).find_map(|i| root.create(format!("{i}").as_bytes(), 0o644).err());
    let linked = (0..1000).find_map(|i| root.link(format!("l{i}").as_bytes(), &file).err());
    let moved = root.rename(b"first", &root, b"last", false);
    let written = file.write_at(0, &[1; 4096]);
    SCARCE.store(false, Relaxed);
    assert_eq!((refused, linked), (Some(FsError::NoSpace), Some(FsError::NoSpace)));
    assert_eq!((moved, written), (Err(FsError::NoSpace), Err(FsError::NoSpace)));
    assert_eq!(root.lookup(b"first").expect("still there").id(), file.id());
}
