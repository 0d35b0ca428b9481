//! Calls that take paths, and what /proc shows, with a fake machine under them. One test that goes
//! through them in order, as they share the process's state.

use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{Prot, copy_in, copy_out};

mod fake;

static SYSCALLS: unilith_syscall::Table = unilith_syscall::Table::new(&[
    unilith_posix_fd::SYSCALLS,
    unilith_posix_fs::SYSCALLS,
    unilith_posix_process::SYSCALLS,
]);

/// Pages of the application, for what calls read and write.
const PAD: usize = 0x2000_0000;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    match SYSCALLS.call(&SyscallArgs { nr: number as usize, args: all }) {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

/// Puts a string into the application's memory.
fn path(text: &str) -> usize {
    let at = PAD + 0x800;
    copy_out(&[text.as_bytes(), b"\0"].concat(), at).expect("mapped");
    at
}

fn bytes(at: usize, len: usize) -> Vec<u8> {
    let mut into = vec![0; len];
    copy_in(at, &mut into).expect("mapped");
    into
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
    assert!(read("/proc/self/smaps").contains("\nPrivate_Dirty:        16 kB\n"));
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
    assert!(read("/proc/meminfo").contains("\nMemFree:           65536 kB\n"));
    assert!(read("/proc/filesystems").contains("nodev\ttmpfs\n"));
    assert_eq!(read("/proc/sys/kernel/ostype"), "Linux\n");
    assert!(read("/proc/version").starts_with("Linux version 6.1.0-unilith-"));
    assert!(read("/proc/cpuinfo").starts_with("processor\t: 0\n"));
}
