//! eventfd(2) and timerfd_create(2) against their manual pages.

use fake::{BAD, USER, call_in, machine, pause, peek, peek_i32, poke, thread, timed};
use unilith_posix_abi::Errno;
use unilith_posix_abi::raw::general as nr;

#[path = "../../fd/tests/fake/mod.rs"]
mod fake;

unilith_sched_api::bind!(fake::Fake, [unilith_posix_fd::POLLER, unilith_posix_event::POLLER]);

const PAD: usize = USER.start;
const NONBLOCK: usize = nr::O_NONBLOCK as usize;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize, Errno> {
    call_in(&[unilith_posix_fd::SYSCALLS, unilith_posix_event::SYSCALLS], number, args)
}

fn close(fds: &[usize]) {
    for &fd in fds {
        call(nr::__NR_close, [fd]).expect("open");
    }
}

fn number(at: usize) -> u64 {
    u64::from_ne_bytes(peek(at, 8).try_into().expect("eight"))
}

fn add(fd: usize, value: u64) -> Result<usize, Errno> {
    call(nr::__NR_write, [fd, poke(PAD, &value.to_ne_bytes()), 8])
}

fn take(fd: usize) -> Result<u64, Errno> {
    call(nr::__NR_read, [fd, PAD + 64, 8]).map(|_| number(PAD + 64))
}

fn ready(fd: usize) -> u16 {
    let entry = [(fd as u32).to_ne_bytes(), (nr::POLLIN | nr::POLLOUT).to_ne_bytes()].concat();
    call(nr::__NR_poll, [poke(PAD + 128, &entry), 1, 0]).expect("fine");
    u16::from_ne_bytes(peek(PAD + 134, 2).try_into().expect("two"))
}

#[test]
fn an_eventfd_counts() {
    machine(|| {
        let fd = call(nr::__NR_eventfd2, [3, NONBLOCK]).expect("room");
        assert_eq!((take(fd), take(fd)), (Ok(3), Err(Errno::EAGAIN)));
        assert_eq!((add(fd, 2), add(fd, 5), take(fd)), (Ok(8), Ok(8), Ok(7)));
        assert_eq!(ready(fd), nr::POLLOUT as u16);
        assert_eq!(add(fd, u64::MAX), Err(Errno::EINVAL));
        assert_eq!((add(fd, u64::MAX - 1), add(fd, 1)), (Ok(8), Err(Errno::EAGAIN)));
        assert_eq!(ready(fd), nr::POLLIN as u16);
        assert_eq!(call(nr::__NR_read, [fd, PAD, 7]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_write, [fd, PAD, 7]), Err(Errno::EINVAL));
        assert_eq!(take(fd), Ok(u64::MAX - 1));
        poke(PAD, &[1, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 9, 9, 9, 9, 9]);
        assert_eq!(call(nr::__NR_write, [fd, PAD, 16]), Ok(8)); // one number at a time
        assert_eq!(take(fd), Ok(1));
        for bad in BAD {
            assert_eq!(call(nr::__NR_write, [fd, bad, 8]), Err(Errno::EFAULT));
        }
        let semaphore = (nr::EFD_SEMAPHORE | nr::EFD_CLOEXEC) as usize;
        let s = call(nr::__NR_eventfd2, [2, semaphore | NONBLOCK]).expect("room");
        assert_eq!((take(s), take(s), take(s)), (Ok(1), Ok(1), Err(Errno::EAGAIN)));
        assert_eq!(call(nr::__NR_eventfd2, [0, 2]), Err(Errno::EINVAL));
        // Waiting.
        let w = call(nr::__NR_eventfd2, [0, 0]).expect("room");
        thread(move || {
            pause(20);
            call(nr::__NR_write, [w, poke(PAD + 256, &5u64.to_ne_bytes()), 8]).expect("fine");
        });
        let (ms, got) = timed(|| take(w));
        assert!(got == Ok(5) && ms >= 15, "{ms}");
        close(&[fd, s, w]);
    });
}

/// A `struct itimerspec`, in milliseconds.
fn set(fd: usize, flags: u32, interval: u64, value: u64) -> Result<usize, Errno> {
    let time = |ms: u64| [ms / 1000, ms % 1000 * 1_000_000].map(u64::to_ne_bytes).concat();
    let setting = poke(PAD + 512, &[time(interval), time(value)].concat());
    call(nr::__NR_timerfd_settime, [fd, flags as usize, setting, PAD + 600])
}

