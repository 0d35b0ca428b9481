//! What an argument means: from the name that its declaration gives it, and the call's.

use super::names::{self, Names};

/// How an argument is written.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// A number with a sign, of 32 bits.
    Int,
    /// A number with a sign.
    Long,
    /// A number.
    Unsigned,
    /// A number in hexadecimal.
    Hex,
    /// A file's permissions.
    Mode,
    /// An address.
    Pointer,
    /// A descriptor, or AT_FDCWD.
    Fd,
    /// Names for its bits.
    Named(Names),
    /// A string up to its NUL.
    Text,
    /// A path: a string that is never cut.
    Path,
    /// An array of strings, up to a null pointer.
    Texts,
    /// How many there are in an array like that: an environment is long.
    Count,
    /// As many bytes as another argument tells.
    Bytes(usize),
    /// A structure that the application gives.
    In(Layout),
    /// Bytes that the call writes, as many as it returns.
    Filled,
    /// The same, as numbers: nobody can read them.
    Random,
    /// A string that the call writes.
    TextOut,
    /// A structure that the call writes.
    Out(Layout),
}

/// A structure.
#[derive(Clone, Copy, Debug)]
pub enum Layout {
    /// struct timespec.
    Time,
    /// struct stat.
    Stat,
    /// struct rlimit64.
    Limit,
    /// struct utsname.
    Names,
    /// Two descriptors.
    Pair,
    /// An int.
    Int,
    /// A process's status (wait(2)).
    Status,
    /// A set of signals.
    Signals,
    /// struct sigaction, as the kernel has it.
    Action,
    /// struct epoll_event.
    Event,
    /// As many of them as the call returns.
    Events,
    /// struct pollfd, as many as another argument tells.
    Polls(usize),
    /// struct iovec, as many as another argument tells, with what is there.
    Pieces(usize),
    /// struct sockaddr, whose length another argument tells.
    Address(usize),
    /// struct sockaddr, with its length where another argument points.
    AddressOf(usize),
    /// struct clone_args.
    Clone,
    /// Entries of a directory: only their number (getdents64(2)).
    Entries,
}

impl Kind {
    /// It is known only when the call has returned.
    pub fn waits(self) -> bool {
        matches!(self, Self::Filled | Self::Random | Self::TextOut | Self::Out(_))
    }
}

