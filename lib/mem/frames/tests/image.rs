//! The allocator as an image binds it, on a platform that has nothing but memory.

use unilith_platform::{Event, Platform, Region, Stream};

struct MemoryOnly;

impl Platform for MemoryOnly {
    const NAME: &'static str = "memory-only";
    fn console_write(_: Stream, _: &[u8]) {}
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
    fn backtrace(_: &mut dyn FnMut(usize)) {}
    fn command_line() -> &'static [u8] {
        &[]
    }
    fn initrd() -> &'static [u8] {
        &[]
    }
    fn memory(index: usize) -> Option<Region> {
        static REGIONS: std::sync::OnceLock<Region> = std::sync::OnceLock::new();
        let region = *REGIONS.get_or_init(|| {
            let memory = vec![0_u8; 9 * 4096].leak().as_mut_ptr().expose_provenance();
            Region { start: memory.next_multiple_of(4096), len: 8 * 4096 }
        });
        (index == 0).then_some(region)
    }
    fn entropy(_: &mut [u8]) -> bool {
        false
    }
    fn event(_: Event<'_>) {}
    fn idle(_: u64) {}

    fn exit(status: u8) -> ! {
        std::process::exit(status.into())
    }
}

unilith_platform::bind!(MemoryOnly);
unilith_mem_api::bind!(unilith_frames::Frames);

#[test]
fn pages_come_from_the_platform_and_go_back() {
    use unilith_mem_api::{allocate, free, free_pages};
    assert_eq!(free_pages(), 8);
    let run = allocate(5).unwrap();
    assert_eq!((free_pages(), allocate(4)), (3, None));
    // SAFETY: allocated above, freed once.
    unsafe { free(run, 5) };
    assert_eq!(allocate(8), Some(run));
}
