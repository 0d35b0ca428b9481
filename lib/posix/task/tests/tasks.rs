//! Processes, threads and signals over a scheduler that runs in the test. One test, as they share
//! the table.

mod fake;
mod platform;
mod user;

unilith_sched_api::bind!(fake::Baton, []);

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use unilith_posix_abi::Errno;
use unilith_posix_api::Registers;
use unilith_posix_task as task;
use unilith_posix_task::{
    Action, Child, Delivery, Info, NEVER, ProcessLocal, Spawn, Status, WaitQueue, Which, bit,
};
use unilith_sched_api::{exit_thread, yield_now};

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log(what: impl Into<String>) {
    LOG.lock().expect("not poisoned").push(what.into());
}

fn logged() -> Vec<String> {
    std::mem::take(&mut LOG.lock().expect("not poisoned"))
}

/// A value that tells when it goes.
struct Noisy(u32);

impl Drop for Noisy {
    fn drop(&mut self) {
        log(format!("drop {}", self.0));
    }
}

static EXECS: AtomicU32 = AtomicU32::new(0);
static LOCAL: ProcessLocal<Noisy> = ProcessLocal::new(
    || Noisy(10),
    |parent| Noisy(parent.0 + 1),
    || {
        EXECS.fetch_add(1, Relaxed);
        LOCAL.with(|noisy| noisy.0 += 100);
    },
);

fn value() -> u32 {
    LOCAL.with(|noisy| noisy.0)
}

/// How a thread of an application ends.
fn end(status: Status) -> ! {
    if task::is_last_thread() {
        task::forget_process();
    }
    task::bury(status);
    exit_thread()
}

fn child(vfork: bool, run: impl FnOnce() -> Registers + Send + 'static) -> i32 {
    let what = Spawn { process: Some(17), vfork, ..Spawn::default() };
    task::spawn(&what, run).expect("room")
}

fn handler(signal: u32) -> Action {
    let action = Action { handler: 0x1000, flags: 0, restorer: 0, mask: bit(signal + 1) };
    task::set_action(signal, Some(action)).expect("a signal");
    action
}

#[test]
fn tasks() {
    assert_eq!((task::pid(), task::tid(), task::parent()), (1, 1, 0));
    assert_eq!(task::reap(Which::Any, false), Err(Errno::ECHILD));
    processes();
    signals();
    masks();
    many_threads();
    exec_ends_others();
    orphans();
    limits();
}

