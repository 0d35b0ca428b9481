//! What /proc tells about the process and the machine (proc(5)).

use crate::limits;
use crate::system::{RELEASE, total_memory};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use core::sync::atomic::{AtomicI32, Ordering::Relaxed};
use unilith_fs_api::FsError;
use unilith_posix_fd::table;
use unilith_procfs_api::{Entry, add_size, text};
use unilith_sync::Once;

/// Nanoseconds in a tick (USER_HZ).
const TICK: u64 = 10_000_000;

/// Files of /proc.
pub const PROCFS: &[Entry] = &[
    Entry::link("self", || Ok(text!("{}", pid()))),
    Entry::text("self/stat", stat),
    Entry::text("self/status", status),
    Entry::text("self/comm", || text!("{}\n", name())),
    Entry::text("self/limits", limits_text),
    Entry::setting("self/oom_score_adj", || number(OOM_SCORE.load(Relaxed)), set_oom_score),
    Entry::text("self/oom_score", || number(0)),
    Entry::text("meminfo", meminfo),
    Entry::text("cpuinfo", cpuinfo),
    Entry::text("version", || text!("Linux version {RELEASE} (unilith) #1 Unilith\n")),
    Entry::text("cmdline", || [unilith_platform::command_line(), b"\n"].concat()),
    Entry::text("sys/kernel/hostname", || b"unilith\n".to_vec()),
    Entry::text("sys/kernel/domainname", || b"(none)\n".to_vec()),
    Entry::text("sys/kernel/ostype", || b"Linux\n".to_vec()),
    Entry::text("sys/kernel/osrelease", || text!("{RELEASE}\n")),
    Entry::text("sys/kernel/version", || b"#1 Unilith\n".to_vec()),
    Entry::text("sys/kernel/random/boot_id", boot_id),
    Entry::text("sys/kernel/random/uuid", uuid),
    Entry::text("sys/kernel/random/entropy_avail", || b"256\n".to_vec()),
];

/// What was written to oom_score_adj. Nobody is ever killed for want of memory.
static OOM_SCORE: AtomicI32 = AtomicI32::new(0);

fn number(number: i32) -> Vec<u8> {
    text!("{number}\n")
}

fn set_oom_score(text: &[u8]) -> Result<(), FsError> {
    let text = core::str::from_utf8(text).map_err(|_| FsError::Invalid)?;
    match text.trim().parse() {
        Ok(score @ -1000..=1000) => {
            OOM_SCORE.store(score, Relaxed);
            Ok(())
        }
        _ => Err(FsError::Invalid),
    }
}

fn pid() -> usize {
    crate::calls::getpid()
}

/// The name of the current thread.
fn name() -> String {
    let name = crate::thread::name();
    let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    String::from_utf8_lossy(&name[..len]).into_owned()
}

fn stat() -> Vec<u8> {
    let sizes = unilith_space::sizes();
    let (pid, parent) = (pid(), crate::calls::getppid());
    let ticks = unilith_platform::monotonic_ns() / TICK;
    let mut text = String::new();
    let _ = write!(text, "{pid} ({}) R {parent} {pid} {pid} 0 -1 4194304 0 0 0 0 ", name());
    // utime, stime, those of children, priority, nice, threads, itrealvalue, start
    let _ = write!(text, "{ticks} 0 0 0 20 0 {} 0 0 ", unilith_posix_task::thread_count());
    let _ = write!(text, "{} {} {}", sizes.mapped, sizes.resident / 4096, u64::MAX);
    // Fields 26 to 52: addresses and signals that are not told, processor 0.
    (26..=52).for_each(|field| text.push_str(if field == 38 { " 17" } else { " 0" }));
    text.push('\n');
    text.into_bytes()
}

