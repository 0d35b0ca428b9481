//! System calls with a fake machine under them: bad pointers, and rules that busybox does not
//! touch. One test that goes through the families in order, as they share the process's state.

use fake::{PAD, bytes, path};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{Prot, copy_out};

mod fake;

static SYSCALLS: unilith_syscall::Table = unilith_syscall::Table::new(&[
    unilith_posix_fd::SYSCALLS,
    unilith_posix_fs::SYSCALLS,
    unilith_posix_mm::SYSCALLS,
    unilith_posix_process::SYSCALLS,
    unilith_posix_time::SYSCALLS,
]);

/// A page that can only be read, right after it.
const READ_ONLY: usize = PAD + 0x1000;
/// What is above is kept for the stack.
const TOP: usize = 0x3000_0000;
/// The application's stack ends here.
const STACK: u64 = 0x1800_0000;
/// Nothing is here.
const HOLE: usize = PAD + 0x2000;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    let result = SYSCALLS.call(&SyscallArgs { nr: number as usize, args: all });
    let mut registers = unilith_posix_api::Registers {
        orig_rax: number.into(),
        rax: result as u64,
        rsp: STACK,
        ..Default::default()
    };
    unilith_posix_process::leave(&mut registers);
    match registers.rax as isize {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

fn set_up() {
    static DONE: std::sync::Once = std::sync::Once::new();
    DONE.call_once(|| {
        unilith_vfs::mount(b"/", unilith_ramfs::with_limit(0o755, 1 << 22));
        unilith_vfs::mount(b"/dev", unilith_devfs::root());
        unilith_space::set_top(TOP);
        unilith_space::set_heap(0x1000_0000).expect("aligned");
    });
    let place = unilith_space::Place::Replace;
    let zero = unilith_space::Origin::Anonymous;
    unilith_space::map(place(PAD), 0x1000, Prot::RW, zero.clone()).expect("mapped");
    unilith_space::map(place(READ_ONLY), 0x1000, Prot::R, zero).expect("mapped");
    unilith_space::unmap(HOLE, 0x1000).expect("unmapped");
}

const RDWR_CREATE: usize = (nr::O_RDWR | nr::O_CREAT) as usize;
const CWD: usize = nr::AT_FDCWD as usize;

#[test]
fn calls_keep_their_contracts() {
    set_up();
    files();
    descriptors();
    directories();
    memory();
    files_in_memory();
    process();
    missing();
    the_end();
}

fn files() {
    let fd = call(nr::__NR_open, [path("/f"), RDWR_CREATE, 0o666]).expect("made");
    copy_out(b"0123456789", PAD).expect("mapped");
    assert_eq!(call(nr::__NR_write, [fd, PAD, 10]), Ok(10));
    assert_eq!(call(nr::__NR_lseek, [fd, -4isize as usize, 2]), Ok(6));
    assert_eq!(call(nr::__NR_read, [fd, PAD + 0x100, 100]), Ok(4));
    assert_eq!(bytes(PAD + 0x100, 4), b"6789");
    assert_eq!(call(nr::__NR_pread64, [fd, PAD + 0x100, 2, 3]), Ok(2));
    assert_eq!(bytes(PAD + 0x100, 2), b"34");
    assert_eq!(call(nr::__NR_pread64, [fd, PAD, 2, usize::MAX]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_lseek, [fd, usize::MAX, 0]), Err(Errno::EINVAL));
    // Bad pointers: nothing, then as far as it goes.
    for bad in [0, HOLE, 1 << 47, usize::MAX - 3] {
        assert_eq!(call(nr::__NR_write, [fd, bad, 10]), Err(Errno::EFAULT), "{bad:#x}");
        assert_eq!(call(nr::__NR_pread64, [fd, bad, 10, 0]), Err(Errno::EFAULT), "{bad:#x}");
        assert_eq!(call(nr::__NR_open, [bad, 0, 0]), Err(Errno::EFAULT), "{bad:#x}");
        assert_eq!(call(nr::__NR_fstat, [fd, bad]), Err(Errno::EFAULT), "{bad:#x}");
        assert_eq!(call(nr::__NR_clock_gettime, [0, bad]), Err(Errno::EFAULT), "{bad:#x}");
        assert_eq!(call(nr::__NR_writev, [fd, bad, 1]), Err(Errno::EFAULT), "{bad:#x}");
    }
    assert_eq!(call(nr::__NR_pread64, [fd, READ_ONLY, 10, 0]), Err(Errno::EFAULT));
    assert_eq!(call(nr::__NR_pread64, [fd, READ_ONLY, 10, 1000]), Ok(0));
    // A path that ends with the last mapped byte is read; one that goes on is not.
    copy_out(b"/f\0", READ_ONLY - 3).expect("mapped");
    assert!(call(nr::__NR_stat, [READ_ONLY - 3, PAD]).is_ok());
    let edge = HOLE - 4;
    assert_eq!(call(nr::__NR_access, [edge, 0]), Err(Errno::ENOENT)); // it is empty
    unilith_space::protect(READ_ONLY, 0x1000, Prot::RW).expect("mapped");
    copy_out(b"/nul", edge).expect("mapped");
    assert_eq!(call(nr::__NR_access, [edge, 0]), Err(Errno::EFAULT));
    copy_out(&[b'a'; 4096], READ_ONLY).expect("mapped");
    assert_eq!(call(nr::__NR_access, [READ_ONLY, 0]), Err(Errno::ENAMETOOLONG));
    unilith_space::protect(READ_ONLY, 0x1000, Prot::R).expect("mapped");
    // Access modes.
    let read_only = call(nr::__NR_open, [path("/f"), 0, 0]).expect("there");
    assert_eq!(call(nr::__NR_write, [read_only, PAD, 1]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_ftruncate, [read_only, 0]), Err(Errno::EINVAL));
    let only_path = call(nr::__NR_open, [path("/f"), nr::O_PATH as usize, 0]).expect("there");
    assert_eq!(call(nr::__NR_read, [only_path, PAD, 1]), Err(Errno::EBADF));
    assert!(call(nr::__NR_fstat, [only_path, PAD]).is_ok());
    let append = (nr::O_WRONLY | nr::O_APPEND) as usize;
    let append = call(nr::__NR_open, [path("/f"), append, 0]).expect("there");
    copy_out(b"ab", PAD).expect("mapped");
    assert_eq!(call(nr::__NR_write, [append, PAD, 2]), Ok(2));
    assert_eq!(call(nr::__NR_lseek, [append, 0, 1]), Ok(12));
    assert_eq!(call(nr::__NR_pwrite64, [append, PAD, 1, 0]), Ok(1));
    assert_eq!(call(nr::__NR_pread64, [fd, PAD + 0x100, 9, 11]), Ok(2));
    assert_eq!(call(nr::__NR_ftruncate, [fd, 12]), Ok(0));
    // Scattered.
    let vector = [PAD + 0x200, 3, PAD + 0x300, 0, PAD + 0x400, 100].map(usize::to_ne_bytes);
    copy_out(&vector.concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_preadv, [fd, PAD, 3, 0, 0]), Ok(12));
    assert_eq!((bytes(PAD + 0x200, 3), bytes(PAD + 0x400, 3)), (b"012".to_vec(), b"345".to_vec()));
    assert_eq!(call(nr::__NR_preadv, [fd, PAD, 1025, 0, 0]), Err(Errno::EINVAL));
    // Copies inside the kernel.
    let copy = call(nr::__NR_open, [path("/copy"), RDWR_CREATE, 0o600]).expect("made");
    copy_out(&3u64.to_ne_bytes(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_sendfile, [copy, fd, PAD, 100]), Ok(9));
    assert_eq!(bytes(PAD, 8), 12u64.to_ne_bytes());
    assert_eq!(call(nr::__NR_copy_file_range, [fd, PAD, fd, 0, 1, 0]), Err(Errno::EINVAL));
    for fd in [fd, read_only, only_path, append, copy] {
        assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
        assert_eq!(call(nr::__NR_close, [fd]), Err(Errno::EBADF));
    }
    let exclusive = RDWR_CREATE | nr::O_EXCL as usize;
    assert_eq!(call(nr::__NR_open, [path("/f"), exclusive, 0]), Err(Errno::EEXIST));
    assert_eq!(call(nr::__NR_open, [path("/"), RDWR_CREATE, 0]), Err(Errno::EISDIR));
    assert_eq!(call(nr::__NR_open, [path("/f"), nr::O_DIRECTORY as usize, 0]), Err(Errno::ENOTDIR));
    assert_eq!(call(nr::__NR_open, [path("/dev/full"), 1, 0]), Ok(3));
    assert_eq!(call(nr::__NR_write, [3, PAD, 1]), Err(Errno::ENOSPC));
    assert_eq!(call(nr::__NR_close, [3]), Ok(0));
}

