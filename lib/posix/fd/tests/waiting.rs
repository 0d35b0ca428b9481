//! Calls that wait: they block instead of spinning, and give up when they are told to.

use fake::{BAD, HOLE, READ_ONLY, USER, call_in, machine, pause, peek, poke, thread, timed};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use unilith_fs_api::Metadata;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, Fd, Result};
use unilith_posix_fd::{Events, File, table};
use unilith_posix_task::WaitQueue;

mod fake;

mod binding {
    use unilith_sched_api::Poller;
    const COUNTING: Poller = Poller { run: crate::count, arm: || u64::MAX };
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER, COUNTING]);
}

const PAD: usize = USER.start;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize> {
    call_in(&[unilith_posix_fd::SYSCALLS], number, args)
}

/// A file that has what the test gives it, and room for what the test says.
#[derive(Default)]
struct Wire {
    input: Mutex<VecDeque<u8>>,
    room: AtomicUsize,
    output: Mutex<Vec<u8>>,
    queue: WaitQueue,
    dropped: AtomicBool,
}

impl Wire {
    fn give(&self, bytes: &[u8]) {
        self.input.lock().expect("whole").extend(bytes);
        self.queue.wake_all();
    }
    fn make_room(&self, room: usize) {
        self.room.store(room, SeqCst);
        self.queue.wake_all();
    }
}

struct End(Arc<Wire>, Option<u64>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.dropped.store(true, SeqCst);
    }
}

impl File for End {
    fn metadata(&self) -> Result<Metadata> {
        Err(Errno::EIO)
    }
    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        let mut input = self.0.input.lock().expect("whole");
        if input.is_empty() {
            return Err(Errno::EAGAIN);
        }
        let count = buf.len().min(input.len());
        buf.iter_mut().zip(input.drain(..count)).for_each(|(to, from)| *to = from);
        Ok(count)
    }
    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        let count = data.len().min(self.0.room.load(SeqCst));
        if count == 0 && !data.is_empty() {
            return Err(Errno::EAGAIN);
        }
        self.0.room.fetch_sub(count, SeqCst);
        self.0.output.lock().expect("whole").extend(&data[..count]);
        Ok(count)
    }
    fn ready(&self) -> Events {
        Events::READ.when(!self.0.input.lock().expect("whole").is_empty())
            | Events::WRITE.when(self.0.room.load(SeqCst) > 0)
    }
    fn queue(&self) -> Option<&WaitQueue> {
        Some(&self.0.queue)
    }
    fn patience(&self, _: bool) -> Option<u64> {
        self.1
    }
    fn available(&self) -> Result<usize> {
        Ok(self.0.input.lock().expect("whole").len())
    }
}

fn wire(flags: u32) -> (Arc<Wire>, usize) {
    let wire = Arc::new(Wire::default());
    let fd = table::open(Box::new(End(wire.clone(), None)), flags | nr::O_RDWR, false);
    (wire, fd.expect("room").0 as usize)
}

fn soon(ms: u64, act: impl FnOnce() + Send + 'static) {
    thread(move || {
        pause(ms);
        act();
    });
}

#[test]
fn reading_waits_unless_told_not_to() {
    machine(|| {
        let (it, fd) = wire(0);
        let giver = it.clone();
        soon(20, move || giver.give(b"hello"));
        let (ms, got) = timed(|| call(nr::__NR_read, [fd, PAD, 100]));
        assert_eq!((got, peek(PAD, 5)), (Ok(5), b"hello".to_vec()));
        assert!(ms >= 15, "{ms}");
        // Scattered: the first piece full is no reason to wait for more.
        it.give(b"abcd");
        let iov = [PAD + 0x100, 4, PAD + 0x200, 4].map(usize::to_ne_bytes).concat();
        assert_eq!(call(nr::__NR_readv, [fd, poke(PAD, &iov), 2]), Ok(4));
        // RWF_NOWAIT, O_NONBLOCK, FIONBIO.
        let nowait = nr::RWF_NOWAIT as usize;
        let here = usize::MAX;
        assert_eq!(call(nr::__NR_preadv2, [fd, PAD, 2, here, 0, nowait]), Err(Errno::EAGAIN));
        let nonblock = nr::O_NONBLOCK as usize;
        assert_eq!(call(nr::__NR_fcntl, [fd, nr::F_SETFL as usize, nonblock]), Ok(0));
        assert_eq!(call(nr::__NR_read, [fd, PAD, 100]), Err(Errno::EAGAIN));
        assert_eq!(call(nr::__NR_ioctl, [fd, 0x5421, poke(PAD, &[0; 4])]), Ok(0));
        let flags = call(nr::__NR_fcntl, [fd, nr::F_GETFL as usize, 0]).expect("open");
        assert_eq!(flags & nonblock, 0);
        // FIONREAD.
        it.give(b"xyz");
        assert_eq!(call(nr::__NR_ioctl, [fd, 0x541b, PAD]), Ok(0));
        assert_eq!(fake::peek_i32(PAD), 3);
        assert_eq!(call(nr::__NR_close, [fd]), Ok(0));
        assert!(it.dropped.load(SeqCst));
    });
}

