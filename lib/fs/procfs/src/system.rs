//! Files about nothing in particular, which are the same in every image with one processor.

use alloc::vec::Vec;
use unilith_procfs_api::{Entry, text};

/// Nanoseconds in a second, and in a hundredth.
const SECOND: u64 = 1_000_000_000;
const HUNDREDTH: u64 = SECOND / 100;

macro_rules! constant {
    ($path:literal, $text:expr) => {
        Entry::text($path, || $text.into())
    };
}

/// Files of /proc.
pub const SYSTEM: &[Entry] = &[
    Entry::text("uptime", uptime),
    // There is no queue of programs that could be counted; the last number is the newest process.
    constant!("loadavg", "0.00 0.00 0.00 1/1 1\n"),
    Entry::text("stat", stat),
    constant!("sys/vm/overcommit_memory", "1\n"),
    constant!("sys/vm/overcommit_ratio", "50\n"),
    constant!("sys/vm/max_map_count", "65530\n"),
    constant!("sys/vm/swappiness", "0\n"),
    constant!("sys/net/core/somaxconn", "4096\n"),
    constant!("sys/fs/file-max", "65536\n"),
    constant!("sys/fs/nr_open", "65536\n"),
    constant!("sys/kernel/pid_max", "32768\n"),
    constant!("sys/kernel/threads-max", "32768\n"),
    constant!("sys/kernel/ngroups_max", "65536\n"),
    constant!("sys/kernel/cap_last_cap", "40\n"),
    constant!("sys/kernel/randomize_va_space", "2\n"),
];

/// Files of /sys.
pub const SYS: &[Entry] = &[
    constant!("devices/system/cpu/online", "0\n"),
    constant!("devices/system/cpu/possible", "0\n"),
    constant!("devices/system/cpu/present", "0\n"),
    constant!("devices/system/node/online", "0\n"),
    constant!("kernel/mm/transparent_hugepage/enabled", "always madvise [never]\n"),
    constant!("kernel/mm/transparent_hugepage/defrag", "always madvise [never]\n"),
];

/// Seconds since boot, and seconds without work, which nobody counts.
fn uptime() -> Vec<u8> {
    let now = unilith_platform::monotonic_ns() / HUNDREDTH;
    text!("{}.{:02} 0.00\n", now / 100, now % 100)
}

/// The one processor, in hundredths of a second: all of the time is the application's.
fn stat() -> Vec<u8> {
    let up = unilith_platform::monotonic_ns();
    let booted = unilith_platform::realtime_ns().saturating_sub(up) / SECOND;
    let busy = up / HUNDREDTH;
    text!(
        "cpu  {busy} 0 0 0 0 0 0 0 0 0\ncpu0 {busy} 0 0 0 0 0 0 0 0 0\nintr 0\nctxt 0\n\
         btime {booted}\nprocesses 1\nprocs_running 1\nprocs_blocked 0\n"
    )
}