fn descriptors() {
    assert_eq!(call(nr::__NR_read, [0, PAD, 100]), Ok(5));
    assert_eq!(bytes(PAD, 5), b"input");
    // The console gave all that it had: more would wait.
    let vector = [PAD + 0x200, 0, PAD + 0x200, 5, PAD + 0x300, 5].map(usize::to_ne_bytes);
    copy_out(&vector.concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_readv, [0, PAD, 3]), Ok(5));
    assert_eq!(call(nr::__NR_lseek, [1, 0, 0]), Err(Errno::ESPIPE));
    assert_eq!(call(nr::__NR_ioctl, [1, 0x5401, PAD]), Err(Errno::ENOTTY));
    assert_eq!(call(nr::__NR_read, [1, PAD, 1]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_dup, [1]), Ok(3));
    assert_eq!(call(nr::__NR_fcntl, [1, nr::F_DUPFD_CLOEXEC as usize, 10]), Ok(10));
    assert_eq!(call(nr::__NR_fcntl, [10, nr::F_GETFD as usize]), Ok(1));
    assert_eq!(call(nr::__NR_fcntl, [3, nr::F_GETFD as usize]), Ok(0));
    assert_eq!(call(nr::__NR_dup2, [1, 10]), Ok(10));
    assert_eq!(call(nr::__NR_fcntl, [10, nr::F_GETFD as usize]), Ok(0));
    assert_eq!(call(nr::__NR_dup2, [77, 77]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_dup3, [1, 1, 0]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_dup2, [1, 1 << 20]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_dup2, [1, usize::MAX]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_close_range, [3, u32::MAX as usize, 0]), Ok(0));
    assert_eq!(call(nr::__NR_fcntl, [10, nr::F_GETFD as usize]), Err(Errno::EBADF));
    // Limits are kept.
    copy_out(&[4u64, 1 << 16].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    let nofile = nr::RLIMIT_NOFILE as usize;
    assert_eq!(call(nr::__NR_prlimit64, [0, nofile, PAD, PAD + 0x10]), Ok(0));
    assert_eq!(bytes(PAD + 0x10, 8), 1024u64.to_ne_bytes());
    assert_eq!((call(nr::__NR_dup, [1]), call(nr::__NR_dup, [1])), (Ok(3), Err(Errno::EMFILE)));
    let empty = RDWR_CREATE | nr::O_TRUNC as usize;
    assert_eq!(call(nr::__NR_open, [path("/f"), empty, 0]), Err(Errno::EMFILE));
    assert_eq!(call(nr::__NR_open, [path("/new"), empty, 0]), Err(Errno::EMFILE));
    assert_eq!(call(nr::__NR_stat, [path("/f"), PAD + 0x100]), Ok(0));
    assert_eq!(bytes(PAD + 0x130, 8), 12u64.to_ne_bytes());
    assert_eq!(call(nr::__NR_stat, [path("/new"), PAD + 0x100]), Err(Errno::ENOENT));
    assert_eq!(call(nr::__NR_prlimit64, [0, nofile, PAD + 0x10, 0]), Ok(0));
    assert_eq!(call(nr::__NR_prlimit64, [0, nr::RLIMIT_AS as usize, PAD, 0]), Err(Errno::EPERM));
    assert_eq!(call(nr::__NR_close, [3]), Ok(0));
    assert_eq!(call(nr::__NR_getrlimit, [nr::RLIMIT_STACK as usize, PAD]), Ok(0));
    assert_eq!(bytes(PAD, 8), (8u64 << 20).to_ne_bytes()); // as much as is mapped
    // One descriptor that is open and one that is not.
    copy_out(&[1, 0, 0, 0, 5, 0, 9, 9, 50, 0, 0, 0, 1, 0, 9, 9], PAD).expect("mapped");
    assert_eq!(call(nr::__NR_poll, [PAD, 2, usize::MAX]), Ok(2));
    assert_eq!(bytes(PAD, 16), [1, 0, 0, 0, 5, 0, 5, 0, 50, 0, 0, 0, 1, 0, 32, 0]);
    assert_eq!(call(nr::__NR_poll, [PAD, 0, 5]), Ok(0));
}