/// What the argument `name` of type `ty` of `call` is.
pub fn kind(call: &str, name: &str, ty: &str) -> Kind {
    use Kind::{
        Bytes, Count, Filled, Hex, In, Mode, Named, Out, Path, Pointer, Random, Text, TextOut,
        Texts,
    };
    match (call, name) {
        ("access" | "faccessat" | "faccessat2", "mode") => Named(names::ACCESS),
        ("fallocate", "mode") => Hex,
        (_, "mode") => Mode,
        ("umask", "mask") => Mode,
        ("open" | "openat", "flags") => Named(names::OPEN),
        ("pipe2" | "dup3", "flags") => Named(names::DESCRIPTOR),
        ("eventfd2", "flags") => Named(names::EVENTFD),
        ("timerfd_create", "flags") => Named(names::TIMERFD),
        ("timerfd_settime" | "clock_nanosleep", "flags") => Named(names::TIMER),
        ("signalfd4", "flags") => Named(names::SIGNALFD),
        ("epoll_create1", "flags") => Named(names::EPOLL_CREATE),
        ("faccessat2", "flags") => Named(names::AT_ACCESS),
        ("renameat2", "flags") => Named(names::RENAME),
        ("mmap", "flags") => Named(names::MAP),
        ("mremap", "flags") => Named(names::MREMAP),
        ("msync", "flags") => Named(names::MSYNC),
        ("clone", "flags") => Named(names::CLONE),
        ("getrandom", "flags") => Named(names::RANDOM),
        ("accept4", "flags") => Named(names::SOCKET_FLAGS),
        ("sendto" | "recvfrom" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg", "flags") => {
            Named(names::MESSAGE)
        }
        (
            "newfstatat" | "statx" | "unlinkat" | "linkat" | "fchownat" | "utimensat" | "execveat",
            "flags",
        ) => Named(names::AT),
        ("socket" | "socketpair", "domain") => Named(names::FAMILY),
        ("socket" | "socketpair", "kind") => Named(names::SOCKET),
        ("socket" | "socketpair", "protocol") => Named(names::PROTOCOL),
        (_, "level") => Named(names::LEVEL),
        ("shutdown", "how") => Named(names::SHUTDOWN),
        ("rt_sigprocmask", "how") => Named(names::MASK_HOW),
        ("epoll_ctl", "operation") => Named(names::EPOLL_OPERATION),
        ("futex", "operation") => Named(names::FUTEX),
        ("flock", "operation") => Named(names::LOCK),
        ("fcntl", "command") => Named(names::FCNTL),
        ("ioctl", "request") => Named(names::IOCTL),
        ("madvise", "advice") => Named(names::MADVISE),
        ("arch_prctl", "option") => Named(names::ARCH),
        ("prctl", "option") => Named(names::PRCTL),
        ("wait4" | "waitid", "options") => Named(names::WAIT),
        ("setitimer" | "getitimer", "which") => Named(names::ITIMER),
        (_, "protection") => Named(names::PROT),
        (_, "whence") => Named(names::SEEK),
        (_, "resource") => Named(names::RLIMIT),
        (_, "signal") => Named(names::SIGNAL),
        (_, "clock") => Named(names::CLOCK),
        ("mmap", "offset") | ("rseq", "len" | "signature") => Hex,

        ("read" | "pread64", "buf") => Filled,
        ("recvfrom", "buf") => Filled,
        ("readlink" | "readlinkat" | "getxattr" | "lgetxattr" | "fgetxattr", "to" | "value") => {
            Filled
        }
        ("getrandom", "to") => Random,
        ("getcwd", "to") => TextOut,
        ("write" | "pwrite64" | "sendto", "buf") => Bytes(2),
        ("setxattr" | "lsetxattr" | "fsetxattr", "value") => Bytes(3),
        ("stat" | "lstat" | "fstat" | "newfstatat", "to") => Out(Layout::Stat),
        ("uname", "to") => Out(Layout::Names),
        ("pipe" | "pipe2" | "socketpair", "to") => Out(Layout::Pair),
        ("getrlimit", "to") | ("prlimit64", "old") => Out(Layout::Limit),
        ("setrlimit", "from") | ("prlimit64", "new") => In(Layout::Limit),
        ("clock_gettime" | "clock_getres", "to") => Out(Layout::Time),
        ("nanosleep", "duration") | ("clock_nanosleep", "time") => In(Layout::Time),
        ("ppoll" | "pselect6" | "futex" | "epoll_pwait2" | "rt_sigtimedwait", "timeout") => {
            In(Layout::Time)
        }
        ("rt_sigaction", "new") => In(Layout::Action),
        ("rt_sigaction", "old") => Out(Layout::Action),
        ("rt_sigprocmask", "new") => In(Layout::Signals),
        ("rt_sigprocmask", "old") | ("rt_sigpending", "to") => Out(Layout::Signals),
        ("rt_sigtimedwait", "set") => In(Layout::Signals),
        (
            "ppoll" | "epoll_pwait" | "epoll_pwait2" | "rt_sigsuspend" | "signalfd" | "signalfd4",
            "mask",
        ) => In(Layout::Signals),
        ("epoll_ctl", "event") => In(Layout::Event),
        ("epoll_wait" | "epoll_pwait" | "epoll_pwait2", "events") => Out(Layout::Events),
        ("poll" | "ppoll", "fds") => In(Layout::Polls(1)),
        ("writev" | "pwritev" | "pwritev2", "iov") => In(Layout::Pieces(2)),
        ("readv" | "preadv" | "preadv2", "iov") => Out(Layout::Pieces(2)),
        ("bind" | "connect", "address") => In(Layout::Address(2)),
        ("sendto", "address") => In(Layout::Address(5)),
        ("accept" | "accept4" | "getsockname" | "getpeername", "address") => {
            Out(Layout::AddressOf(2))
        }
        ("recvfrom", "address") => Out(Layout::AddressOf(5)),
        ("accept" | "accept4" | "getsockname" | "getpeername", "len") => Out(Layout::Int),
        ("recvfrom", "address_len") | ("getsockopt", "value" | "len") => Out(Layout::Int),
        ("setsockopt", "value") => In(Layout::Int),
        ("wait4", "status") => Out(Layout::Status),
        ("clone3", "args") => In(Layout::Clone),
        ("getdents64", "to") => Out(Layout::Entries),
        ("execve" | "execveat", "args") => Texts,
        ("execve" | "execveat", "env") => Count,
        ("link" | "linkat" | "rename" | "renameat" | "renameat2", "from" | "to") => Path,
        (_, "path" | "target") | ("mount", "source" | "kind") => Path,
        (_, "name") if ty == "UserPtr" => Text,
        (_, "addr" | "end" | "new_addr" | "stack" | "tls" | "argument") => Pointer,
        _ => of_type(name, ty),
    }
}