#[test]
fn writing_waits_for_all_of_it() {
    machine(|| {
        let (it, fd) = wire(0);
        it.make_room(3);
        let taker = it.clone();
        soon(10, move || taker.make_room(100));
        let data = poke(PAD, b"0123456789");
        assert_eq!(call(nr::__NR_write, [fd, data, 10]), Ok(10));
        assert_eq!(*it.output.lock().expect("whole"), b"0123456789");
        // Not waiting: as much as there was room for, then EAGAIN.
        it.make_room(4);
        call(nr::__NR_fcntl, [fd, nr::F_SETFL as usize, nr::O_NONBLOCK as usize]).expect("open");
        assert_eq!(call(nr::__NR_write, [fd, data, 10]), Ok(4));
        assert_eq!(call(nr::__NR_write, [fd, data, 10]), Err(Errno::EAGAIN));
        // A bad address after good ones.
        it.make_room(1 << 20);
        assert_eq!(call(nr::__NR_write, [fd, HOLE - 2, 10]), Err(Errno::EFAULT));
        let iov = [data, 4, HOLE, 4].map(usize::to_ne_bytes).concat();
        assert_eq!(call(nr::__NR_writev, [fd, poke(PAD + 64, &iov), 2]), Ok(4));
        call(nr::__NR_close, [fd]).expect("open");
    });
}

#[test]
fn patience_ends() {
    machine(|| {
        let end = End(Arc::default(), Some(20_000_000));
        let fd = table::open(Box::new(end), nr::O_RDWR, false).expect("room").0 as usize;
        let (ms, got) = timed(|| call(nr::__NR_read, [fd, PAD, 1]));
        assert_eq!(got, Err(Errno::EAGAIN));
        assert!((15..500).contains(&ms), "{ms}");
        call(nr::__NR_close, [fd]).expect("open");
    });
}

#[test]
fn a_file_that_is_closed_under_a_reader_stays_until_it_is_done() {
    machine(|| {
        let (it, fd) = wire(0);
        let other = it.clone();
        soon(10, move || {
            table::close(Fd(fd as i32)).expect("open");
            assert!(!other.dropped.load(SeqCst));
            other.give(b"late");
        });
        assert_eq!(call(nr::__NR_read, [fd, PAD, 10]), Ok(4));
        assert!(it.dropped.load(SeqCst));
        assert_eq!(call(nr::__NR_read, [fd, PAD, 10]), Err(Errno::EBADF));
    });
}

