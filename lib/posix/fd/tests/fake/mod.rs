//! A machine of one processor over the threads of the host.
//!
//! Who runs holds [`PROCESSOR`]; blocking gives it away. So the code under test sees what the
//! cooperative scheduler would show it. Each test is a [`machine`] of its own, one at a time.
#![allow(dead_code)]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use unilith_fakes::Machine;
use unilith_platform::Stream;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{Fault, Handlers, MapError, Prot, Registers, ThreadState, UserSpace};
use unilith_sched_api::{Entry, Scheduler, SpawnError, ThreadId};

/// The application's memory: readable and writable, but for its last page.
pub const USER: Range<usize> = 0x1_0000..0x81_0000;
/// A page that can only be read.
pub const READ_ONLY: usize = USER.end - 0x1000;
/// Nothing is here.
pub const HOLE: usize = USER.end;
/// Addresses that no call may crash on.
pub const BAD: [usize; 5] = [1, HOLE, 1 << 47, usize::MAX - 3, usize::MAX];

static MEMORY: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Who runs, and who was woken while running.
struct Threads {
    running: bool,
    woken: BTreeSet<u32>,
}

static PROCESSOR: Mutex<Threads> = Mutex::new(Threads { running: false, woken: BTreeSet::new() });
static CHANGED: Condvar = Condvar::new();
static NEXT: AtomicU32 = AtomicU32::new(1);
static MACHINE: Mutex<()> = Mutex::new(());
static SPAWNED: AtomicUsize = AtomicUsize::new(0);

/// How often a thread blocked: a call that spins does not show here, but it shows in the time.
pub static BLOCKED: AtomicU64 = AtomicU64::new(0);
pub static OUTPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
/// What the console has to give; `None` at the end.
pub static INPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());

