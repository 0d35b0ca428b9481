//! epoll(7) against its manual page.

use fake::{BAD, HOLE, USER, call_in, machine, pause, peek, poke, thread, timed};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};
use unilith_fs_api::{FileType, Metadata};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, Fd, Result};
use unilith_posix_fd::{Events, File, nameless, table};
use unilith_posix_task::WaitQueue;

#[path = "../../fd/tests/fake/mod.rs"]
mod fake;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

const PAD: usize = USER.start;
const IN: u32 = nr::EPOLLIN;
const OUT: u32 = nr::EPOLLOUT;
const ADD: usize = nr::EPOLL_CTL_ADD as usize;
const MOD: usize = nr::EPOLL_CTL_MOD as usize;
const DEL: usize = nr::EPOLL_CTL_DEL as usize;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize> {
    call_in(&[unilith_posix_fd::SYSCALLS, unilith_posix_event::SYSCALLS], number, args)
}

/// A file that is ready for what the test says, and counts how often it is asked.
struct Probe {
    events: AtomicU32,
    asked: Arc<AtomicU64>,
    queue: WaitQueue,
}

impl Probe {
    fn set(&self, events: u32) {
        self.events.store(events, SeqCst);
        self.queue.wake_all();
    }
}

struct ProbeFile(Arc<Probe>);

impl File for ProbeFile {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::Fifo, 0, 2))
    }
    fn ready(&self) -> Events {
        self.0.asked.fetch_add(1, SeqCst);
        Events(self.0.events.load(SeqCst))
    }
    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }
}

/// A regular file, say.
struct AlwaysReady;

impl File for AlwaysReady {
    fn metadata(&self) -> Result<Metadata> {
        Ok(nameless(FileType::Regular, 0, 2))
    }
}

fn probe(events: u32) -> (Arc<Probe>, usize) {
    let probe = Probe { events: events.into(), asked: Arc::default(), queue: WaitQueue::new() };
    let probe = Arc::new(probe);
    let fd = table::open(Box::new(ProbeFile(probe.clone())), nr::O_RDWR, false).expect("room");
    (probe, fd.0 as usize)
}

fn epoll() -> usize {
    call(nr::__NR_epoll_create1, [0]).expect("room")
}

fn control(epoll: usize, operation: usize, fd: usize, events: u32, data: u64) -> Result<usize> {
    let event = [&events.to_ne_bytes()[..], &data.to_ne_bytes()].concat();
    call(nr::__NR_epoll_ctl, [epoll, operation, fd, poke(PAD + 0x8000, &event)])
}

/// Events and data of what happened.
fn wait_for(epoll: usize, most: usize, timeout: i32) -> Result<Vec<(u32, u64)>> {
    let count = call(nr::__NR_epoll_wait, [epoll, PAD, most, timeout as usize])?;
    let bytes = peek(PAD, count * 12);
    let decode = |bytes: &[u8]| {
        let (events, data) = bytes.split_at(4);
        let events = u32::from_ne_bytes(events.try_into().expect("four"));
        (events, u64::from_ne_bytes(data.try_into().expect("eight")))
    };
    Ok(bytes.chunks_exact(12).map(decode).collect())
}

fn now(epoll: usize) -> Vec<(u32, u64)> {
    wait_for(epoll, 64, 0).expect("fine")
}

fn close(fds: &[usize]) {
    for &fd in fds {
        call(nr::__NR_close, [fd]).expect("open");
    }
}

#[test]
fn level_triggered_events_stay_until_they_are_over() {
    machine(|| {
        let e = epoll();
        let (a, fd) = probe(0);
        control(e, ADD, fd, IN, 7).expect("new");
        assert_eq!(now(e), []);
        a.set(IN | OUT);
        assert_eq!((now(e), now(e)), (vec![(IN, 7)], vec![(IN, 7)]));
        a.set(OUT);
        assert_eq!(now(e), []);
        control(e, MOD, fd, OUT, 8).expect("there");
        assert_eq!(now(e), [(OUT, 8)]);
        // Errors and hang-ups come unasked.
        control(e, MOD, fd, 0, 9).expect("there");
        a.set(nr::EPOLLHUP | nr::EPOLLRDHUP);
        assert_eq!(now(e), [(nr::EPOLLHUP, 9)]);
        control(e, MOD, fd, nr::EPOLLRDHUP, 9).expect("there");
        assert_eq!(now(e), [(nr::EPOLLHUP | nr::EPOLLRDHUP, 9)]);
        control(e, DEL, fd, 0, 0).expect("there");
        a.set(IN);
        assert_eq!(now(e), []);
        // What is ready when it is added is reported.
        control(e, ADD, fd, IN, 1).expect("new");
        assert_eq!(now(e), [(IN, 1)]);
        close(&[e, fd]);
    });
}