fn directories() {
    assert_eq!(call(nr::__NR_mkdir, [path("/d"), 0o777]), Ok(0));
    assert_eq!(call(nr::__NR_chdir, [path("/d")]), Ok(0));
    assert_eq!(call(nr::__NR_getcwd, [PAD, 100]), Ok(3));
    assert_eq!(bytes(PAD, 3), b"/d\0");
    assert_eq!(call(nr::__NR_getcwd, [PAD, 2]), Err(Errno::ERANGE));
    for name in ["a", "b", "c"] {
        let fd = call(nr::__NR_open, [path(name), RDWR_CREATE, 0o644]).expect("made");
        assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
    }
    let dir = call(nr::__NR_open, [path("."), nr::O_DIRECTORY as usize, 0]).expect("there");
    assert_eq!(call(nr::__NR_getdents64, [dir, PAD, 10]), Err(Errno::EINVAL));
    // In pieces of two entries of 24 bytes each, with what is removed in between.
    let mut names = Vec::new();
    loop {
        let len = call(nr::__NR_getdents64, [dir, PAD, 50]).expect("listed");
        if len == 0 {
            break;
        }
        for entry in bytes(PAD, len).chunks(24) {
            names.push(entry[19]);
            if entry[19] == b'a' {
                assert_eq!(call(nr::__NR_unlinkat, [dir, path("a"), 0]), Ok(0));
            }
        }
    }
    assert_eq!(names, b"..abc");
    assert_eq!(call(nr::__NR_openat, [dir, path("b/x"), 0, 0]), Err(Errno::ENOTDIR));
    assert_eq!(call(nr::__NR_openat, [1, path("b"), 0, 0]), Err(Errno::ENOTDIR));
    assert_eq!(call(nr::__NR_openat, [99, path("b"), 0, 0]), Err(Errno::EBADF));
    let file = call(nr::__NR_openat, [99, path("/d/b"), 0, 0]).expect("absolute");
    assert_eq!(call(nr::__NR_getdents64, [file, PAD, 100]), Err(Errno::ENOTDIR));
    assert_eq!(call(nr::__NR_fchdir, [file]), Err(Errno::ENOTDIR));
    assert_eq!(call(nr::__NR_newfstatat, [file, path(""), PAD, 0x1000]), Ok(0));
    assert_eq!(call(nr::__NR_newfstatat, [file, path(""), PAD, 0]), Err(Errno::ENOENT));
    assert_eq!(call(nr::__NR_newfstatat, [CWD, path("b"), PAD, 1]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_statx, [CWD, path("b"), 0, 0x7ff, PAD]), Ok(0));
    assert_eq!(call(nr::__NR_statx, [CWD, path("b"), 0, 1 << 31, PAD]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_symlink, [path("b"), PAD + 0x700]), Err(Errno::ENOENT));
    assert_eq!(call(nr::__NR_renameat2, [CWD, path("b"), CWD, path("b"), 1]), Err(Errno::EEXIST));
    assert_eq!(call(nr::__NR_umask, [0o077]), Ok(0o022));
    assert_eq!(call(nr::__NR_mknod, [path("m"), 0o100666, 0]), Ok(0));
    assert_eq!(call(nr::__NR_stat, [path("m"), PAD]), Ok(0));
    assert_eq!(bytes(PAD + 24, 4), 0o100600u32.to_ne_bytes());
    assert_eq!(call(nr::__NR_mknod, [path("p"), 0o010666, 0]), Err(Errno::EPERM));
    assert_eq!(call(nr::__NR_close_range, [3, 100, 0]), Ok(0));
    assert_eq!(call(nr::__NR_chdir, [path("/")]), Ok(0));
}

