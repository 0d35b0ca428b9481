//! Threads that wait for words.

#[path = "../../task/tests/fake/mod.rs"]
mod fake;
#[path = "../../task/tests/platform/mod.rs"]
mod platform;
#[path = "../../task/tests/user/mod.rs"]
mod user;

unilith_sched_api::bind!(fake::Baton, []);

use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{copy_in, copy_out};
use unilith_posix_futex as futex;
use unilith_posix_task as task;
use unilith_sched_api::yield_now;

const WORD: usize = 0x2_0000;
const SECOND: usize = 0x2_0100;
const TIME: usize = 0x3_0000;

static LOG: Mutex<Vec<u32>> = Mutex::new(Vec::new());

fn logged() -> Vec<u32> {
    std::mem::take(&mut LOG.lock().expect("not poisoned"))
}

fn call(args: [usize; 6]) -> Result<usize, Errno> {
    let entry = futex::SYSCALLS.first().expect("futex");
    match (entry.handler)(&SyscallArgs { nr: nr::__NR_futex as usize, args }) {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

fn op(op: u32) -> usize {
    (op | nr::FUTEX_PRIVATE_FLAG) as usize
}

fn put(at: usize, value: u32) {
    copy_out(&value.to_ne_bytes(), at).expect("memory");
}

fn get(at: usize) -> u32 {
    let mut bytes = [0; 4];
    copy_in(at, &mut bytes).expect("memory");
    u32::from_ne_bytes(bytes)
}

fn time(seconds: u64, ns: u64) -> usize {
    copy_out(&[seconds.to_ne_bytes(), ns.to_ne_bytes()].concat(), TIME).expect("memory");
    TIME
}

fn waiter(id: u32, at: usize, value: u32) {
    let run = move || {
        assert_eq!(call([at, op(nr::FUTEX_WAIT), value as usize, 0, 0, 0]), Ok(0));
        LOG.lock().expect("not poisoned").push(id);
    };
    task::spawn(&task::Spawn::default(), move || {
        run();
        task::bury(task::Status::Exited(0));
        unilith_sched_api::exit_thread()
    })
    .expect("room");
    yield_now();
}

#[test]
fn words() {
    task::tid();
    put(WORD, 5);
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT), 6, 0, 0, 0]), Err(Errno::EAGAIN));
    assert_eq!(call([WORD + 1, op(nr::FUTEX_WAIT), 5, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(call([0x100, op(nr::FUTEX_WAIT), 5, 0, 0, 0]), Err(Errno::EFAULT));
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT), 5, 0x100, 0, 0]), Err(Errno::EFAULT));
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT), 5, time(0, 1 << 30), 0, 0]), Err(Errno::EINVAL));
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT_BITSET), 5, 0, 0, 0]), Err(Errno::EINVAL));
    assert_eq!(call([WORD, op(nr::FUTEX_LOCK_PI), 0, 0, 0, 0]), Err(Errno::ENOSYS));
    // Timeouts: relative, absolute, and by the wall clock.
    let before = fake::NOW.load(Relaxed);
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT), 5, time(1, 7), 0, 0]), Err(Errno::ETIMEDOUT));
    assert_eq!(fake::NOW.load(Relaxed), before + 1_000_000_007);
    let wait = op(nr::FUTEX_WAIT_BITSET);
    assert_eq!(call([WORD, wait, 5, time(9, 0), 0, 1]), Err(Errno::ETIMEDOUT));
    assert_eq!(fake::NOW.load(Relaxed), 9_000_000_000);
    let wait = wait | nr::FUTEX_CLOCK_REALTIME as usize;
    assert_eq!(call([WORD, wait, 5, time(1_700_000_010, 0), 0, 1]), Err(Errno::ETIMEDOUT));
    assert_eq!(fake::NOW.load(Relaxed), 10_000_000_000);
    // Nobody waits any more.
    assert_eq!(call([WORD, op(nr::FUTEX_WAKE), 9, 0, 0, 0]), Ok(0));

    (1..=3).for_each(|id| waiter(id, WORD, 5));
    assert_eq!(call([WORD, op(nr::FUTEX_WAKE), 1, 0, 0, 0]), Ok(1));
    yield_now();
    assert_eq!(logged(), [1]);
    let compare = op(nr::FUTEX_CMP_REQUEUE);
    assert_eq!(call([WORD, compare, 1, 9, SECOND, 4]), Err(Errno::EAGAIN));
    assert_eq!(call([WORD, compare, 1, 9, SECOND, 5]), Ok(2));
    yield_now();
    assert_eq!(logged(), [2]);
    put(SECOND, 1);
    waiter(4, WORD, 5);
    // SECOND += 2, and wake there as it was 1.
    let packed = 1 << 28 | 2 << 12 | 1;
    assert_eq!(call([WORD, op(nr::FUTEX_WAKE_OP), 1, 1, SECOND, packed]), Ok(2));
    yield_now();
    yield_now();
    assert_eq!((logged(), get(SECOND)), (vec![4, 3], 3));

    // A signal ends the wait, and nothing of it stays.
    let action = task::Action { handler: 0x1000, ..Default::default() };
    task::set_action(10, Some(action)).expect("a signal");
    task::send_process(1, task::Info::user(10, 0, 1), false).expect("itself");
    assert_eq!(call([WORD, op(nr::FUTEX_WAIT), 5, 0, 0, 0]), Err(Errno::EINTR));
    assert!(task::next_delivery().is_some());
    assert_eq!(call([WORD, op(nr::FUTEX_WAKE), 9, 0, 0, 0]), Ok(0));
    robust();
}

fn robust() {
    const HEAD: usize = 0x4_0000;
    let words = |at: usize, words: &[u64]| {
        copy_out(&words.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>(), at)
            .expect("memory")
    };
    // Two entries with their word 8 bytes further, the second another thread's, and then in a ring
    // that misses the head.
    let (first, second) = (HEAD + 0x100, HEAD + 0x200);
    words(HEAD, &[first as u64, 8, 0]);
    words(first, &[second as u64]);
    words(second, &[first as u64]);
    put(first + 8, 77 | nr::FUTEX_WAITERS);
    put(second + 8, 78);
    waiter(9, first + 8, 77 | nr::FUTEX_WAITERS);
    futex::owner_died(unilith_posix_abi::UserPtr(HEAD), 77);
    yield_now();
    assert_eq!(logged(), [9]);
    assert_eq!((get(first + 8), get(second + 8)), (nr::FUTEX_OWNER_DIED | nr::FUTEX_WAITERS, 78));
    for bad in [0, 0x100, usize::MAX - 7] {
        futex::owner_died(unilith_posix_abi::UserPtr(bad), 77);
    }
}