#[test]
fn edge_triggered_and_one_shot_events_are_reported_once() {
    machine(|| {
        let e = epoll();
        let (a, edge) = probe(IN);
        let (b, once) = probe(0);
        control(e, ADD, edge, IN | nr::EPOLLET, 1).expect("new");
        control(e, ADD, once, IN | nr::EPOLLONESHOT, 2).expect("new");
        assert_eq!((now(e), now(e)), (vec![(IN, 1)], vec![]));
        a.set(IN); // more of it
        assert_eq!((now(e), now(e)), (vec![(IN, 1)], vec![]));
        b.set(IN);
        assert_eq!(now(e), [(IN, 2)]);
        b.set(IN);
        assert_eq!(now(e), []);
        control(e, MOD, once, IN | nr::EPOLLONESHOT, 3).expect("there");
        assert_eq!((now(e), now(e)), (vec![(IN, 3)], vec![]));
        close(&[e, edge, once]);
    });
}

#[test]
fn few_events_at_a_time_are_shared_fairly() {
    machine(|| {
        let e = epoll();
        let files: Vec<_> = (0..4).map(|_| probe(IN)).collect();
        for (index, (_, fd)) in files.iter().enumerate() {
            control(e, ADD, *fd, IN, index as u64).expect("new");
        }
        let mut seen: Vec<u64> = Vec::new();
        for _ in 0..2 {
            seen.extend(wait_for(e, 2, 0).expect("fine").iter().map(|event| event.1));
        }
        assert_eq!(seen, [0, 1, 2, 3]);
        close(&[e]);
        files.iter().for_each(|(_, fd)| close(&[*fd]));
    });
}

#[test]
fn waiting_ends_with_an_event_or_in_time() {
    machine(|| {
        let e = epoll();
        let (a, fd) = probe(0);
        control(e, ADD, fd, IN, 5).expect("new");
        let (ms, got) = timed(|| wait_for(e, 8, 20));
        assert!(got == Ok(vec![]) && (15..1000).contains(&ms), "{ms}");
        let waker = a.clone();
        thread(move || {
            pause(20);
            waker.set(IN);
        });
        let (ms, got) = timed(|| wait_for(e, 8, -1));
        assert!(got == Ok(vec![(IN, 5)]) && (15..1000).contains(&ms), "{ms}");
        // The same by a timespec and with a signal mask.
        a.set(0);
        let time = poke(PAD + 0x900, &[0u64.to_ne_bytes(), 20_000_000u64.to_ne_bytes()].concat());
        let (ms, got) = timed(|| call(nr::__NR_epoll_pwait2, [e, PAD, 8, time, time, 8]));
        assert!(got == Ok(0) && (15..1000).contains(&ms), "{ms}");
        assert_eq!(call(nr::__NR_epoll_pwait, [e, PAD, 8, 0, time, 7]), Err(Errno::EINVAL));
        close(&[e, fd]);
    });
}

#[test]
fn closed_files_leave() {
    machine(|| {
        let e = epoll();
        let (a, fd) = probe(IN);
        control(e, ADD, fd, IN, 1).expect("new");
        // Another descriptor of the same description keeps it there.
        let copy = call(nr::__NR_dup, [fd]).expect("room");
        close(&[fd]);
        assert_eq!(now(e), [(IN, 1)]);
        // The number is free: it can be registered for something else.
        let (_, again) = probe(IN);
        assert_eq!(again, fd);
        control(e, ADD, again, IN, 2).expect("new");
        assert_eq!(now(e).len(), 2);
        close(&[copy]);
        a.set(IN);
        assert_eq!(now(e), [(IN, 2)]);
        assert!(Arc::strong_count(&a) == 1, "the file is still there");
        close(&[again, e]);
        // A file does not remember an instance that is closed.
        let (b, fd) = probe(0);
        let e = epoll();
        control(e, ADD, fd, IN, 1).expect("new");
        assert!(!b.queue.is_empty());
        close(&[e]);
        assert!(b.queue.is_empty());
        close(&[fd]);
    });
}