fn memory() {
    let none = usize::MAX;
    let anonymous = (nr::MAP_PRIVATE | nr::MAP_ANONYMOUS) as usize;
    let map = |addr, len, prot, flags| call(nr::__NR_mmap, [addr, len, prot, flags, none, 0]);
    let before = fake::mapped_pages();
    let at = map(0, 0x3001, 3, anonymous).expect("room");
    assert_eq!(fake::mapped_pages(), before, "nothing has been touched");
    copy_out(&[0; 0x4000], at).expect("mapped");
    assert_eq!(fake::mapped_pages(), before + 4);
    assert_eq!(map(0, 0x1000, 7, anonymous), Err(Errno::EACCES));
    assert_eq!(call(nr::__NR_mprotect, [at, 0x1000, 7]), Err(Errno::EACCES));
    assert_eq!(map(0, 0, 3, anonymous), Err(Errno::EINVAL));
    assert_eq!(map(0, usize::MAX, 3, anonymous), Err(Errno::ENOMEM));
    assert_eq!(map(0, 1 << 40, 3, anonymous), Err(Errno::ENOMEM));
    assert_eq!(map(0, 0x1000, 3, 0x20), Err(Errno::EINVAL));
    let fixed = anonymous | nr::MAP_FIXED as usize;
    let exactly = anonymous | nr::MAP_FIXED_NOREPLACE as usize;
    assert_eq!(map(at + 0x1000, 0x1000, 3, exactly), Err(Errno::EEXIST));
    assert_eq!(map(0x1000, 0x1000, 3, fixed), Err(Errno::EPERM));
    copy_out(&[7; 0x4000], at).expect("mapped");
    assert_eq!(map(at + 0x1000, 0x1000, 1, fixed), Ok(at + 0x1000));
    assert_eq!(
        (bytes(at, 1), bytes(at + 0x1000, 1), bytes(at + 0x2000, 1)),
        (vec![7], vec![0], vec![7])
    );
    // Grown, moved, shrunk: the contents come along.
    assert_eq!(call(nr::__NR_mremap, [at, 0x1000, 0x2000, 0]), Err(Errno::ENOMEM));
    let moved = call(nr::__NR_mremap, [at, 0x1000, 0x5000, 1]).expect("room");
    assert_eq!((bytes(moved, 2), bytes(moved + 0x1000, 2)), (vec![7, 7], vec![0, 0]));
    assert_eq!(call(nr::__NR_mremap, [moved, 0x5000, 0x1000, 0]), Ok(moved));
    assert_eq!(call(nr::__NR_mremap, [moved + 0x1000, 0x1000, 0x2000, 1]), Err(Errno::EFAULT));
    assert_eq!(call(nr::__NR_madvise, [moved, 0x1000, 4]), Ok(0));
    assert_eq!(bytes(moved, 1), [0]);
    assert_eq!(call(nr::__NR_madvise, [moved, 0x2000, 4]), Err(Errno::ENOMEM));
    assert_eq!(call(nr::__NR_mincore, [moved, 0x1000, PAD]), Ok(0));
    assert_eq!(call(nr::__NR_munmap, [moved, 0x1000]), Ok(0));
    assert_eq!(call(nr::__NR_munmap, [at, 0x4000]), Ok(0));
    assert_eq!(call(nr::__NR_munmap, [at + 1, 0x1000]), Err(Errno::EINVAL));
    assert_eq!(fake::mapped_pages(), before);
    // Nothing grows into what is kept for the stack.
    let below = map(TOP - 0x1000, 0x1000, 3, exactly).expect("free");
    assert_eq!(call(nr::__NR_mremap, [below, 0x1000, 0x2000, 0]), Err(Errno::ENOMEM));
    assert_eq!(call(nr::__NR_munmap, [below, 0x1000]), Ok(0));
    // What nobody may touch costs nothing until somebody may.
    let reserved = map(0, 0x100_0000, 0, anonymous).expect("room");
    assert_eq!(fake::mapped_pages(), before);
    assert_eq!(call(nr::__NR_mprotect, [reserved + 0x1000, 0x1000, 3]), Ok(0));
    assert!(copy_out(&[1], reserved).is_err());
    copy_out(&[1], reserved + 0x1000).expect("accessible");
    assert_eq!(fake::mapped_pages(), before + 1);
    assert_eq!(call(nr::__NR_munmap, [reserved, 0x100_0000]), Ok(0));
    assert_eq!(fake::mapped_pages(), before);
    // A file, privately.
    let fd = call(nr::__NR_open, [path("/f"), 0, 0]).expect("there");
    let private = nr::MAP_PRIVATE as usize;
    let shared = nr::MAP_SHARED as usize;
    let at = call(nr::__NR_mmap, [0, 0x2000, 3, private, fd, 0]).expect("mapped");
    assert_eq!((bytes(at, 3), bytes(at + 0x1ffe, 2)), (b"012".to_vec(), vec![0, 0]));
    assert_eq!(call(nr::__NR_mmap, [0, 1, 1, shared, fd, 0]), Err(Errno::ENODEV));
    assert_eq!(call(nr::__NR_mmap, [0, 1, 1, private, fd, 1]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_mmap, [0, 1, 1, private, 99, 0]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_mmap, [0, 1, 1, private, 0, 0]), Err(Errno::ENODEV));
    copy_out(b"changed", at).expect("writable");
    assert_eq!(call(nr::__NR_madvise, [at, 0x2000, 4]), Ok(0));
    assert_eq!(bytes(at, 3), b"012", "the file again");
    assert_eq!(call(nr::__NR_munmap, [at, 0x2000]), Ok(0));
    assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
    // The heap.
    let end = call(nr::__NR_brk, [0]).expect("always");
    assert_eq!(call(nr::__NR_brk, [end + 0x1800]), Ok(end + 0x1800));
    assert_eq!(bytes(end, 1), [0]);
    assert_eq!(call(nr::__NR_brk, [end + (1 << 40)]), Ok(end + 0x1800));
    assert_eq!(call(nr::__NR_brk, [end]), Ok(end));
    assert_eq!(fake::mapped_pages(), before);
}

