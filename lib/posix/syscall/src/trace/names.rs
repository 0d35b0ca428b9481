//! Names of flags and choices, in the order in which strace has them.

use core::fmt::{Result, Write};
use unilith_posix_abi::raw;

/// A value under a mask.
#[derive(Clone, Copy, Debug)]
pub struct Name {
    mask: u64,
    value: u64,
    name: &'static str,
}

/// The names that bits of one argument may have.
pub type Names = &'static [&'static [Name]];

/// Flags, or, with a mask, one of several values under it.
macro_rules! names {
    ($module:ident: $($name:ident)*) => {
        &[$(Name {
            mask: raw::$module::$name as u64,
            value: raw::$module::$name as u64,
            name: stringify!($name),
        }),*]
    };
    ($mask:expr, $module:ident: $($name:ident)*) => {
        &[$(Name {
            mask: $mask,
            value: raw::$module::$name as u64,
            name: stringify!($name),
        }),*]
    };
}

const ALL: u64 = u64::MAX;
const S_IFMT: u64 = raw::general::S_IFMT as u64;
const MAP_TYPE: u64 = raw::general::MAP_TYPE as u64;
/// Of a kind of socket: the rest are flags.
const KIND: u64 = 0xf;

const fn flag(name: &'static str, value: u64) -> Name {
    Name { mask: value, value, name }
}

