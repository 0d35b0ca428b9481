//! Threads, wait queues and sleeping: prints what happened, in an order that the scheduler
//! promises.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::sync::Arc;
use unilith_print::println;
use unilith_sched_api::{NEVER, SpawnError, WaitQueue, sleep_until, spawn, yield_now};
use unilith_sync::Lock;

const WORKERS: usize = 40;
const ROUNDS: usize = 50;

/// Whose turn it is, and how many are done.
struct Board {
    state: Lock<(usize, usize)>,
    queue: WaitQueue,
}

/// Called once the image has booted.
pub fn main() -> i32 {
    let board = Arc::new(Board { state: Lock::new((0, 0)), queue: WaitQueue::new() });
    for number in 0..WORKERS {
        let board = board.clone();
        let started = spawn(Box::new(move || work(number, &board)));
        if let Err(SpawnError::Unsupported) = started {
            println!("one thread only");
            return 3;
        }
    }
    let all = board.queue.wait(NEVER, || {
        let done = board.state.lock().1;
        (done == WORKERS).then_some(done)
    });
    println!("{:?} workers took {ROUNDS} turns each, in order", all);

    let start = unilith_platform::monotonic_ns();
    let order = Arc::new(Lock::new(alloc::vec::Vec::new()));
    for ms in [30, 10, 20] {
        let order = order.clone();
        let _ = spawn(Box::new(move || {
            sleep_until(start + ms * 1_000_000);
            order.lock().push(ms);
        }));
    }
    while order.lock().len() < 3 {
        yield_now();
    }
    println!("slept {:?}", *order.lock());
    // A wait that nothing ends but its deadline.
    let nothing =
        WaitQueue::new().wait(unilith_platform::monotonic_ns() + 1_000_000, || None::<()>);
    println!("waited for {nothing:?}");
    0
}

/// Takes turns with the other workers.
fn work(number: usize, board: &Board) {
    for round in 0..ROUNDS {
        board.queue.wait(NEVER, || {
            let turn = board.state.lock().0;
            (turn == round * WORKERS + number).then_some(())
        });
        board.state.lock().0 += 1;
        board.queue.wake_all();
    }
    board.state.lock().1 += 1;
    board.queue.wake_all();
}