/// A file of three pages and a bit that lies in memory.
struct Archived;

static ARCHIVE: [u8; 0x3010] = [b'a'; 0x3010];

impl unilith_space::Object for Archived {
    fn read(&self, _: u64, _: &mut [u8]) -> Result<usize, Errno> {
        unreachable!("it lies in memory")
    }
    fn in_memory(&self) -> Option<&'static [u8]> {
        Some(&ARCHIVE)
    }
}

/// Pages of files in memory are shown as they are, until somebody stores to them.
fn files_in_memory() {
    let before = fake::mapped_pages();
    let object = std::sync::Arc::new(Archived);
    let map = |prot| {
        let place = unilith_space::Place::Anywhere(0);
        let (offset, end, shared) = (0, ARCHIVE.len() as u64, false);
        let mapping = unilith_space::Mapping { object: object.clone(), offset, end, shared };
        unilith_space::map(place, 0x4000, prot, unilith_space::Origin::File(mapping))
    };
    let at = map(Prot::R).expect("room");
    assert_eq!(bytes(at + 0x300f, 2), [b'a', 0]);
    assert_eq!(bytes(at, 0x3000), ARCHIVE[..0x3000]);
    assert_eq!((fake::pages_in_place(), fake::mapped_pages()), (3, before + 4));
    assert!(copy_out(b"b", at).is_err(), "it may not be written");
    assert_eq!(call(nr::__NR_mprotect, [at, 0x4000, 3]), Ok(0));
    assert_eq!(bytes(at, 1), b"a");
    assert_eq!(fake::pages_in_place(), 3, "it has not been written yet");
    copy_out(b"bb", at + 0xfff).expect("writable");
    assert_eq!((bytes(at + 0xffe, 4), fake::pages_in_place()), (b"abba".to_vec(), 1));
    copy_out(b"c", at + 0xfff).expect("writable");
    let moved = call(nr::__NR_mremap, [at, 0x4000, 0x8000, 1]).expect("room");
    assert_eq!((bytes(moved + 0xffe, 4), fake::pages_in_place()), (b"acba".to_vec(), 1));
    copy_out(b"d", moved + 0x2000).expect("writable");
    assert_eq!((bytes(moved + 0x2000, 2), fake::pages_in_place()), (b"da".to_vec(), 0));
    assert_eq!(call(nr::__NR_madvise, [moved, 0x8000, 4]), Ok(0));
    assert_eq!(bytes(moved, 0x3000), ARCHIVE[..0x3000]);
    assert_eq!(call(nr::__NR_munmap, [moved, 0x8000]), Ok(0));
    // What is there to be written has its own pages from the start.
    let at = map(Prot::RW).expect("room");
    assert_eq!((bytes(at, 1), fake::pages_in_place()), (b"a".to_vec(), 0));
    assert_eq!(call(nr::__NR_munmap, [at, 0x4000]), Ok(0));
    assert_eq!((fake::pages_in_place(), fake::mapped_pages()), (0, before));
}

