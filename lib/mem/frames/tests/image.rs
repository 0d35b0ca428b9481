//! The allocator as an image binds it, on a platform that has nothing but memory.

use unilith_platform::Region;

struct MemoryOnly;

impl unilith_fakes::Machine for MemoryOnly {
    fn memory(index: usize) -> Option<Region> {
        static REGIONS: std::sync::OnceLock<Region> = std::sync::OnceLock::new();
        let region = *REGIONS.get_or_init(|| {
            let memory = vec![0_u8; 9 * 4096].leak().as_mut_ptr().expose_provenance();
            Region { start: memory.next_multiple_of(4096), len: 8 * 4096 }
        });
        (index == 0).then_some(region)
    }
}

unilith_platform::bind!(unilith_fakes::Platform<MemoryOnly>);
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