fn of_type(name: &str, ty: &str) -> Kind {
    match ty {
        "Fd" => Kind::Fd,
        "UserPtr" => Kind::Pointer,
        "i32" => Kind::Int,
        "i64" | "isize" => Kind::Long,
        _ if matches!(name, "flags" | "events" | "device" | "request" | "options") => Kind::Hex,
        _ => Kind::Unsigned,
    }
}

/// What depends on another argument's value.
pub fn kind_with(call: &str, name: &str, ty: &str, args: &[usize; 6]) -> Kind {
    const PR_SET_NAME: usize = 15;
    const PR_GET_NAME: usize = 16;
    match (call, name, args[1]) {
        ("prctl", "argument", _) if args[0] == PR_SET_NAME => Kind::Text,
        ("prctl", "argument", _) if args[0] == PR_GET_NAME => Kind::TextOut,
        ("getsockopt" | "setsockopt", "name", 1) => Kind::Named(names::SOCKET_OPTION),
        ("getsockopt" | "setsockopt", "name", 6) => Kind::Named(names::TCP_OPTION),
        // Other families number their protocols otherwise.
        ("socket" | "socketpair", "protocol", _) if !matches!(args[0], 2 | 10) => Kind::Unsigned,
        ("fcntl", "argument", F_SETFD) => Kind::Named(names::FD_FLAGS),
        ("fcntl", "argument", F_SETFL) => Kind::Named(names::OPEN),
        ("fcntl", "argument", F_DUPFD | F_DUPFD_CLOEXEC) => Kind::Int,
        ("ioctl", "argument", FIONBIO) => Kind::In(Layout::Int),
        _ => kind(call, name, ty),
    }
}

/// What the result of fcntl(2) with these arguments is made of, if of flags.
pub fn gives_flags(args: &[usize; 6]) -> Option<Names> {
    match args[1] {
        F_GETFD => Some(names::FD_FLAGS),
        F_GETFL => Some(names::OPEN),
        _ => None,
    }
}

const F_DUPFD: usize = 0;
const F_GETFD: usize = 1;
const F_SETFD: usize = 2;
const F_GETFL: usize = 3;
const F_SETFL: usize = 4;
const F_DUPFD_CLOEXEC: usize = 1030;
const FIONBIO: usize = 0x5421;

/// How many of the declared arguments mean something, given the others.
pub fn arity(call: &str, args: &[usize; 6]) -> usize {
    use unilith_posix_abi::raw::general::{MREMAP_FIXED, O_CREAT, O_TMPFILE};
    let creates = |flags: usize| {
        flags & O_CREAT as usize != 0 || flags & O_TMPFILE as usize == O_TMPFILE as usize
    };
    match call {
        "open" if !creates(args[1]) => 2,
        "openat" if !creates(args[2]) => 3,
        "fcntl" if matches!(args[1], F_GETFD | F_GETFL) => 2,
        "mremap" if args[3] & MREMAP_FIXED as usize == 0 => 4,
        "futex" => match args[1] & 0x7f {
            1 | 7 | 8 => 3, // WAKE, UNLOCK_PI, TRYLOCK_PI
            0 | 6 => 4,     // WAIT, LOCK_PI
            3 => 5,         // REQUEUE
            _ => 6,
        },
        _ => 6,
    }
}