fn processes() {
    assert_eq!(value(), 10);
    LOCAL.with(|noisy| noisy.0 = 20);
    let memory = task::own_memory();
    let first = child(true, move || {
        assert_eq!((value(), task::parent(), task::own_memory()), (21, 1, memory));
        LOCAL.with(|noisy| noisy.0 = 30);
        log("child");
        task::swap_memory(None);
        assert!(task::memory_in_use(memory));
        task::finish_exec(*b"new\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!((value(), EXECS.load(Relaxed)), (130, 1));
        yield_now();
        log("end");
        end(Status::Exited(3))
    });
    assert_eq!(task::reap(Which::Any, false), Ok(None));
    assert_eq!(task::reap(Which::Pid(first + 1), false), Err(Errno::ECHILD));
    // A vfork parent goes on when its child has a program of its own, before its end.
    task::waits_for_vfork(first);
    assert_eq!(logged(), ["child"]);
    assert_eq!(value(), 20);
    let queue = task::child_queue();
    let got = task::wait(&[&queue], NEVER, || task::reap(Which::Any, true).transpose());
    let ended = Child { pid: first, status: Status::Exited(3) };
    assert_eq!(got, Ok(Some(Ok(ended))));
    assert_eq!(logged(), ["end", "drop 130"]);
    assert_eq!(task::reap(Which::Group(1), false), Ok(Some(ended)));
    assert_eq!(task::reap(Which::Any, false), Err(Errno::ECHILD));
    assert!(!task::exists(first));
    assert_eq!((ended.status.word(), Status::Signaled(9).word()), (0x300, 9));
    // Nobody has to ask if SIGCHLD is ignored.
    let ignore = Action { handler: 1, ..Action::default() };
    task::set_action(17, Some(ignore)).expect("a signal");
    let second = child(false, || end(Status::Exited(0)));
    yield_now();
    assert!(!task::exists(second));
    task::set_action(17, Some(Action::default())).expect("a signal");
    logged();
}

fn signals() {
    let action = handler(10);
    assert_eq!(task::send_process(1, Info::user(10, 0, 7), false), Ok(()));
    assert!(task::attention() && task::interrupted());
    assert_eq!(task::wait(&[], NEVER, || None::<()>), Err(Errno::EINTR));
    let info = Info::user(10, 0, 7);
    assert_eq!(task::next_delivery(), Some(Delivery::Handle { info, action, mask: 0 }));
    task::begin_handler(10, &action);
    assert_eq!(task::blocked(), bit(10) | bit(11));
    assert_eq!(task::next_delivery(), None);
    // While it is blocked it stays pending, for signalfd to take.
    assert_eq!(task::send_thread(1, info, false), Ok(()));
    assert_eq!((task::pending(), task::interrupted()), (bit(10), false));
    assert_eq!(task::take_signal(bit(9) | bit(10)), Some(info));
    task::settle();
    assert!(!task::attention());
    task::set_blocked(0);
    // Ignored by default, ended by default, and what is not possible.
    assert_eq!(task::send_process(1, Info::user(17, 0, 7), false), Ok(()));
    assert_eq!(task::next_delivery(), None);
    assert_eq!(task::send_process(1, Info::user(19, 0, 7), false), Err(Errno::ENOSYS));
    assert_eq!(task::send_process(1, Info::user(65, 0, 7), false), Err(Errno::EINVAL));
    assert_eq!(task::send_process(999, Info::user(9, 0, 7), false), Err(Errno::ESRCH));
    task::broken_pipe();
    assert_eq!(task::next_delivery(), Some(Delivery::Terminate(13)));
    // A fault that is blocked is not to be had.
    handler(11);
    task::set_blocked(bit(11));
    task::force(Info::fault(11, 1, 0xdead));
    assert_eq!(task::next_delivery(), Some(Delivery::Terminate(11)));
    assert_eq!(task::set_action(9, Some(Action::default())), Err(Errno::EINVAL));
    assert_eq!(task::set_action(0, None), Err(Errno::EINVAL));
    // SIGKILL ends a child that blocks everything and waits for ever.
    let victim = child(false, || {
        task::set_blocked(!0);
        assert_eq!(task::wait(&[], NEVER, || None::<()>), Err(Errno::EINTR));
        assert!(task::must_end());
        end(Status::Exited(0))
    });
    yield_now();
    assert_eq!(task::send_process(victim, Info::user(9, 0, 1), false), Ok(()));
    let queue = task::child_queue();
    let got = task::wait(&[&queue], NEVER, || task::reap(Which::Pid(victim), false).transpose());
    assert_eq!(got, Ok(Some(Ok(Child { pid: victim, status: Status::Signaled(9) }))));
    logged();
}

fn masks() {
    let action = handler(12);
    task::set_blocked(bit(12));
    task::send_process(1, Info::user(12, 0, 1), false).expect("itself");
    // A call with its own mask that is not interrupted leaves none.
    assert_eq!(task::with_mask(Some(bit(12) | bit(13)), || Ok(task::blocked())), Ok(0x1800));
    assert_eq!(task::blocked(), bit(12));
    let waited = task::with_mask(Some(0), || task::wait(&[], NEVER, || None::<()>));
    assert_eq!(waited, Err(Errno::EINTR));
    let Some(Delivery::Handle { mask, .. }) = task::next_delivery() else { panic!("it is due") };
    assert_eq!(mask, bit(12));
    task::begin_handler(12, &action);
    task::restore_mask(); // the frame has it now
    assert_eq!(task::blocked(), bit(12) | bit(13));
    // sigtimedwait takes what is blocked.
    task::set_blocked(bit(12));
    let waiter = task::spawn(&Spawn::default(), || {
        let got = task::wait_signal(bit(12), NEVER);
        assert_eq!(got.map(|info| info.map(|info| info.signal())), Ok(Some(12)));
        log("taken");
        end(Status::Exited(0))
    });
    yield_now();
    assert!(waiter.is_ok());
    task::send_process(1, Info::user(12, 0, 1), false).expect("itself");
    yield_now();
    assert_eq!((logged(), task::pending()), (vec!["taken".to_string()], 0));
    assert_eq!(task::wait_signal(bit(12), 5_000), Ok(None));
    task::set_blocked(0);
}

fn many_threads() {
    static QUEUE: WaitQueue = WaitQueue::new();
    let process = child(false, || {
        for _ in 0..3 {
            let thread = task::spawn(&Spawn::default(), || {
                assert_eq!(value(), 21);
                assert_eq!(task::wait(&[&QUEUE], NEVER, || None::<()>), Err(Errno::EINTR));
                log("woken");
                end(Status::Exited(0))
            });
            assert!(thread.is_ok());
        }
        yield_now();
        log("exit_group");
        task::end_process(Status::Exited(42));
        end(Status::Exited(1))
    });
    let queue = task::child_queue();
    let got = task::wait(&[&queue], NEVER, || task::reap(Which::Any, false).transpose());
    assert_eq!(got, Ok(Some(Ok(Child { pid: process, status: Status::Exited(42) }))));
    assert_eq!(logged(), ["exit_group", "woken", "woken", "woken", "drop 21"]);
}

fn exec_ends_others() {
    let process = child(false, || {
        let pid = task::pid();
        let thread = task::spawn(&Spawn::default(), move || {
            assert_ne!(task::tid(), pid);
            task::become_only_thread().expect("nobody minds");
            assert_eq!((task::tid(), task::pid()), (pid, pid));
            log("alone");
            end(Status::Exited(7))
        });
        assert!(thread.is_ok());
        assert_eq!(task::wait(&[], NEVER, || None::<()>), Err(Errno::EINTR));
        log("first goes");
        end(Status::Exited(0))
    });
    let queue = task::child_queue();
    let got = task::wait(&[&queue], NEVER, || task::reap(Which::Any, false).transpose());
    assert_eq!(got, Ok(Some(Ok(Child { pid: process, status: Status::Exited(7) }))));
    assert_eq!(logged(), ["first goes", "alone", "drop 21"]);
}

fn orphans() {
    static GRANDCHILD: AtomicU32 = AtomicU32::new(0);
    child(false, || {
        let grandchild = child(false, || {
            yield_now();
            yield_now();
            assert_eq!(task::parent(), 0);
            end(Status::Exited(0))
        });
        GRANDCHILD.store(grandchild as u32, Relaxed);
        assert_eq!(task::new_session(), Ok(task::pid()));
        assert_eq!((task::group(0), task::session(0)), (Ok(task::pid()), Ok(task::pid())));
        end(Status::Exited(0))
    });
    let queue = task::child_queue();
    task::wait(&[&queue], NEVER, || task::reap(Which::Any, false).transpose())
        .expect("no signal")
        .expect("a child")
        .expect("ended");
    let grandchild = GRANDCHILD.load(Relaxed) as i32;
    assert!(task::exists(grandchild));
    for _ in 0..4 {
        yield_now();
    }
    assert!(!task::exists(grandchild));
    assert_eq!(task::set_group(0, 0), Err(Errno::EPERM)); // the leader of a session
}

fn limits() {
    let children: Vec<i32> =
        (1..task::PROCESSES).map(|_| child(false, || end(Status::Exited(0)))).collect();
    let what = Spawn { process: Some(17), ..Spawn::default() };
    assert_eq!(task::spawn(&what, || unreachable!()), Err(Errno::EAGAIN));
    yield_now();
    for pid in children {
        assert!(task::reap(Which::Pid(pid), false).expect("a child").is_some());
    }
    let again = child(false, || end(Status::Exited(0)));
    yield_now();
    assert!(task::reap(Which::Pid(again), false).expect("a child").is_some());
}
