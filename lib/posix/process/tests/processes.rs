//! Signals, threads and processes of an application. One test, as all share the first process.

#[path = "../../task/tests/fake/mod.rs"]
mod fake;
mod machine;
#[path = "../../task/tests/platform/mod.rs"]
mod platform;
#[path = "../../task/tests/user/mod.rs"]
mod user;

use machine::{call, change, get, get32, handle, log, logged, put, registers};
use std::sync::atomic::Ordering::Relaxed;
use unilith_posix_abi::Errno;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_api::{Access, Trap};
use user::{VECTOR, code};

unilith_sched_api::bind!(fake::Baton, [unilith_posix_process::POLLER]);

struct NoPages;

impl unilith_mem_api::PageAllocator for NoPages {
    fn allocate(_: usize) -> Option<std::ptr::NonNull<u8>> {
        None
    }
    unsafe fn free(_: std::ptr::NonNull<u8>, _: usize) {}
    fn free_pages() -> usize {
        0
    }
}

unilith_mem_api::bind!(NoPages);

/// The end of the first thread's stack.
const STACK: u64 = 0x8_0000;
const PAD: usize = 0x4_0000;
/// Code.
const HANDLER: u64 = 0x2_2000;
/// Where children and threads begin: after the call, where they find that they are not the parent.
const CHILD: u64 = machine::AFTER_CALL;

const VFORK: usize = (nr::CLONE_VM | nr::CLONE_VFORK | nr::SIGCHLD) as usize;

fn kill(signal: u32) -> Result<usize, Errno> {
    let pid = call(nr::__NR_getpid, []).expect("always");
    call(nr::__NR_kill, [pid, signal as usize])
}

/// Runs `run` in a child, and waits: what wait4(2) tells.
fn child(run: fn()) -> u32 {
    code(CHILD, run);
    let pid = call(nr::__NR_clone, [VFORK, 0, 0, 0, 0]).expect("a child");
    assert_eq!(call(nr::__NR_wait4, [pid, PAD, 0, 0]), Ok(pid));
    get32(PAD)
}

#[test]
fn an_application() {
    change(|r| r.rsp = STACK);
    handlers();
    stacks();
    interruptions();
    timers();
    hostile_returns();
    exceptions();
    threads();
    families();
}