const fn choice(name: &'static str, value: u64) -> Name {
    Name { mask: ALL, value, name }
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident = [$($table:expr),*];)*) => {
        $($(#[$doc])* pub const $name: Names = &[$($table),*];)*
    };
}

tables! {
    OPEN = [
        names!(3, general: O_RDONLY O_WRONLY O_RDWR),
        names!(general: O_CREAT O_EXCL O_NOCTTY O_TRUNC O_APPEND O_NONBLOCK O_SYNC O_DSYNC O_DIRECT
            O_LARGEFILE O_NOFOLLOW O_NOATIME O_CLOEXEC O_PATH O_TMPFILE O_DIRECTORY)
    ];
    /// Those of calls that make descriptors.
    DESCRIPTOR = [names!(general: O_NONBLOCK O_CLOEXEC O_DIRECT)];
    EVENTFD = [names!(general: EFD_SEMAPHORE EFD_CLOEXEC EFD_NONBLOCK)];
    TIMERFD = [names!(general: TFD_CLOEXEC TFD_NONBLOCK)];
    SIGNALFD = [&[flag("SFD_CLOEXEC", 0o2_000_000), flag("SFD_NONBLOCK", 0o4_000)]];
    EPOLL_CREATE = [names!(general: EPOLL_CLOEXEC)];
    EPOLL_OPERATION = [names!(ALL, general: EPOLL_CTL_ADD EPOLL_CTL_DEL EPOLL_CTL_MOD)];
    EPOLL_EVENTS = [names!(general: EPOLLIN EPOLLPRI EPOLLOUT EPOLLERR EPOLLHUP EPOLLRDNORM EPOLLRDBAND
        EPOLLWRNORM EPOLLWRBAND EPOLLMSG EPOLLRDHUP EPOLLEXCLUSIVE EPOLLWAKEUP EPOLLONESHOT EPOLLET)];
    POLL_EVENTS = [names!(general: POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLWRNORM
        POLLRDBAND POLLWRBAND POLLRDHUP)];
    AT = [names!(general: AT_SYMLINK_NOFOLLOW AT_REMOVEDIR AT_SYMLINK_FOLLOW AT_NO_AUTOMOUNT
        AT_EMPTY_PATH)];
    AT_ACCESS = [names!(general: AT_SYMLINK_NOFOLLOW AT_EACCESS AT_EMPTY_PATH)];
    ACCESS = [names!(ALL, general: F_OK), names!(general: R_OK W_OK X_OK)];
    FILE_TYPE = [names!(S_IFMT,
        general: S_IFIFO S_IFCHR S_IFDIR S_IFBLK S_IFREG S_IFLNK S_IFSOCK)];
    SEEK = [names!(ALL, general: SEEK_SET SEEK_CUR SEEK_END SEEK_DATA SEEK_HOLE)];
    FCNTL = [names!(ALL, general: F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_GETLK F_SETLK F_SETLKW
        F_SETOWN F_GETOWN F_SETSIG F_GETSIG F_SETLEASE F_GETLEASE F_NOTIFY F_SETPIPE_SZ F_GETPIPE_SZ
        F_ADD_SEALS F_GET_SEALS F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW F_DUPFD_CLOEXEC)];
    FD_FLAGS = [names!(general: FD_CLOEXEC)];
    LOCK = [names!(general: LOCK_SH LOCK_EX LOCK_UN LOCK_NB)];
    IOCTL = [names!(ALL, ioctl: TCGETS TCSETS TCSETSW TCSETSF TIOCGWINSZ TIOCSWINSZ TIOCGPGRP TIOCSPGRP
        TIOCSCTTY TIOCNOTTY FIONREAD FIONBIO FIOASYNC FIOCLEX FIONCLEX)];
    RENAME = [names!(general: RENAME_NOREPLACE RENAME_EXCHANGE RENAME_WHITEOUT)];
    PROT = [
        names!(ALL, general: PROT_NONE),
        names!(general: PROT_READ PROT_WRITE PROT_EXEC PROT_GROWSDOWN PROT_GROWSUP)
    ];
    MAP = [
        names!(MAP_TYPE, general: MAP_SHARED MAP_PRIVATE MAP_SHARED_VALIDATE),
        names!(general: MAP_FIXED MAP_ANONYMOUS MAP_32BIT MAP_GROWSDOWN MAP_DENYWRITE MAP_EXECUTABLE
            MAP_LOCKED MAP_NORESERVE MAP_POPULATE MAP_NONBLOCK MAP_STACK MAP_HUGETLB MAP_SYNC
            MAP_FIXED_NOREPLACE)
    ];
    MREMAP = [names!(general: MREMAP_MAYMOVE MREMAP_FIXED MREMAP_DONTUNMAP)];
    MSYNC = [names!(general: MS_ASYNC MS_INVALIDATE MS_SYNC)];
    MADVISE = [names!(ALL, general: MADV_NORMAL MADV_RANDOM MADV_SEQUENTIAL MADV_WILLNEED MADV_DONTNEED
        MADV_FREE MADV_REMOVE MADV_DONTFORK MADV_DOFORK MADV_HUGEPAGE MADV_NOHUGEPAGE MADV_DONTDUMP
        MADV_DODUMP MADV_COLD MADV_PAGEOUT MADV_POPULATE_READ MADV_POPULATE_WRITE)];
    CLONE_FLAGS = [names!(general: CLONE_VM CLONE_FS CLONE_FILES CLONE_SIGHAND CLONE_PIDFD CLONE_PTRACE CLONE_VFORK
            CLONE_PARENT CLONE_THREAD CLONE_NEWNS CLONE_SYSVSEM CLONE_SETTLS CLONE_PARENT_SETTID
            CLONE_CHILD_CLEARTID CLONE_DETACHED CLONE_UNTRACED CLONE_CHILD_SETTID)];
    /// With the signal that the parent gets.
    CLONE = [CLONE_FLAGS[0], names!(0xff, general: SIGCHLD)];
    FUTEX = [
        names!(0xff, general: FUTEX_WAIT_PRIVATE FUTEX_WAKE_PRIVATE FUTEX_REQUEUE_PRIVATE
            FUTEX_CMP_REQUEUE_PRIVATE FUTEX_WAKE_OP_PRIVATE FUTEX_LOCK_PI_PRIVATE
            FUTEX_UNLOCK_PI_PRIVATE FUTEX_TRYLOCK_PI_PRIVATE FUTEX_WAIT_BITSET_PRIVATE
            FUTEX_WAKE_BITSET_PRIVATE),
        names!(0x7f, general: FUTEX_WAIT FUTEX_WAKE FUTEX_FD FUTEX_REQUEUE FUTEX_CMP_REQUEUE FUTEX_WAKE_OP
            FUTEX_LOCK_PI FUTEX_UNLOCK_PI FUTEX_TRYLOCK_PI FUTEX_WAIT_BITSET FUTEX_WAKE_BITSET
            FUTEX_WAIT_REQUEUE_PI FUTEX_CMP_REQUEUE_PI FUTEX_LOCK_PI2),
        names!(general: FUTEX_PRIVATE_FLAG FUTEX_CLOCK_REALTIME)
    ];
    SIGNAL = [names!(ALL, general: SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGKILL
        SIGUSR1 SIGSEGV SIGUSR2 SIGPIPE SIGALRM SIGTERM SIGSTKFLT SIGCHLD SIGCONT SIGSTOP SIGTSTP SIGTTIN
        SIGTTOU SIGURG SIGXCPU SIGXFSZ SIGVTALRM SIGPROF SIGWINCH SIGIO SIGPWR SIGSYS)];
    MASK_HOW = [names!(ALL, general: SIG_BLOCK SIG_UNBLOCK SIG_SETMASK)];
    ACTION_FLAGS = [names!(general: SA_RESTORER SA_ONSTACK SA_RESTART SA_NODEFER SA_RESETHAND SA_SIGINFO
        SA_NOCLDSTOP SA_NOCLDWAIT)];
    CLOCK = [names!(ALL, general: CLOCK_REALTIME CLOCK_MONOTONIC CLOCK_PROCESS_CPUTIME_ID
        CLOCK_THREAD_CPUTIME_ID CLOCK_MONOTONIC_RAW CLOCK_REALTIME_COARSE CLOCK_MONOTONIC_COARSE
        CLOCK_BOOTTIME CLOCK_TAI)];
    TIMER = [names!(general: TIMER_ABSTIME)];
    ITIMER = [names!(ALL, general: ITIMER_REAL ITIMER_VIRTUAL ITIMER_PROF)];
    RLIMIT = [names!(ALL, general: RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS
        RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS RLIMIT_LOCKS RLIMIT_SIGPENDING
        RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME)];
    ARCH = [&[
        choice("ARCH_SET_GS", 0x1001),
        choice("ARCH_SET_FS", 0x1002),
        choice("ARCH_GET_FS", 0x1003),
        choice("ARCH_GET_GS", 0x1004),
    ]];
    PRCTL = [names!(ALL, prctl: PR_SET_PDEATHSIG PR_GET_PDEATHSIG PR_GET_DUMPABLE PR_SET_DUMPABLE
        PR_SET_KEEPCAPS PR_GET_KEEPCAPS PR_SET_NAME PR_GET_NAME PR_GET_SECCOMP PR_SET_SECCOMP
        PR_CAPBSET_READ PR_SET_TIMERSLACK PR_GET_TIMERSLACK PR_SET_CHILD_SUBREAPER
        PR_SET_NO_NEW_PRIVS PR_GET_NO_NEW_PRIVS PR_SET_THP_DISABLE PR_GET_THP_DISABLE PR_SET_VMA)];
    RANDOM = [names!(general: GRND_RANDOM GRND_NONBLOCK GRND_INSECURE)];
    WAIT = [names!(general: WNOHANG WUNTRACED WEXITED WCONTINUED WNOWAIT)];
    FAMILY = [names!(ALL, net: AF_UNSPEC AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET AF_VSOCK)];
    SOCKET = [
        names!(KIND, net: SOCK_STREAM SOCK_DGRAM SOCK_RAW SOCK_RDM SOCK_SEQPACKET),
        SOCKET_FLAGS[0]
    ];
    /// SOCK_CLOEXEC and SOCK_NONBLOCK are those of open(2).
    SOCKET_FLAGS = [&[
        flag("SOCK_CLOEXEC", 0o2_000_000),
        flag("SOCK_NONBLOCK", 0o4_000),
    ]];
    MESSAGE = [names!(net: MSG_OOB MSG_PEEK MSG_DONTROUTE MSG_CTRUNC MSG_TRUNC MSG_DONTWAIT MSG_EOR
        MSG_WAITALL MSG_NOSIGNAL MSG_MORE MSG_CMSG_CLOEXEC)];
    SHUTDOWN = [names!(ALL, net: SHUT_RD SHUT_WR SHUT_RDWR)];
    PROTOCOL = [&[
        choice("IPPROTO_IP", 0),
        choice("IPPROTO_ICMP", 1),
        choice("IPPROTO_TCP", 6),
        choice("IPPROTO_UDP", 17),
    ]];
    LEVEL = [&[
        choice("SOL_IP", 0),
        choice("SOL_SOCKET", 1),
        choice("SOL_TCP", 6),
        choice("SOL_UDP", 17),
        choice("SOL_IPV6", 41),
    ]];
    SOCKET_OPTION = [names!(ALL, net: SO_DEBUG SO_REUSEADDR SO_TYPE SO_ERROR SO_DONTROUTE SO_BROADCAST
        SO_SNDBUF SO_RCVBUF SO_KEEPALIVE SO_OOBINLINE SO_PRIORITY SO_LINGER SO_REUSEPORT SO_PASSCRED
        SO_PEERCRED SO_RCVLOWAT SO_SNDLOWAT SO_ACCEPTCONN SO_SNDBUFFORCE SO_RCVBUFFORCE SO_PROTOCOL
        SO_DOMAIN SO_INCOMING_CPU)];
    TCP_OPTION = [names!(ALL, net: TCP_NODELAY TCP_MAXSEG TCP_CORK TCP_KEEPIDLE TCP_KEEPINTVL TCP_KEEPCNT
        TCP_SYNCNT TCP_LINGER2 TCP_DEFER_ACCEPT TCP_WINDOW_CLAMP TCP_INFO TCP_QUICKACK TCP_CONGESTION
        TCP_USER_TIMEOUT TCP_FASTOPEN)];
}

/// The names in `value`, and the rest as a number; 0 if there is nothing.
pub fn write(out: &mut dyn Write, names: Names, value: u64) -> Result {
    let (mut rest, mut any) = (value, false);
    // What was named is not named again: some values have the bits of others.
    let mut named = 0;
    for Name { mask, value: wanted, name } in names.iter().copied().flatten() {
        if value & mask == *wanted && named & mask == 0 {
            out.write_str(if any { "|" } else { "" })?;
            out.write_str(name)?;
            (rest, any, named) = (rest & !mask, true, named | mask);
        }
    }
    match (rest, any) {
        (0, true) => Ok(()),
        (0, false) => out.write_str("0"),
        (rest, true) => write!(out, "|{rest:#x}"),
        (rest, false) => write!(out, "{rest:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn named(names: Names, value: u64) -> String {
        let mut text = String::new();
        write(&mut text, names, value).expect("room");
        text
    }

    #[test]
    fn bits_have_names() {
        assert_eq!(named(OPEN, 0), "O_RDONLY");
        assert_eq!(named(OPEN, 0o2_000_102), "O_RDWR|O_CREAT|O_CLOEXEC");
        assert_eq!(named(MAP, 0x22), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(named(PROT, 0), "PROT_NONE");
        assert_eq!(named(PROT, 3), "PROT_READ|PROT_WRITE");
        assert_eq!(named(AT, 0), "0");
        assert_eq!(named(AT, 0x8100), "AT_SYMLINK_NOFOLLOW|0x8000");
        assert_eq!(named(SIGNAL, 200), "0xc8");
        assert_eq!(named(SOCKET, 0o2_004_001), "SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK");
        assert_eq!(named(ACCESS, 0), "F_OK");
        assert_eq!(named(ACCESS, 5), "R_OK|X_OK");
    }
}