fn status() -> Vec<u8> {
    let sizes = unilith_space::sizes();
    let (pid, parent) = (pid(), crate::calls::getppid());
    let mut text = String::new();
    let _ = write!(
        text,
        "Name:\t{}\nState:\tR (running)\nTgid:\t{pid}\nNgid:\t0\nPid:\t{pid}\nPPid:\t{parent}\n\
         TracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nFDSize:\t{}\nGroups:\t \n",
        name(),
        table::open_between(0, usize::MAX).len().next_multiple_of(64),
    );
    for (key, bytes) in [
        ("VmPeak", sizes.mapped),
        ("VmSize", sizes.mapped),
        ("VmLck", 0),
        ("VmPin", 0),
        ("VmHWM", sizes.resident),
        ("VmRSS", sizes.resident),
        ("RssAnon", sizes.resident),
        ("RssFile", 0),
        ("RssShmem", 0),
        ("VmData", sizes.data),
        ("VmExe", sizes.code),
        ("VmSwap", 0),
    ] {
        let _ = writeln!(text, "{key}:\t{:>8} kB", bytes / 1024);
    }
    let _ = writeln!(text, "Threads:\t{}", unilith_posix_task::thread_count());
    text.push_str(
        "Cpus_allowed:\t1\nCpus_allowed_list:\t0\n\
         Mems_allowed:\t1\nMems_allowed_list:\t0\n",
    );
    text.into_bytes()
}

/// Names and units of the limits, by number (RLIMIT_CPU and so on).
const LIMITS: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];

fn limits_text() -> Vec<u8> {
    let mut text = String::new();
    let (soft, hard) = ("Soft Limit", "Hard Limit");
    let _ = writeln!(text, "{:<25} {soft:<20} {hard:<20} {:<10}", "Limit", "Units");
    for (resource, (name, unit)) in (0..).zip(LIMITS) {
        let Ok(limit) = limits::get(resource) else { continue };
        let _ = write!(text, "{name:<25} ");
        for value in [limit.soft, limit.hard] {
            let _ = match value {
                u64::MAX => write!(text, "{:<20} ", "unlimited"),
                value => write!(text, "{value:<20} "),
            };
        }
        let _ = writeln!(text, "{unit:<10}");
    }
    text.into_bytes()
}

fn meminfo() -> Vec<u8> {
    let free = unilith_mem_api::free_pages() * unilith_mem_api::PAGE_SIZE / 1024;
    let mut text = String::new();
    for (name, kib) in [
        ("MemTotal", (total_memory() / 1024).max(free)),
        ("MemFree", free),
        ("MemAvailable", free),
        ("Buffers", 0),
        ("Cached", 0),
        ("SwapCached", 0),
        ("Active", 0),
        ("Inactive", 0),
        ("SwapTotal", 0),
        ("SwapFree", 0),
        ("Dirty", 0),
        ("Writeback", 0),
        ("AnonPages", 0),
        ("Mapped", 0),
        ("Shmem", 0),
        ("Slab", 0),
        ("PageTables", 0),
        ("AnonHugePages", 0),
    ] {
        add_size(&mut text, name, kib);
    }
    text.into_bytes()
}

fn cpuinfo() -> Vec<u8> {
    b"processor\t: 0\nmodel name\t: unknown\nphysical id\t: 0\nsiblings\t: 1\ncore id\t\t: 0\n\
      cpu cores\t: 1\n\n"
        .to_vec()
}

/// A random UUID (RFC 4122, version 4); nothing on a machine without randomness.
fn uuid() -> Vec<u8> {
    let mut bytes = [0; 16];
    if crate::random(&mut bytes).is_err() {
        return Vec::new();
    }
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::new();
    for (index, byte) in bytes.iter().enumerate() {
        let dash = if matches!(index, 4 | 6 | 8 | 10) { "-" } else { "" };
        let _ = write!(text, "{dash}{byte:02x}");
    }
    text.push('\n');
    text.into_bytes()
}

/// A UUID that stays the same until the next boot.
fn boot_id() -> Vec<u8> {
    static BOOT_ID: Once<Vec<u8>> = Once::new();
    BOOT_ID.get_or_init(uuid).cloned().unwrap_or_default()
}
