//! Calls that take paths, and what /proc shows, with a fake machine under them. One test that goes
//! through them in order, as they share the process's state.

use fake::{PAD, bytes, path};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{Prot, copy_out};

mod fake;

static SYSCALLS: unilith_syscall::Table = unilith_syscall::Table::new(&[
    unilith_posix_fd::SYSCALLS,
    unilith_posix_fs::SYSCALLS,
    unilith_posix_process::SYSCALLS,
]);

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    match SYSCALLS.call(&SyscallArgs { nr: number as usize, args: all }) {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

fn open(name: &str, flags: u32) -> Result<usize, Errno> {
    call(nr::__NR_open, [path(name), flags as usize, 0o666])
}

fn read(name: &str) -> String {
    let fd = open(name, nr::O_RDONLY).unwrap_or_else(|error| panic!("{name}: {error}"));
    let len = call(nr::__NR_read, [fd, PAD + 0x1000, 0x3000]).expect("readable");
    assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
    String::from_utf8(bytes(PAD + 0x1000, len)).expect("text")
}

fn link(name: &str) -> Result<String, Errno> {
    let len = call(nr::__NR_readlink, [path(name), PAD, 100])?;
    Ok(String::from_utf8(bytes(PAD, len)).expect("text"))
}

const CREATE: u32 = nr::O_RDWR | nr::O_CREAT;

#[test]
fn files_are_what_linux_shows() {
    *fake::COMMAND_LINE.lock().expect("not poisoned") = b"unilith.program=/prog env.A=b -- x y%20z";
    let vfs = unilith_vfs::vfs();
    let mount = |path: &[u8], root| vfs.mount(path, root).expect("mounted");
    mount(b"/", unilith_ramfs::with_limit(0o755, 1 << 22));
    mount(
        b"/proc",
        unilith_procfs::proc(&[
            unilith_elf::PROCFS,
            unilith_posix_fs::PROCFS,
            unilith_posix_process::PROCFS,
            unilith_space::PROCFS,
            unilith_procfs::SYSTEM,
        ]),
    );
    let place = unilith_space::Place::Replace(PAD);
    let zero = unilith_space::Origin::Anonymous;
    unilith_space::map(place, 0x4000, Prot::RW, zero).expect("mapped");
    copy_out(&[0; 0x4000], PAD).expect("mapped"); // what is not touched is not in memory
    assert_eq!(call(nr::__NR_mkdir, [path("/d"), 0o777]), Ok(0));
    assert_eq!(call(nr::__NR_close, [open("/d/prog", CREATE).expect("made")]), Ok(0));
    let target = PAD + 0x400;
    copy_out(b"d/prog\0", target).expect("mapped");
    assert_eq!(call(nr::__NR_symlink, [target, path("/prog")]), Ok(0));
    assert_eq!(call(nr::__NR_chdir, [path("/d")]), Ok(0));
    let program = unilith_elf::Program::from_command_line().expect("named");
    unilith_elf::set_running(program);
    process();
    descriptors();
    system();
    attributes();
    locks();
    room();
    old_calls();
    opening();
    mounting();
}

fn process() {
    assert_eq!(link("/proc/self").as_deref(), Ok("1"));
    assert_eq!(link("/proc/1/exe").as_deref(), Ok("/d/prog"));
    assert_eq!(link("/proc/self/cwd").as_deref(), Ok("/d"));
    assert_eq!(read("/proc/self/cmdline"), "/prog\0x\0y z\0");
    assert_eq!(read("/proc/self/environ"), "A=b\0");
    let maps = read("/proc/self/maps");
    let line = format!("{PAD:08x}-{:08x} rw-p 00000000 00:00 0 ", PAD + 0x4000);
    assert!(maps.starts_with(&line), "{maps}");
    let smaps = read("/proc/self/smaps");
    assert!(smaps.contains("\nPrivate_Dirty:        16 kB\n"), "{smaps}");
    assert_eq!(read("/proc/self/statm"), "4 4 0 0 0 4 0\n");
    let stat = read("/proc/1/stat");
    let fields: Vec<&str> = stat.trim_end().split(' ').collect();
    assert_eq!((fields.len(), fields[1], fields[22], fields[23]), (52, "(prog)", "16384", "4"));
    let status = read("/proc/self/status");
    assert!(status.contains("\nPid:\t1\n") && status.contains("\nVmRSS:\t      16 kB\n"));
    let limits = read("/proc/self/limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    assert_eq!(files.split_whitespace().skip(3).collect::<Vec<_>>(), ["1024", "65536", "files"]);
    assert_eq!(open("/proc/self/stat", nr::O_WRONLY), Err(Errno::EROFS));
    let score = open("/proc/self/oom_score_adj", CREATE | nr::O_TRUNC).expect("writable");
    copy_out(b"-17", PAD).expect("mapped");
    assert_eq!(call(nr::__NR_write, [score, PAD, 3]), Ok(3));
    assert_eq!(call(nr::__NR_close, [score]), Ok(0));
    assert_eq!(read("/proc/self/oom_score_adj"), "-17\n");
    assert_eq!(open("/proc/new", CREATE), Err(Errno::EROFS));
}

fn descriptors() {
    let fd = open("/d/file", CREATE).expect("made");
    assert_eq!(fd, 3);
    assert_eq!(link("/proc/self/fd/3").as_deref(), Ok("/d/file"));
    assert_eq!(link("/proc/self/fd/1").as_deref(), Ok("/dev/console"));
    assert_eq!(link("/proc/self/fd/4"), Err(Errno::ENOENT));
    assert_eq!(call(nr::__NR_unlink, [path("/d/file")]), Ok(0));
    assert_eq!(link("/proc/self/fd/3").as_deref(), Ok("/d/file (deleted)"));
    // The link leads to the file that has no name any more.
    copy_out(b"text", PAD).expect("mapped");
    assert_eq!(call(nr::__NR_write, [3, PAD, 4]), Ok(4));
    assert_eq!(read("/proc/self/fd/3"), "text");
    assert_eq!(open("/proc/self/fd/3/x", 0), Err(Errno::ENOTDIR));
    // The console is no node: its link gives it one more number, if it is open for that.
    fake::OUTPUT.lock().expect("not poisoned").clear();
    let error = open("/proc/self/fd/2", nr::O_WRONLY | nr::O_APPEND | nr::O_CREAT).expect("open");
    assert_eq!(call(nr::__NR_write, [error, PAD, 0]), Ok(0));
    copy_out(b"text", PAD).expect("mapped");
    assert_eq!(call(nr::__NR_write, [error, PAD, 4]), Ok(4));
    assert_eq!(*fake::OUTPUT.lock().expect("not poisoned"), b"text");
    assert_eq!(open("/proc/self/fd/2", nr::O_RDONLY), Err(Errno::EACCES));
    assert_eq!(call(nr::__NR_stat, [path("/proc/self/fd/2"), PAD]), Ok(0));
    assert_eq!(call(nr::__NR_close, [error]), Ok(0));
    let dir = open("/proc/self/fd", nr::O_DIRECTORY).expect("there");
    let len = call(nr::__NR_getdents64, [dir, PAD, 0x700]).expect("listed");
    assert_eq!(len / 24, 7); // ., .., 0 to 4
    for fd in [3, dir] {
        assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
    }
}

fn system() {
    assert_eq!(
        read("/proc/mounts"),
        "tmpfs / tmpfs rw,relatime 0 0\nproc /proc proc rw,relatime 0 0\n"
    );
    let free = format!("\nMemFree:{:>16} kB\n", unilith_mem_api::free_pages() * 4);
    assert!(read("/proc/meminfo").contains(&free), "{free}");
    assert!(read("/proc/filesystems").contains("nodev\ttmpfs\n"));
    assert_eq!(read("/proc/sys/kernel/ostype"), "Linux\n");
    assert!(read("/proc/version").starts_with("Linux version 6.1.0-unilith-"));
    assert!(read("/proc/cpuinfo").starts_with("processor\t: 0\n"));
}

/// Puts a second string into the application's memory.
fn second(text: &str) -> usize {
    copy_out(&[text.as_bytes(), b"\0"].concat(), PAD + 0x600).expect("mapped");
    PAD + 0x600
}

fn attributes() {
    let name = second("user.x");
    let get = |file: &str, name| call(nr::__NR_getxattr, [path(file), name, PAD, 100]);
    assert_eq!(get("/d/prog", name), Err(Errno::EOPNOTSUPP));
    assert_eq!(get("/none", name), Err(Errno::ENOENT));
    assert_eq!(get("/d/prog", 8), Err(Errno::EFAULT));
    assert_eq!(get("/d/prog", second("")), Err(Errno::ERANGE));
    assert_eq!(get("/d/prog", second(&"x".repeat(256))), Err(Errno::ERANGE));
    let name = second("user.x");
    assert_eq!(call(nr::__NR_fgetxattr, [99, name, PAD, 1]), Err(Errno::EBADF));
    assert_eq!(call(nr::__NR_setxattr, [path("/d"), name, PAD, 1, 8]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_setxattr, [path("/d"), name, PAD, 1 << 17, 0]), Err(Errno::E2BIG));
    assert_eq!(call(nr::__NR_lsetxattr, [path("/d"), name, PAD, 1, 0]), Err(Errno::EOPNOTSUPP));
    assert_eq!(call(nr::__NR_removexattr, [path("/d"), name]), Err(Errno::EOPNOTSUPP));
    assert_eq!(call(nr::__NR_listxattr, [path("/d"), PAD, 100]), Ok(0));
    assert_eq!(call(nr::__NR_listxattr, [path("/none"), PAD, 100]), Err(Errno::ENOENT));
}

fn locks() {
    let [shared, exclusive, unlock, nonblocking] = [1, 2, 8, 4];
    let lock = |fd, operation| call(nr::__NR_flock, [fd, operation]);
    let (a, b) = (open("/d/prog", 0).expect("there"), open("/d/prog", 0).expect("there"));
    assert_eq!((lock(a, shared), lock(b, shared)), (Ok(0), Ok(0)));
    assert_eq!(lock(a, exclusive | nonblocking), Err(Errno::EAGAIN));
    assert_eq!((lock(b, unlock), lock(a, exclusive)), (Ok(0), Ok(0)));
    assert_eq!(lock(b, shared | nonblocking), Err(Errno::EAGAIN));
    // Another number of the same description has the same lock; it goes with the last one.
    let again = call(nr::__NR_dup, [a]).expect("room");
    assert_eq!(lock(again, exclusive), Ok(0));
    assert_eq!(call(nr::__NR_close, [a]), Ok(0));
    assert_eq!(lock(b, shared | nonblocking), Err(Errno::EAGAIN));
    assert_eq!(call(nr::__NR_close, [again]), Ok(0));
    assert_eq!(lock(b, exclusive | nonblocking), Ok(0));
    assert_eq!((lock(b, 3), lock(99, shared)), (Err(Errno::EINVAL), Err(Errno::EBADF)));
    assert_eq!(call(nr::__NR_close, [b]), Ok(0));
}

fn room() {
    let fd = open("/d/room", CREATE).expect("made");
    let allocate = |fd, mode, at, len| call(nr::__NR_fallocate, [fd, mode, at, len]);
    assert_eq!(allocate(fd, 0, 100, 5000), Ok(0));
    assert_eq!(call(nr::__NR_fstat, [fd, PAD]), Ok(0));
    assert_eq!(bytes(PAD + 48, 8), 5100u64.to_ne_bytes());
    assert_eq!(bytes(PAD + 64, 8), 16u64.to_ne_bytes(), "two pages, in units of 512 bytes");
    assert_eq!(allocate(fd, 3, 0, 1), Err(Errno::EOPNOTSUPP));
    assert_eq!(allocate(fd, 0, 0, 0), Err(Errno::EINVAL));
    assert_eq!(allocate(fd, 0, i64::MAX as usize, 1), Err(Errno::EFBIG));
    assert_eq!(allocate(fd, 0, 0, 1 << 30), Err(Errno::ENOSPC));
    assert_eq!(allocate(0, 0, 0, 1), Err(Errno::EBADF));
    assert_eq!(allocate(1, 0, 0, 1), Err(Errno::ESPIPE));
    assert_eq!(call(nr::__NR_sync_file_range, [fd, 0, 10, 7]), Ok(0));
    assert_eq!(call(nr::__NR_sync_file_range, [fd, 0, 10, 8]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_sync_file_range, [1, 0, 10, 2]), Err(Errno::ESPIPE));
    assert_eq!(call(nr::__NR_readahead, [fd, 0, 10]), Ok(0));
    assert_eq!(call(nr::__NR_readahead, [0, 0, 10]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
}

fn old_calls() {
    let modified = || {
        assert_eq!(call(nr::__NR_stat, [path("/d/room"), PAD]), Ok(0));
        let field = |at| u64::from_ne_bytes(bytes(PAD + at, 8).try_into().expect("eight bytes"));
        (field(72), field(88), field(96))
    };
    copy_out(&[3u64, 4].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_utime, [path("/d/room"), PAD]), Ok(0));
    assert_eq!(modified(), (3, 4, 0));
    copy_out(&[5u64, 6, 7, 8].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    assert_eq!(call(nr::__NR_utimes, [path("/d/room"), PAD]), Ok(0));
    assert_eq!(modified(), (5, 7, 8000));
    assert_eq!(call(nr::__NR_utimes, [path("/d/room"), 0]), Ok(0));
    assert_eq!(modified(), (1_700_000_000, 1_700_000_000, 123_456_789));
    copy_out(&[5u64, 1_000_000, 7, 8].map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
    let dir = open("/d", nr::O_DIRECTORY).expect("there");
    assert_eq!(call(nr::__NR_futimesat, [dir, path("room"), PAD]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_futimesat, [dir, path("room"), 0]), Ok(0));
    // struct linux_dirent: the type is in the last byte.
    let len = call(nr::__NR_getdents, [dir, PAD, 0x700]).expect("listed");
    let (mut names, mut at) = (Vec::new(), 0);
    let list = bytes(PAD, len);
    while at < len {
        let size = usize::from(u16::from_ne_bytes([list[at + 16], list[at + 17]]));
        let name = list[at + 18..at + size].split(|&byte| byte == 0).next().expect("a name");
        names.push((String::from_utf8_lossy(name).into_owned(), list[at + size - 1]));
        at += size;
    }
    let expected = [(".", 4), ("..", 4), ("prog", 8), ("room", 8)];
    assert_eq!(names, expected.map(|(name, kind)| (name.to_string(), kind)));
    assert_eq!(call(nr::__NR_close, [dir]), Ok(0));
}

fn opening() {
    let how = |name: &str, fields: [u64; 4], size: usize| {
        let name = path(name);
        copy_out(&fields.map(u64::to_ne_bytes).concat(), PAD).expect("mapped");
        let cwd = nr::AT_FDCWD as usize;
        call(nr::__NR_openat2, [cwd, name, PAD, size])
    };
    let fd = how("/d/prog", [u64::from(nr::O_CLOEXEC), 0, 0, 0], 24).expect("there");
    assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
    assert_eq!(how("/d/prog", [0, 0, 8, 0], 24), Err(Errno::EINVAL));
    assert_eq!(how("/d/prog", [0, 0o644, 0, 0], 24), Err(Errno::EINVAL));
    assert_eq!(how("/d/prog", [1 << 40, 0, 0, 0], 24), Err(Errno::EINVAL));
    assert_eq!(how("/d/prog", [0, 0, 0, 1], 32), Err(Errno::E2BIG));
    assert_eq!(how("/d/prog", [0, 0, 0, 0], 16), Err(Errno::EINVAL));
    assert_eq!(how("/d/prog", [0, 0, 0, 0], 1 << 20), Err(Errno::E2BIG));
    assert_eq!(how("/d", [0o20_200_002, 0o600, 0, 0], 24), Err(Errno::EOPNOTSUPP));
}

fn mounting() {
    assert_eq!(call(nr::__NR_mount, [0, path("/d"), 0, 0, 0]), Err(Errno::EPERM));
    assert_eq!(call(nr::__NR_mount, [0, path("/none"), 0, 0, 0]), Err(Errno::ENOENT));
    assert_eq!(call(nr::__NR_umount2, [path("/proc"), 0]), Err(Errno::EBUSY));
    assert_eq!(call(nr::__NR_umount2, [path("/d"), 0]), Err(Errno::EINVAL));
}