fn handlers() {
    // A handler sees its arguments, and changes nothing behind the application's back.
    code(HANDLER, || {
        let r = registers();
        assert_eq!(r.rdi, 10);
        assert_eq!((r.rsp % 16, r.rax), (8, 0));
        assert!(r.rsp < STACK - 128);
        // si_signo and si_code, and the sender.
        assert_eq!((get32(r.rsi as usize), get32(r.rsi as usize + 8)), (10, 0));
        assert_eq!(get32(r.rsi as usize + 16), 1);
        // The interrupted stack pointer (uc_mcontext.gregs[REG_RSP]), and the mask.
        assert_eq!(get(r.rdx as usize + 40 + 15 * 8), STACK);
        assert_eq!(get(r.rdx as usize + 296), 1 << 11);
        let mask = call(nr::__NR_rt_sigprocmask, [0, 0, PAD, 8]).map(|_| get(PAD));
        assert_eq!(mask, Ok(1 << 9 | 1 << 11 | 1 << 30));
        change(|r| {
            *r = Default::default();
            r.rsp = 0x7_0000; // found again by the frame
        });
        change(|now| {
            now.rsp = r.rsp;
            now.rip = r.rip;
        });
        VECTOR.set([0; user::VECTORS]);
        log("10");
    });
    handle(10, HANDLER, nr::SA_SIGINFO, 1 << 30);
    put(PAD, [1 << 11]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    change(|r| (r.rbx, r.r15, r.rflags) = (0xb, 0xf, 0x246));
    let mut vectors = [7; user::VECTORS];
    vectors[26..28].fill(0);
    VECTOR.set(vectors);
    assert_eq!(kill(10), Ok(0));
    assert_eq!(logged(), ["10"]);
    let r = registers();
    assert_eq!((r.rbx, r.r15, r.rsp, r.rflags), (0xb, 0xf, STACK, 0x46));
    let back = VECTOR.with_borrow(|back| *back);
    // The reserved bytes are the kernel's.
    assert_eq!(
        (back[..464].to_vec(), back[512..].to_vec()),
        (vec![7; 464].tap_mxcsr(), vec![7; 64])
    );
    assert_eq!(call(nr::__NR_rt_sigprocmask, [0, 0, PAD, 8]).map(|_| get(PAD)), Ok(1 << 11));
    // Blocked until it is not.
    assert_eq!(kill(12), Ok(0));
    assert_eq!(call(nr::__NR_rt_sigpending, [PAD, 8]).map(|_| get(PAD)), Ok(1 << 11));
    code(HANDLER + 16, || log(format!("{}", registers().rdi)));
    handle(12, HANDLER + 16, nr::SA_RESETHAND, 0);
    put(PAD, [0]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    assert_eq!(logged(), ["12"]);
    assert_eq!(call(nr::__NR_rt_sigaction, [12, 0, PAD, 8]).map(|_| get(PAD)), Ok(0));
    // Signals with a value queue; low ones come first.
    handle(40, HANDLER + 16, 0, 0);
    handle(12, HANDLER + 16, 0, 0);
    put(PAD, [!0]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    put(PAD, [40, 0xffff_ffff, 1, 77, 0, 0]); // si_code: SI_QUEUE
    for _ in 0..2 {
        assert_eq!(call(nr::__NR_rt_sigqueueinfo, [1, 40, PAD]), Ok(0));
    }
    for _ in 0..2 {
        assert_eq!(call(nr::__NR_tgkill, [1, 1, 12]), Ok(0));
    }
    put(PAD, [0]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    // The frames are built in order, so the last one runs first, as on Linux.
    assert_eq!(logged(), ["40", "40", "12"]);
    for (pid, signal, error) in
        [(1, 65, Errno::EINVAL), (999, 1, Errno::ESRCH), (1, 19, Errno::ENOSYS)]
    {
        assert_eq!(call(nr::__NR_kill, [pid, signal]), Err(error));
    }
    assert_eq!(call(nr::__NR_tgkill, [1, 2, 1]), Err(Errno::ESRCH));
    assert_eq!(call(nr::__NR_tgkill, [0, 1, 1]), Err(Errno::EINVAL));
}

trait TapMxcsr {
    fn tap_mxcsr(self) -> Self;
}

impl TapMxcsr for Vec<u8> {
    fn tap_mxcsr(mut self) -> Self {
        self[26..28].fill(0);
        self
    }
}

fn stacks() {
    const ALTERNATIVE: usize = 0x9_0000;
    put(PAD, [ALTERNATIVE as u64, 0, 0x4000]);
    assert_eq!(call(nr::__NR_sigaltstack, [PAD, 0]), Ok(0));
    code(HANDLER, || {
        let r = registers();
        assert!((ALTERNATIVE as u64..ALTERNATIVE as u64 + 0x4000).contains(&r.rsp));
        assert_eq!(call(nr::__NR_sigaltstack, [0, PAD + 64]), Ok(0));
        assert_eq!(get32(PAD + 64 + 8), nr::SS_ONSTACK);
        assert_eq!(call(nr::__NR_sigaltstack, [PAD, 0]), Err(Errno::EPERM));
        change(|now| *now = r.clone());
        log("on");
    });
    handle(10, HANDLER, nr::SA_ONSTACK, 0);
    assert_eq!(kill(10), Ok(0));
    assert_eq!((logged(), registers().rsp), (vec!["on".to_string()], STACK));
    put(PAD, [0, nr::SS_DISABLE.into(), 0]);
    assert_eq!(call(nr::__NR_sigaltstack, [PAD, 0]), Ok(0));
    put(PAD, [ALTERNATIVE as u64, 0, 100]);
    assert_eq!(call(nr::__NR_sigaltstack, [PAD, 0]), Err(Errno::ENOMEM));
}

/// A thread that sends `signal` to the process as soon as it can.
fn sender(signal: u32) {
    use unilith_posix_task as task;
    let run = move || {
        task::send_process(1, task::Info::user(signal, 0, 1), false).expect("the first process");
        task::bury(task::Status::Exited(0));
        unilith_sched_api::exit_thread()
    };
    task::spawn(&task::Spawn::default(), run).expect("room");
    // It must not take the signal itself.
}

fn interruptions() {
    const WORD: usize = PAD + 0x100;
    code(HANDLER, || {
        log("handler");
        put(WORD, [6]);
    });
    let wait = [WORD, nr::FUTEX_WAIT as usize, 5, 0, 0, 0];
    // Without SA_RESTART the call ends; with it, it is made again, and finds another value.
    handle(10, HANDLER, 0, 0);
    put(WORD, [5]);
    sender(10);
    assert_eq!(call(nr::__NR_futex, wait), Err(Errno::EINTR));
    handle(10, HANDLER, nr::SA_RESTART, 0);
    put(WORD, [5]);
    sender(10);
    assert_eq!(call(nr::__NR_futex, wait), Err(Errno::EAGAIN));
    // Some calls never begin again.
    sender(10);
    assert_eq!(call(nr::__NR_pause, []), Err(Errno::EINTR));
    assert_eq!(logged(), ["handler", "handler", "handler"]);
    // sigsuspend has its own mask, and gives it back.
    put(PAD, [1 << 9]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    assert_eq!(kill(10), Ok(0));
    assert_eq!(logged(), [""; 0]);
    put(PAD, [0]);
    assert_eq!(call(nr::__NR_rt_sigsuspend, [PAD, 8]), Err(Errno::EINTR));
    assert_eq!(logged(), ["handler"]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [0, 0, PAD, 8]).map(|_| get(PAD)), Ok(1 << 9));
    // sigtimedwait takes what is blocked.
    assert_eq!(kill(10), Ok(0));
    put(PAD, [1 << 9]);
    assert_eq!(call(nr::__NR_rt_sigtimedwait, [PAD, PAD + 0x200, 0, 8]), Ok(10));
    assert_eq!(get32(PAD + 0x200), 10);
    put(PAD + 8, [0, 1000]);
    assert_eq!(call(nr::__NR_rt_sigtimedwait, [PAD, 0, PAD + 8, 8]), Err(Errno::EAGAIN));
    put(PAD, [0]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    assert_eq!(logged(), [""; 0]);
}

fn timers() {
    code(HANDLER, || log("alarm"));
    handle(14, HANDLER, 0, 0);
    let start = fake::NOW.load(Relaxed);
    assert_eq!(call(nr::__NR_alarm, [3]), Ok(0));
    assert_eq!(call(nr::__NR_alarm, [2]), Ok(3));
    assert_eq!(call(nr::__NR_pause, []), Err(Errno::EINTR));
    assert_eq!(fake::NOW.load(Relaxed) - start, 2_000_000_000);
    assert_eq!(call(nr::__NR_alarm, [0]), Ok(0));
    put(PAD, [0, 500_000, 1, 0]);
    assert_eq!(call(nr::__NR_setitimer, [0, PAD, PAD + 0x40]), Ok(0));
    assert_eq!((get(PAD + 0x50), get(PAD + 0x58)), (0, 0));
    for _ in 0..3 {
        assert_eq!(call(nr::__NR_pause, []), Err(Errno::EINTR));
    }
    assert_eq!(fake::NOW.load(Relaxed) - start, 4_000_000_000);
    assert_eq!(call(nr::__NR_getitimer, [0, PAD]), Ok(0));
    assert_eq!([0, 8, 16, 24].map(|at| get(PAD + at)), [0, 500_000, 0, 500_000]);
    assert_eq!(call(nr::__NR_setitimer, [0, 0, 0]), Ok(0));
    assert_eq!(call(nr::__NR_setitimer, [1, PAD, 0]), Err(Errno::EINVAL));
    put(PAD, [0, 0, 0, 1_000_000]);
    assert_eq!(call(nr::__NR_setitimer, [0, PAD, 0]), Err(Errno::EINVAL));
    assert_eq!(logged(), ["alarm"; 4]);
}

fn hostile_returns() {
    // No frame at all.
    let status = child(|| {
        change(|r| r.rsp = 8);
        let _ = call(nr::__NR_rt_sigreturn, []);
        log("went on");
    });
    assert_eq!(status, 11);
    // Instruction and stack pointers that are the kernel's, and vector registers that are nobody's.
    fn tamper(offset: u64, value: u64) {
        code(HANDLER, || {});
        change(|r| r.r12 = offset);
        let frame = registers().rdx + offset;
        put(frame as usize, [value]);
    }
    let status = child(|| {
        code(HANDLER, || tamper(40 + 16 * 8, 0xffff_ffff_8010_0000));
        handle(10, HANDLER, 0, 0);
        let _ = kill(10);
        log("went on");
    });
    assert_eq!(status, 11);
    let status = child(|| {
        code(HANDLER, || tamper(40 + 15 * 8, 1 << 63));
        handle(10, HANDLER, 0, 0);
        let _ = kill(10);
        log("went on");
    });
    assert_eq!(status, 11);
    let status = child(|| {
        code(HANDLER, || tamper(224, 0xffff_ffff_8010_0000));
        handle(10, HANDLER, 0, 0);
        let _ = kill(10);
        log("went on");
    });
    assert_eq!(status, 11);
    // No room for a frame.
    let status = child(|| {
        handle(10, HANDLER, 0, 0);
        change(|r| r.rsp = 0x1_0100);
        let _ = kill(10);
        log("went on");
    });
    assert_eq!(status, 11);
    assert_eq!(logged(), [""; 0]);
}

fn exceptions() {
    let bad = Trap::Memory(0xbad0, Access::Write);
    let raise = |trap| {
        let mut r = registers();
        r.rip = 0x2_5000;
        let taken = unilith_posix_process::trap(&mut r, trap);
        change(|now| *now = r);
        taken
    };
    assert!(!raise(bad), "the first process has no handler: a report is due");
    code(HANDLER, || {
        let r = registers();
        log(format!("{} {:#x}", get32(r.rsi as usize), get(r.rsi as usize + 16)));
        // It goes on after the instruction.
        let rip = r.rdx as usize + 40 + 16 * 8;
        put(rip, [get(rip) + 3]);
    });
    handle(11, HANDLER, nr::SA_SIGINFO, 0);
    handle(8, HANDLER, nr::SA_SIGINFO, 0);
    assert!(raise(bad));
    machine::run_handlers();
    assert_eq!((logged(), registers().rip), (vec!["11 0xbad0".to_string()], 0x2_5003));
    assert!(raise(Trap::Divide));
    machine::run_handlers();
    assert_eq!(logged(), ["8 0x25000"]);
    change(|r| r.rip = 0);
    // A blocked one is not put off.
    put(PAD, [1 << 10]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    assert!(!raise(bad));
    put(PAD, [0]);
    assert_eq!(call(nr::__NR_rt_sigprocmask, [nr::SIG_SETMASK as usize, PAD, 0, 8]), Ok(0));
    // In a child it is the child that ends.
    let status = child(|| {
        let mut r = registers();
        unilith_posix_process::trap(&mut r, Trap::Opcode);
    });
    assert_eq!(status, 4);
}

fn threads() {
    const TID: usize = PAD + 0x300;
    const FLAGS: usize = (nr::CLONE_VM
        | nr::CLONE_FS
        | nr::CLONE_FILES
        | nr::CLONE_SIGHAND
        | nr::CLONE_THREAD
        | nr::CLONE_SYSVSEM
        | nr::CLONE_SETTLS
        | nr::CLONE_PARENT_SETTID
        | nr::CLONE_CHILD_CLEARTID) as usize;
    code(CHILD, || {
        let r = registers();
        assert_eq!((r.rax, r.rsp, r.rbx), (0, 0x6_0000, 0xb));
        assert_eq!(unilith_posix_api::thread_pointer(), 0x5555);
        assert_ne!(call(nr::__NR_gettid, []), call(nr::__NR_getpid, []));
        log("thread");
        let _ = call(nr::__NR_exit, [0]);
    });
    change(|r| r.rbx = 0xb);
    let tid = call(nr::__NR_clone, [FLAGS, 0x6_0000, TID, TID, 0x5555]).expect("room");
    assert_eq!(get32(TID) as usize, tid);
    // pthread_join
    let join = [TID, nr::FUTEX_WAIT as usize, tid, 0, 0, 0];
    assert_eq!(call(nr::__NR_futex, join), Ok(0));
    assert_eq!((get32(TID), logged()), (0, vec!["thread".to_string()]));
    assert_eq!(call(nr::__NR_tkill, [tid, 0]), Err(Errno::ESRCH));
    // The same by clone3, whose stack is a base and a length.
    let mut args = [0; 11];
    (args[0], args[3], args[5], args[6], args[7]) =
        (FLAGS as u64, TID as u64, 0x5_0000, 0x1_0000, 0x5555);
    args[2] = TID as u64;
    put(PAD, args);
    assert!(call(nr::__NR_clone3, [PAD, 88]).is_ok());
    assert_eq!(call(nr::__NR_clone3, [PAD, 63]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_sched_yield, []), Ok(0));
    assert_eq!(logged(), ["thread"]);
    for (flags, error) in [
        (nr::CLONE_THREAD, Errno::EINVAL),
        (nr::CLONE_THREAD | nr::CLONE_SIGHAND | nr::CLONE_VM, Errno::ENOSYS),
        (nr::CLONE_VM | nr::CLONE_FILES, Errno::ENOSYS),
        (nr::CLONE_NEWNS | nr::CLONE_VM, Errno::EINVAL),
        (nr::SIGCHLD, Errno::ENOSYS), // fork
    ] {
        assert_eq!(call(nr::__NR_clone, [flags as usize, 0, 0, 0, 0]), Err(error), "{flags:#x}");
    }
    assert_eq!(call(nr::__NR_set_robust_list, [0, 23]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_sched_getaffinity, [0, 8, PAD]), Ok(8));
    assert_eq!(call(nr::__NR_sched_setaffinity, [0, 8, PAD]), Ok(0));
    put(PAD, [2]);
    assert_eq!(call(nr::__NR_sched_setaffinity, [0, 8, PAD]), Err(Errno::EINVAL));
    assert_eq!(call(nr::__NR_sched_get_priority_max, [1]), Ok(99));
    put(PAD, [5]);
    assert_eq!(call(nr::__NR_sched_setscheduler, [0, 1, PAD]), Err(Errno::EPERM));
    assert_eq!(call(nr::__NR_sched_getscheduler, [12345]), Err(Errno::ESRCH));
    // Where Linux looks at numbers and addresses before it looks for the thread.
    let nobody = usize::MAX;
    for (number, args) in [
        (nr::__NR_sched_getscheduler, [nobody, 0, 0]),
        (nr::__NR_sched_setscheduler, [nobody, 0, PAD]),
        (nr::__NR_sched_setscheduler, [0, 0, 0]),
        (nr::__NR_sched_setparam, [nobody, PAD, 0]),
        (nr::__NR_sched_setparam, [0, 0, 0]),
        (nr::__NR_sched_getparam, [nobody, PAD, 0]),
        (nr::__NR_sched_getparam, [0, 0, 0]),
        (nr::__NR_sched_rr_get_interval, [nobody, PAD, 0]),
    ] {
        assert_eq!(call(number, args), Err(Errno::EINVAL), "{number} {args:x?}");
    }
    assert_eq!(call(nr::__NR_getpriority, [0, nobody]), Err(Errno::ESRCH));
}

fn families() {
    let status = child(|| {
        assert_eq!(call(nr::__NR_getppid, []), Ok(1));
        log("child");
        let _ = call(nr::__NR_exit_group, [7]);
    });
    assert_eq!((status, logged()), (0x700, vec!["child".to_string()]));
    // The parent goes on only when the child is gone, so there is nothing to wait for.
    code(CHILD, || {
        for _ in 0..3 {
            let _ = call(nr::__NR_sched_yield, []);
        }
        log("child");
        let _ = call(nr::__NR_exit, [1]);
    });
    code(HANDLER, || log(format!("SIGCHLD {}", get32(registers().rsi as usize + 16))));
    handle(17, HANDLER, 0, 0);
    let pid = call(nr::__NR_vfork, []).expect("a child");
    log("parent");
    assert_eq!(logged(), ["child".to_string(), format!("SIGCHLD {pid}"), "parent".into()]);
    let no_wait = nr::WNOHANG as usize;
    let (exited, keep) = (nr::WEXITED as usize, nr::WNOWAIT as usize);
    assert_eq!(call(nr::__NR_waitid, [1, pid, PAD, exited | keep, 0]), Ok(0));
    assert_eq!([0, 8, 16, 24].map(|at| get32(PAD + at)), [17, 1, pid as u32, 1]);
    assert_eq!(call(nr::__NR_wait4, [usize::MAX, 0, no_wait, 0]), Ok(pid));
    assert_eq!(call(nr::__NR_wait4, [usize::MAX, 0, no_wait, 0]), Err(Errno::ECHILD));
    assert_eq!(call(nr::__NR_waitid, [1, pid, PAD, no_wait, 0]), Err(Errno::EINVAL));
    // One that is still there: clone without CLONE_VFORK.
    code(CHILD, || {
        let _ = call(nr::__NR_pause, []);
        log("unreachable");
    });
    let flags = (nr::CLONE_VM | nr::SIGCHLD) as usize;
    let pid = call(nr::__NR_clone, [flags, 0x6_0000, 0, 0, 0]).expect("a child");
    assert_eq!(call(nr::__NR_wait4, [pid, 0, no_wait, 0]), Ok(0));
    assert_eq!(call(nr::__NR_setpgid, [pid, 0]), Ok(0));
    assert_eq!(call(nr::__NR_getpgid, [pid]), Ok(pid));
    assert_eq!(call(nr::__NR_wait4, [0, 0, no_wait, 0]), Err(Errno::ECHILD));
    assert_eq!(call(nr::__NR_kill, [(pid as isize).wrapping_neg() as usize, 15]), Ok(0));
    // The handler of SIGCHLD runs, but the child is there, so the call has its result.
    assert_eq!(call(nr::__NR_wait4, [pid, PAD, 0, 0]), Ok(pid));
    assert_eq!((get32(PAD), logged().len()), (15, 1));
    let ended = std::panic::catch_unwind(|| call(nr::__NR_kill, [1, 15]));
    let why = ended.expect_err("the image ends").downcast::<String>().expect("text");
    assert_eq!(*why, "exit 143");
}