#[test]
fn poll_and_select_wait_on_all_their_files() {
    machine(|| {
        let (one, a) = wire(0);
        let (two, b) = wire(0);
        let entry = |fd: usize, events: u32| [(fd as u32).to_ne_bytes(), events.to_ne_bytes()];
        let fds = [entry(a, nr::POLLIN), entry(99, nr::POLLIN), entry(usize::MAX, 1)].concat();
        assert_eq!(call(nr::__NR_poll, [poke(PAD, &fds.concat()), 3, 1000]), Ok(1));
        assert_eq!(peek(PAD + 14, 2), [nr::POLLNVAL as u8, 0]);
        let fds = [entry(a, nr::POLLIN), entry(b, nr::POLLIN | nr::POLLOUT)].concat().concat();
        let giver = two.clone();
        soon(20, move || giver.give(b"x"));
        let before = fake::BLOCKED.load(SeqCst);
        let (ms, found) = timed(|| call(nr::__NR_poll, [poke(PAD, &fds), 2, 5000]));
        assert_eq!((found, peek(PAD + 6, 2)), (Ok(1), vec![0, 0]));
        assert_eq!(peek(PAD + 14, 2), [nr::POLLIN as u8, 0]);
        assert!((15..1000).contains(&ms), "{ms}");
        assert!(fake::BLOCKED.load(SeqCst) - before < 5, "it spins");
        // Time is up.
        let fds = entry(a, nr::POLLIN).concat();
        let (ms, found) = timed(|| call(nr::__NR_poll, [poke(PAD, &fds), 1, 20]));
        assert!(found == Ok(0) && (15..1000).contains(&ms), "{ms}");
        assert_eq!(call(nr::__NR_poll, [PAD, 1, 0]), Ok(0));
        // select(2) tells what is left of its time.
        let giver = one.clone();
        soon(20, move || giver.give(b"x"));
        poke(PAD, &[0; 128]);
        poke(PAD + a / 8, &[1 << (a % 8)]);
        let time = poke(PAD + 256, &[3u64.to_ne_bytes(), 0u64.to_ne_bytes()].concat());
        assert_eq!(call(nr::__NR_select, [a + 1, PAD, 0, 0, time]), Ok(1));
        assert_eq!(peek(PAD + a / 8, 1), [1 << (a % 8)]);
        let left = u64::from_ne_bytes(peek(time, 8).try_into().expect("eight"));
        assert_eq!(left, 2);
        // Signal masks are checked.
        for (mask, size, error) in [(HOLE, 8, Errno::EFAULT), (PAD, 4, Errno::EINVAL)] {
            assert_eq!(call(nr::__NR_ppoll, [PAD, 0, 0, mask, size]), Err(error));
        }
        for bad in BAD {
            assert_eq!(call(nr::__NR_poll, [bad, 1, 0]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_select, [64, bad, 0, 0, 0]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_pselect6, [64, 0, 0, 0, 0, bad]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_read, [b, bad, 8]), Err(Errno::EFAULT));
            two.give(b"x");
        }
        assert_eq!(call(nr::__NR_read, [b, READ_ONLY, 8]), Err(Errno::EFAULT));
        assert_eq!(call(nr::__NR_poll, [PAD, usize::MAX, 0]), Err(Errno::EINVAL));
        for fd in [a, b] {
            call(nr::__NR_close, [fd]).expect("open");
        }
    });
}

#[test]
fn the_console_is_waited_for() {
    machine(|| {
        soon(20, || fake::INPUT.lock().expect("whole").extend(b"line\n"));
        let (ms, got) = timed(|| call(nr::__NR_read, [0, PAD, 100]));
        assert_eq!((got, peek(PAD, 5)), (Ok(5), b"line\n".to_vec()));
        assert!((15..1000).contains(&ms), "{ms}");
        assert_eq!(call(nr::__NR_write, [1, PAD, 5]), Ok(5));
        assert_eq!((unilith_posix_fd::POLLER.arm)(), u64::MAX); // nobody waits any more
    });
}

#[test]
fn numbers_are_the_lowest_free_ones() {
    machine(|| {
        let fds: Vec<usize> = (0..20).map(|_| call(nr::__NR_dup, [1]).expect("room")).collect();
        for at in [7, 3, 11] {
            call(nr::__NR_close, [fds[at]]).expect("open");
        }
        assert_eq!(call(nr::__NR_dup, [1]), Ok(fds[3]));
        assert_eq!(call(nr::__NR_fcntl, [1, nr::F_DUPFD as usize, fds[9]]), Ok(fds[11]));
        assert_eq!(call(nr::__NR_dup, [1]), Ok(fds[7]));
        assert_eq!(call(nr::__NR_dup, [1]), Ok(fds[19] + 1));
        assert_eq!(call(nr::__NR_fcntl, [1, nr::F_SETOWN as usize, 1]), Err(Errno::EINVAL));
        call(nr::__NR_close_range, [fds[0], fds[19] + 1, 0]).expect("fine");
    });
}

static POLLED: AtomicUsize = AtomicUsize::new(0);

fn count() {
    POLLED.fetch_add(1, SeqCst);
}

#[test]
fn who_never_waits_lets_devices_have_their_turn() {
    machine(|| {
        let (_, fd) = wire(nr::O_NONBLOCK);
        POLLED.store(0, SeqCst);
        for round in 1..=3 {
            assert_eq!(call(nr::__NR_poll, [PAD, 0, 0]), Ok(0));
            assert!(POLLED.load(SeqCst) >= round);
        }
        POLLED.store(0, SeqCst);
        let (ms, ()) = timed(|| {
            let start = std::time::Instant::now();
            while start.elapsed().as_millis() < 5 || POLLED.load(SeqCst) == 0 {
                assert_eq!(call(nr::__NR_read, [fd, PAD, 1]), Err(Errno::EAGAIN));
            }
        });
        let polled = POLLED.load(SeqCst);
        // No more than once in 50 us, as a turn costs far more than a call that has nothing to do.
        assert!(polled as u64 <= (ms + 1) * 20 + 1, "{polled} times in {ms} ms");
        call(nr::__NR_close, [fd]).expect("open");
    });
}