fn process() {
    assert_eq!(call(nr::__NR_getpid, []), Ok(1));
    assert_eq!(call(nr::__NR_wait4, [usize::MAX, 0, 0, 0]), Err(Errno::ECHILD));
    copy_out(&[9; 32], PAD).expect("mapped");
    assert_eq!(call(nr::__NR_rt_sigaction, [10, PAD, 0, 8]), Ok(0));
    assert_eq!(call(nr::__NR_rt_sigaction, [10, 0, PAD + 0x100, 8]), Ok(0));
    // But for flags that have no meaning, and for what cannot be blocked.
    assert_eq!(bytes(PAD + 0x100, 8), [9; 8]);
    let mask = 0x0909_0909_0909_0909u64 & !(1 << 8 | 1 << 18);
    assert_eq!(bytes(PAD + 0x118, 8), mask.to_ne_bytes());
    for (signal, size) in [(0, 8), (65, 8), (10, 16), (9, 8)] {
        assert_eq!(call(nr::__NR_rt_sigaction, [signal, PAD, 0, size]), Err(Errno::EINVAL));
    }
    assert_eq!(call(nr::__NR_kill, [1, 0]), Ok(0));
    assert_eq!(call(nr::__NR_kill, [2, 0]), Err(Errno::ESRCH));
    assert_eq!(call(nr::__NR_kill, [1, 17]), Ok(0)); // SIGCHLD is ignored
    copy_out(&u64::MAX.to_ne_bytes(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_rt_sigprocmask, [2, PAD, 0, 8]), Ok(0));
    assert_eq!(call(nr::__NR_tgkill, [1, 1, 17]), Ok(0));
    assert_eq!(call(nr::__NR_rt_sigpending, [PAD, 8]), Ok(0));
    assert_eq!(bytes(PAD, 8), (1u64 << 16).to_ne_bytes());
    copy_out(&[0; 8], PAD).expect("mapped");
    assert_eq!(call(nr::__NR_rt_sigprocmask, [2, PAD, PAD + 8, 8]), Ok(0));
    assert_eq!(bytes(PAD + 8, 8), (!(1u64 << 8 | 1 << 18)).to_ne_bytes());
    assert_eq!(call(nr::__NR_getrandom, [PAD, 8, 0]), Err(Errno::ENOSYS)); // no source
    assert_eq!(call(nr::__NR_rseq, [PAD, 32, 0, 1]), Ok(0));
    assert_eq!(call(nr::__NR_rseq, [PAD, 32, 0, 1]), Err(Errno::EBUSY));
    assert_eq!(call(nr::__NR_rseq, [PAD, 32, 1, 1]), Ok(0));
    assert_eq!(call(nr::__NR_rseq, [PAD + 1, 32, 0, 1]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_uname, [PAD]), Ok(0));
    assert_eq!(bytes(PAD, 6), b"Linux\0");
    assert_eq!(call(nr::__NR_sysinfo, [PAD]), Ok(0));
    assert_eq!(call(nr::__NR_arch_prctl, [0x1003, PAD]), Ok(0));
    assert_eq!(bytes(PAD, 8), 0x1234usize.to_ne_bytes());
    assert_eq!(call(nr::__NR_arch_prctl, [0x1002, usize::MAX]), Err(Errno::EPERM));
    copy_out(&[0u64, 1_000_000_000].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_nanosleep, [PAD, 0]), Err(Errno::EINVAL));
    copy_out(&[0u64, 5_000_000].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_clock_nanosleep, [1, 0, PAD, 0]), Ok(0));
    assert_eq!(call(nr::__NR_clock_gettime, [0, PAD]), Ok(0));
    assert_eq!(bytes(PAD + 8, 8), 123_456_789u64.to_ne_bytes());
    assert_eq!(call(nr::__NR_clock_gettime, [99, PAD]), Err(Errno::EINVAL));
}

fn missing() {
    let above = nr::__NR_getpid as usize | 1 << 32;
    assert_eq!(SYSCALLS.call(&SyscallArgs { nr: above, args: [0; 6] }), 1);
    fake::OUTPUT.lock().expect("not poisoned").clear();
    assert_eq!(call(nr::__NR_fork, []), Err(Errno::ENOSYS));
    assert_eq!(call(nr::__NR_fork, []), Err(Errno::ENOSYS));
    assert_eq!(call(nr::__NR_io_uring_setup, []), Err(Errno::ENOSYS));
    assert_eq!(call(u32::MAX, []), Err(Errno::ENOSYS));
    unilith_syscall::report();
    unilith_syscall::report();
    let said = String::from_utf8(fake::OUTPUT.lock().expect("not poisoned").clone());
    assert_eq!(
        said.as_deref(),
        Ok("unilith: system calls that this image does not have: fork, io_uring_setup, 511\n")
    );
}

/// The last thing, as nothing returns to an application that has ended.
fn the_end() {
    let ended = std::panic::catch_unwind(|| call(nr::__NR_kill, [1, 15]));
    assert_eq!(
        ended.err().and_then(|why| why.downcast::<String>().ok()),
        Some("exit 143".to_string().into())
    );
}