#[test]
fn a_timerfd_expires() {
    machine(|| {
        let fd = call(nr::__NR_timerfd_create, [nr::CLOCK_MONOTONIC as usize, 0]).expect("room");
        // Not before its time; how late depends on what else the machine does.
        let (ms, got) = timed(|| {
            set(fd, 0, 0, 200).expect("fine");
            assert_eq!(ready(fd), 0);
            take(fd)
        });
        assert!(got == Ok(1) && ms >= 199, "{ms}");
        // Periodic: what was missed is counted.
        set(fd, 0, 10, 10).expect("fine");
        pause(55);
        let count = take(fd).expect("expired");
        assert!(count >= 4, "{count}");
        assert!(take(fd).is_ok());
        // The setting that was, and what is left of the one that is.
        set(fd, 0, 0, 5000).expect("fine");
        assert_eq!(number(PAD + 608), 10_000_000);
        call(nr::__NR_timerfd_gettime, [fd, PAD + 600]).expect("fine");
        assert_eq!((number(PAD + 608), number(PAD + 616)), (0, 4));
        // An absolute time that has passed; disarming.
        set(fd, nr::TFD_TIMER_ABSTIME, 0, 1).expect("fine");
        assert_eq!(take(fd), Ok(1));
        set(fd, 0, 0, 1).expect("fine");
        set(fd, 0, 0, 0).expect("fine");
        pause(5);
        assert_eq!(ready(fd), 0);
        // epoll is woken by it.
        let e = call(nr::__NR_epoll_create1, [0]).expect("room");
        let event = [nr::EPOLLIN, 1, 0].map(u32::to_ne_bytes).concat();
        call(nr::__NR_epoll_ctl, [e, 1, fd, poke(PAD, &event)]).expect("new");
        set(fd, 0, 0, 20).expect("fine");
        let (ms, got) = timed(|| call(nr::__NR_epoll_wait, [e, PAD, 4, 5000]));
        assert!(got == Ok(1) && (15..1000).contains(&ms), "{ms}");
        // Also if somebody looks at the timer first.
        take(fd).expect("expired");
        set(fd, 0, 0, 20).expect("fine");
        assert_eq!(call(nr::__NR_epoll_wait, [e, PAD, 4, 0]), Ok(0));
        std::thread::sleep(std::time::Duration::from_millis(30));
        call(nr::__NR_timerfd_gettime, [fd, PAD + 600]).expect("fine");
        assert_eq!((number(PAD + 616), number(PAD + 624)), (0, 0));
        let (ms, got) = timed(|| call(nr::__NR_epoll_wait, [e, PAD, 4, 5000]));
        assert!(got == Ok(1) && ms < 1000, "{ms}");
        for bad in BAD {
            assert_eq!(call(nr::__NR_timerfd_settime, [fd, 0, bad, 0]), Err(Errno::EFAULT));
            assert_eq!(call(nr::__NR_timerfd_gettime, [fd, bad]), Err(Errno::EFAULT));
        }
        assert_eq!(call(nr::__NR_timerfd_gettime, [1, PAD]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_timerfd_create, [99, 0]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_write, [fd, PAD, 8]), Err(Errno::EINVAL));
        close(&[fd, e]);
        assert_eq!((unilith_posix_event::POLLER.arm)(), u64::MAX);
    });
}

#[test]
fn a_signalfd_reads_what_is_blocked() {
    use unilith_posix_task::{Info, pid, send_process, set_blocked};
    machine(|| {
        let (usr1, term) = (nr::SIGUSR1, nr::SIGTERM);
        let bits = 1u64 << (usr1 - 1) | 1 << (term - 1);
        set_blocked(bits);
        let mask = poke(PAD, &bits.to_ne_bytes());
        let new = -1i32 as usize;
        let fd = call(nr::__NR_signalfd4, [new, mask, 8, NONBLOCK]).expect("room");
        assert_eq!((ready(fd), call(nr::__NR_read, [fd, PAD, 128])), (0, Err(Errno::EAGAIN)));
        send_process(pid(), Info::user(usr1, 0, 77), false).expect("it is there");
        assert_eq!(ready(fd), nr::POLLIN as u16);
        assert_eq!(call(nr::__NR_read, [fd, PAD, 127]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_read, [fd, PAD, 1000]), Ok(128));
        assert_eq!(
            (peek(PAD, 4), peek(PAD + 12, 4)),
            (vec![usr1 as u8, 0, 0, 0], vec![77, 0, 0, 0])
        );
        // Waiting for one.
        call(nr::__NR_fcntl, [fd, nr::F_SETFL as usize, 0]).expect("open");
        let process = pid();
        thread(move || {
            pause(20);
            send_process(process, Info::user(term, 0, 78), false).expect("it is there");
        });
        let (ms, got) = timed(|| call(nr::__NR_read, [fd, PAD, 128]));
        assert!(got == Ok(128) && ms >= 15, "{ms}");
        assert_eq!(peek_i32(PAD), term as i32);
        // Another mask; mistakes.
        poke(PAD, &0u64.to_ne_bytes());
        assert_eq!(call(nr::__NR_signalfd4, [fd, PAD, 8, 0]), Ok(fd));
        send_process(pid(), Info::user(usr1, 0, 77), false).expect("it is there");
        assert_eq!(ready(fd), 0);
        assert_eq!(call(nr::__NR_signalfd4, [new, PAD, 4, 0]), Err(Errno::EINVAL));
        assert_eq!(call(nr::__NR_signalfd4, [1, PAD, 8, 0]), Err(Errno::EINVAL));
        for bad in BAD {
            assert_eq!(call(nr::__NR_signalfd4, [new, bad, 8, 0]), Err(Errno::EFAULT));
        }
        unilith_posix_task::take_signal(bits).expect("it is still there");
        set_blocked(0);
        close(&[fd]);
    });
}
