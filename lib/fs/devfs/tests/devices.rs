//! The files of /dev, with and without a /proc.

use unilith_fs_api::{FileType, FsError};

unilith_platform::bind!(unilith_fakes::Platform);

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