thread_local! {
    static ME: Cell<u32> = const { Cell::new(0) };
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

fn acquire() {
    let mut threads = lock(&PROCESSOR);
    while threads.running {
        threads = CHANGED.wait(threads).unwrap_or_else(|poison| poison.into_inner());
    }
    threads.running = true;
}

fn release() {
    lock(&PROCESSOR).running = false;
    CHANGED.notify_all();
}

struct Processor;

impl Processor {
    fn take() -> Self {
        if ME.get() == 0 {
            ME.set(NEXT.fetch_add(1, SeqCst));
        }
        acquire();
        Self
    }
}

impl Drop for Processor {
    fn drop(&mut self) {
        release();
    }
}

/// Runs a test on a machine; then waits for the threads that it started.
pub fn machine(test: impl FnOnce()) {
    let _only = lock(&MACHINE);
    {
        let _processor = Processor::take();
        // As servers do: what is written to nobody is an error (SIG_IGN for SIGPIPE).
        let ignore = unilith_posix_task::Action { handler: 1, ..Default::default() };
        unilith_posix_task::set_action(13, Some(ignore)).expect("a signal");
        test();
    }
    let patience = Instant::now();
    while SPAWNED.load(SeqCst) > 0 {
        assert!(patience.elapsed() < Duration::from_secs(10), "a thread did not end");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Whether `act` has SIGPIPE sent to the thread that does it.
pub fn sends_sigpipe(act: impl FnOnce()) -> bool {
    let default = unilith_posix_task::Action::default();
    let before = unilith_posix_task::set_action(13, Some(default)).expect("a signal");
    unilith_posix_task::set_blocked(1 << 12);
    act();
    let sent = unilith_posix_task::take_signal(1 << 12).is_some();
    unilith_posix_task::set_blocked(0);
    unilith_posix_task::set_action(13, Some(before)).expect("a signal");
    sent
}

/// Starts a thread of the machine.
pub fn thread(act: impl FnOnce() + Send + 'static) {
    unilith_sched_api::spawn(Box::new(act)).expect("threads");
}

/// Lets the others run for a while.
pub fn pause(ms: u64) {
    unilith_sched_api::sleep_until(Fake::monotonic_ns() + ms * 1_000_000);
}

pub struct Fake;

impl Scheduler for Fake {
    fn spawn(entry: Entry) -> Result<ThreadId, SpawnError> {
        let id = NEXT.fetch_add(1, SeqCst);
        SPAWNED.fetch_add(1, SeqCst);
        std::thread::spawn(move || {
            ME.set(id);
            let processor = Processor::take();
            let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(entry));
            drop(processor);
            if result.is_ok() {
                SPAWNED.fetch_sub(1, SeqCst);
            }
        });
        Ok(ThreadId(id))
    }

    fn current() -> ThreadId {
        ThreadId(ME.get())
    }

    fn yield_now() {
        unilith_sched_api::poll();
        release();
        std::thread::yield_now();
        acquire();
    }

    fn exit_thread() -> ! {
        unimplemented!()
    }

    fn block(deadline: u64) {
        BLOCKED.fetch_add(1, SeqCst);
        loop {
            unilith_sched_api::poll();
            let until = deadline.min(5_000_000 + Self::monotonic_ns());
            let mut threads = lock(&PROCESSOR);
            threads.running = false;
            CHANGED.notify_all();
            while !threads.woken.contains(&ME.get()) && Self::monotonic_ns() < until {
                let wait = Duration::from_nanos(until.saturating_sub(Self::monotonic_ns()));
                threads = CHANGED.wait_timeout(threads, wait).expect("not poisoned").0;
            }
            while threads.running {
                threads = CHANGED.wait(threads).expect("not poisoned");
            }
            threads.running = true;
            if threads.woken.remove(&ME.get()) || Self::monotonic_ns() >= deadline {
                return;
            }
        }
    }

    fn wake(thread: ThreadId) {
        lock(&PROCESSOR).woken.insert(thread.0);
        CHANGED.notify_all();
    }
}

impl Machine for Fake {
    fn console_write(_: Stream, bytes: &[u8]) {
        lock(&OUTPUT).extend(bytes);
    }
    fn console_read(buf: &mut [u8]) -> usize {
        let mut input = lock(&INPUT);
        assert!(!input.is_empty(), "the machine would hang in a read of the console");
        let len = input.len().min(buf.len());
        buf[..len].copy_from_slice(&input[..len]);
        input.drain(..len);
        len
    }
    fn console_ready() -> bool {
        !lock(&INPUT).is_empty()
    }
    fn monotonic_ns() -> u64 {
        static START: Mutex<Option<Instant>> = Mutex::new(None);
        lock(&START).get_or_insert_with(Instant::now).elapsed().as_nanos() as u64 + 1
    }
    fn realtime_ns() -> u64 {
        1_700_000_000_000_000_000 + Self::monotonic_ns()
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);

impl UserSpace for Fake {
    fn range() -> Range<usize> {
        USER
    }
    fn map(_: usize, _: Prot, _: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError> {
        Err(MapError::NoMemory)
    }
    fn protect(_: usize, _: usize, _: Prot) -> Result<(), MapError> {
        Err(MapError::NoMemory)
    }
    fn unmap(_: usize, _: usize) -> Result<(), MapError> {
        Err(MapError::NoMemory)
    }
    fn relocate(_: usize, _: usize, _: usize) -> Result<(), MapError> {
        Err(MapError::NoMemory)
    }
    fn is_mapped(addr: usize) -> bool {
        USER.contains(&addr)
    }
    fn resident(_: usize, _: usize) -> usize {
        0
    }
    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        let end = from.checked_add(into.len()).ok_or(Fault)?;
        if from < USER.start || end > USER.end {
            return Err(Fault);
        }
        let mut memory = lock(&MEMORY);
        memory.resize(USER.len(), 0);
        into.copy_from_slice(&memory[from - USER.start..end - USER.start]);
        Ok(())
    }
    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        let end = to.checked_add(from.len()).ok_or(Fault)?;
        if to < USER.start || end > READ_ONLY {
            return Err(Fault);
        }
        let mut memory = lock(&MEMORY);
        memory.resize(USER.len(), 0);
        memory[to - USER.start..end - USER.start].copy_from_slice(from);
        Ok(())
    }
    fn set_thread_pointer(_: usize) -> bool {
        false
    }
    fn thread_pointer() -> usize {
        0
    }
    fn hwcap() -> usize {
        0
    }
    fn prepare(_: &'static Handlers) {}
    fn enter(_: &Registers) -> ! {
        panic!("entered")
    }
    fn registers() -> Registers {
        Registers::default()
    }
    fn set_registers(_: &Registers) {}
    fn vectors_len() -> usize {
        0
    }
    fn save_vectors(_: &Registers, _: &mut [u8]) -> bool {
        false
    }
    fn load_vectors(_: &mut Registers, _: &[u8]) -> bool {
        false
    }
    fn new_thread(_: usize) -> Option<ThreadState> {
        None
    }
    fn switch_thread(_: &mut ThreadState, _: &mut ThreadState) {}
    fn drop_thread(_: ThreadState) {}
}

unilith_posix_api::bind!(Fake);

/// Makes a system call of `families`.
pub fn call_in<const N: usize>(
    families: &[&[unilith_posix_abi::Entry]],
    number: u32,
    args: [usize; N],
) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    let entry = families.iter().copied().flatten().find(|entry| entry.number == number as usize);
    let entry = entry.unwrap_or_else(|| panic!("no system call {number}"));
    match (entry.handler)(&SyscallArgs { nr: number as usize, args: all }) {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

/// Writes into the application's memory.
pub fn poke(at: usize, bytes: &[u8]) -> usize {
    Fake::copy_out(bytes, at).expect("mapped");
    at
}

/// Reads the application's memory.
pub fn peek(at: usize, len: usize) -> Vec<u8> {
    let mut into = vec![0; len];
    Fake::copy_in(at, &mut into).expect("mapped");
    into
}

/// Reads an integer of the application.
pub fn peek_i32(at: usize) -> i32 {
    i32::from_ne_bytes(peek(at, 4).try_into().expect("four bytes"))
}

/// Milliseconds that `act` takes, and what it gives.
pub fn timed<T>(act: impl FnOnce() -> T) -> (u64, T) {
    let start = Instant::now();
    let value = act();
    (start.elapsed().as_millis() as u64, value)
}