#[test]
fn instances_can_be_nested_but_not_in_circles() {
    machine(|| {
        let chain: Vec<usize> = (0..6).map(|_| epoll()).collect();
        for pair in chain[..5].windows(2) {
            control(pair[0], ADD, pair[1], IN, 1).expect("new");
        }
        assert_eq!(control(chain[4], ADD, chain[0], IN, 1), Err(Errno::ELOOP));
        assert_eq!(control(chain[4], ADD, chain[5], IN, 1), Err(Errno::ELOOP)); // too long
        assert_eq!(control(chain[5], ADD, chain[0], IN, 1), Err(Errno::ELOOP));
        let (a, fd) = probe(0);
        control(chain[4], ADD, fd, IN, 9).expect("new");
        let waker = a.clone();
        thread(move || {
            pause(10);
            waker.set(IN);
        });
        assert_eq!(wait_for(chain[0], 8, 5000), Ok(vec![(IN, 1)]));
        assert_eq!(now(chain[4]), [(IN, 9)]);
        a.set(0);
        assert_eq!(now(chain[0]), []);
        // After a link is gone, others are possible.
        control(chain[0], DEL, chain[1], 0, 0).expect("there");
        control(chain[4], ADD, chain[0], IN, 1).expect("no circle");
        close(&chain);
        close(&[fd]);
    });
}

#[test]
fn mistakes_have_their_errors() {
    machine(|| {
        let e = epoll();
        let (_, fd) = probe(IN);
        let regular = table::open(Box::new(AlwaysReady), nr::O_RDWR, false).expect("room");
        assert_eq!(control(e, ADD, regular.0 as usize, IN, 0), Err(Errno::EPERM));
        assert_eq!(control(e, ADD, e, IN, 0), Err(Errno::EINVAL));
        assert_eq!(control(fd, ADD, e, IN, 0), Err(Errno::EINVAL));
        assert_eq!(control(99, ADD, fd, IN, 0), Err(Errno::EBADF));
        assert_eq!(control(e, ADD, 99, IN, 0), Err(Errno::EBADF));
        assert_eq!(control(e, MOD, fd, IN, 0), Err(Errno::ENOENT));
        assert_eq!(control(e, DEL, fd, IN, 0), Err(Errno::ENOENT));
        assert_eq!(control(e, 9, fd, IN, 0), Err(Errno::EINVAL));
        let exclusive = nr::EPOLLEXCLUSIVE;
        assert_eq!(control(e, ADD, fd, IN | exclusive | nr::EPOLLONESHOT, 0), Err(Errno::EINVAL));
        control(e, ADD, fd, IN | exclusive, 0).expect("new");
        assert_eq!(control(e, ADD, fd, IN, 0), Err(Errno::EEXIST));
        assert_eq!(control(e, MOD, fd, IN, 0), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_epoll_create, [0]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_epoll_create1, [1]), Err(Errno::EINVAL));
        for most in [0, usize::MAX, i32::MAX as usize] {
            assert_eq!(wait_for(e, most, 0), Err(Errno::EINVAL));
        }
        assert_eq!(call(nr::__NR_epoll_wait, [fd, PAD, 1, 0]), Err(Errno::EINVAL));
        for bad in BAD {
            assert_eq!(call(nr::__NR_epoll_ctl, [e, MOD, fd, bad]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_epoll_wait, [e, bad, 1, 0]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_epoll_pwait2, [e, PAD, 1, bad, 0, 0]), Err(Errno::EFAULT));
        }
        // The event is not lost, even if it happens once.
        let (b, once) = probe(IN);
        control(e, ADD, once, IN | nr::EPOLLET, 5).expect("new");
        control(e, DEL, fd, 0, 0).expect("there");
        assert_eq!(call(nr::__NR_epoll_wait, [e, HOLE - 4, 8, 0]), Err(Errno::EFAULT));
        assert_eq!(now(e), [(IN, 5)]);
        drop(b);
        close(&[e, fd, once, regular.0 as usize]);
    });
}

#[test]
fn idle_files_cost_nothing() {
    machine(|| {
        table::set_limit(20_000).expect("below the hard limit");
        let e = epoll();
        let asked: Arc<AtomicU64> = Arc::default();
        let files: Vec<_> = (0..10_000)
            .map(|index| {
                let probe =
                    Probe { events: 0.into(), asked: asked.clone(), queue: WaitQueue::new() };
                let probe = Arc::new(probe);
                let file = Box::new(ProbeFile(probe.clone()));
                let fd = table::open(file, nr::O_RDWR, false).expect("room").0 as usize;
                control(e, ADD, fd, IN, index).expect("new");
                (probe, fd)
            })
            .collect();
        asked.store(0, SeqCst);
        for round in 0..100u64 {
            let index = (round * 97 % 10_000) as usize;
            files[index].0.set(IN);
            assert_eq!(now(e), [(IN, index as u64)]);
            files[index].0.set(0);
            assert_eq!(now(e), []);
        }
        let asked = asked.load(SeqCst);
        assert!(asked <= 200, "{asked} questions for 200 calls of epoll_wait");
        close(&[e]);
        files.iter().for_each(|(_, fd)| table::close(Fd(*fd as i32)).expect("open"));
        table::set_limit(1024).expect("below the hard limit");
    });
}
