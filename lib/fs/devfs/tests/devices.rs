//! The files of /dev, with and without a /proc.

use unilith_fs_api::{FileType, FsError};

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
        b""
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
fn the_list_is_true() {
    let root = unilith_devfs::root();
    let mut names = Vec::new();
    root.read_dir(0, &mut |entry| {
        let node = root.lookup(entry.name).expect("listed");
        assert_eq!((node.id().inode, node.file_type()), (entry.inode, entry.file_type));
        assert_eq!(node.metadata().inode, entry.inode);
        names.push(entry.name.to_vec());
        true
    })
    .expect("a directory");
    assert!(names.is_sorted());
    let output = root.lookup(b"stdout").expect("there");
    if cfg!(feature = "proc") {
        assert_eq!(output.read_link(), Ok(b"/proc/self/fd/1".to_vec()));
        assert_eq!(output.metadata().size, 15);
        assert_eq!(root.lookup(b"fd").expect("there").file_type(), FileType::Symlink);
        assert_eq!(output.write_at(0, b"x"), Err(FsError::Invalid));
    } else {
        assert_eq!(output.file_type(), FileType::CharDevice);
        assert_eq!(output.write_at(0, b"x"), Ok(1));
        assert_eq!(output.read_link(), Err(FsError::Invalid));
        assert_eq!(root.lookup(b"fd").err(), Some(FsError::NotFound));
    }
}

#[test]
fn shared_memory_has_a_place() {
    let vfs = unilith_vfs::vfs();
    vfs.mount(b"/", unilith_devfs::root()).expect("mounted");
    unilith_devfs::mount();
    let root = vfs.root().expect("mounted");
    let made = vfs.create(&root, b"/dev/shm/x", 0o600).map(drop);
    assert_eq!(made, if cfg!(feature = "shm") { Ok(()) } else { Err(FsError::NotFound) });
}
