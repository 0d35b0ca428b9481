//! pipe(7) against its manual page.

use fake::{
    BAD, HOLE, USER, call_in, machine, pause, peek, peek_i32, poke, sends_sigpipe, thread, timed,
};
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, Result};

#[path = "../../fd/tests/fake/mod.rs"]
mod fake;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

const PAD: usize = USER.start;
const BIG: usize = USER.start + 0x10_0000;
const NONBLOCK: u32 = nr::O_NONBLOCK;

fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize> {
    call_in(&[unilith_posix_fd::SYSCALLS, unilith_posix_pipe::SYSCALLS], number, args)
}

fn pipe(flags: u32) -> (usize, usize) {
    call(nr::__NR_pipe2, [PAD, flags as usize]).expect("room");
    (peek_i32(PAD) as usize, peek_i32(PAD + 4) as usize)
}

fn close(fds: &[usize]) {
    for &fd in fds {
        call(nr::__NR_close, [fd]).expect("open");
    }
}

fn ready(fd: usize) -> u32 {
    let all = nr::POLLIN | nr::POLLOUT;
    let entry = [(fd as u32).to_ne_bytes(), all.to_ne_bytes()].concat();
    call(nr::__NR_poll, [poke(PAD + 128, &entry), 1, 0]).expect("fine");
    u16::from_ne_bytes(peek(PAD + 134, 2).try_into().expect("two")).into()
}

#[test]
fn bytes_go_through_until_the_end() {
    machine(|| {
        let (r, w) = pipe(0);
        assert_eq!((ready(r), ready(w)), (0, nr::POLLOUT));
        assert_eq!(call(nr::__NR_write, [w, poke(PAD, b"hello"), 5]), Ok(5));
        assert_eq!(ready(r), nr::POLLIN);
        assert_eq!(call(nr::__NR_ioctl, [r, 0x541b, PAD + 64]), Ok(0));
        assert_eq!(peek_i32(PAD + 64), 5);
        assert_eq!(call(nr::__NR_read, [r, PAD, 3]), Ok(3));
        assert_eq!(call(nr::__NR_read, [r, PAD, 100]), Ok(2));
        assert_eq!(call(nr::__NR_write, [r, PAD, 1]), Err(Errno::EBADF));
        assert_eq!(call(nr::__NR_read, [w, PAD, 1]), Err(Errno::EBADF));
        assert_eq!(call(nr::__NR_lseek, [r, 0, 0]), Err(Errno::ESPIPE));
        thread(move || {
            pause(20);
            close(&[w]);
        });
        let (ms, got) = timed(|| call(nr::__NR_read, [r, PAD, 100]));
        assert!(got == Ok(0) && ms >= 15, "{ms}");
        assert_eq!(ready(r), nr::POLLHUP);
        close(&[r]);
        // The other way round.
        let (r, w) = pipe(0);
        close(&[r]);
        assert_eq!(ready(w), nr::POLLERR | nr::POLLOUT);
        assert!(sends_sigpipe(|| {
            assert_eq!(call(nr::__NR_write, [w, PAD, 1]), Err(Errno::EPIPE));
        }));
        close(&[w]);
    });
}

#[test]
fn small_writes_are_atomic_and_large_ones_wait() {
    machine(|| {
        let (r, w) = pipe(NONBLOCK);
        assert_eq!(call(nr::__NR_read, [r, PAD, 1]), Err(Errno::EAGAIN));
        assert_eq!(call(nr::__NR_write, [w, BIG, 100_000]), Ok(65_536));
        assert_eq!(call(nr::__NR_write, [w, BIG, 1]), Err(Errno::EAGAIN));
        assert_eq!(ready(w), 0);
        assert_eq!(call(nr::__NR_read, [r, PAD, 4000]), Ok(4000));
        assert_eq!(ready(w), 0);
        assert_eq!(call(nr::__NR_write, [w, BIG, 4001]), Err(Errno::EAGAIN)); // not in part
        assert_eq!(call(nr::__NR_write, [w, BIG, 5000]), Ok(4000)); // more than PIPE_BUF
        close(&[r, w]);
        // A writer that waits gets all of it through, in order.
        let (r, w) = pipe(0);
        let data: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        poke(BIG, &data);
        thread(move || {
            assert_eq!(call(nr::__NR_write, [w, BIG, 300_000]), Ok(300_000));
            close(&[w]);
        });
        let mut got = Vec::new();
        loop {
            match call(nr::__NR_read, [r, PAD + 0x1000, 7777]).expect("fine") {
                0 => break,
                count => got.extend(peek(PAD + 0x1000, count)),
            }
        }
        assert_eq!(got, data);
        close(&[r]);
        // A writer that waits is told when nobody reads any more.
        let (r, w) = pipe(0);
        thread(move || {
            pause(10);
            close(&[r]);
        });
        assert_eq!(call(nr::__NR_write, [w, BIG, 70_000]), Ok(65_536));
        assert_eq!(call(nr::__NR_write, [w, BIG, 70_000]), Err(Errno::EPIPE));
        close(&[w]);
    });
}

#[test]
fn sizes_can_be_changed() {
    machine(|| {
        let (get, set) = (nr::F_GETPIPE_SZ as usize, nr::F_SETPIPE_SZ as usize);
        let (r, w) = pipe(NONBLOCK);
        assert_eq!(call(nr::__NR_fcntl, [r, get, 0]), Ok(65_536));
        assert_eq!(call(nr::__NR_fcntl, [w, set, 1000]), Ok(4096));
        assert_eq!(call(nr::__NR_write, [w, BIG, 10_000]), Ok(4096));
        assert_eq!(call(nr::__NR_fcntl, [w, set, 10_000]), Ok(16_384));
        assert_eq!(call(nr::__NR_write, [w, BIG, 10_000]), Ok(10_000));
        assert_eq!(call(nr::__NR_fcntl, [w, set, 4096]), Err(Errno::EBUSY));
        assert_eq!(call(nr::__NR_fcntl, [w, set, 2 << 20]), Err(Errno::EPERM));
        assert_eq!(call(nr::__NR_fcntl, [1, get, 0]), Err(Errno::EINVAL));
        close(&[r, w]);
    });
}

#[test]
fn mistakes_have_their_errors() {
    machine(|| {
        let before = call(nr::__NR_dup, [1]).expect("room");
        for bad in BAD {
            assert_eq!(call(nr::__NR_pipe, [bad]), Err(Errno::EFAULT));
        }
        assert_eq!(call(nr::__NR_dup, [1]), Ok(before + 1)); // nothing stayed open
        close(&[before, before + 1]);
        assert_eq!(call(nr::__NR_pipe2, [PAD, nr::O_DIRECT as usize]), Err(Errno::EINVAL));
        let (r, w) = pipe(NONBLOCK | nr::O_CLOEXEC);
        assert_eq!(call(nr::__NR_fcntl, [w, nr::F_GETFD as usize]), Ok(1));
        for bad in BAD {
            assert_eq!(call(nr::__NR_write, [w, bad, 10]), Err(Errno::EFAULT));
        }
        assert_eq!(call(nr::__NR_read, [r, PAD, 1]), Err(Errno::EAGAIN));
        call(nr::__NR_write, [w, PAD, 10]).expect("fine");
        assert_eq!(call(nr::__NR_read, [r, HOLE - 4096, 10]), Err(Errno::EFAULT));
        assert_eq!(call(nr::__NR_read, [r, PAD, 20]), Ok(10)); // nothing was lost
        assert_eq!(call(nr::__NR_read, [r, 0, 0]), Ok(0));
        assert_eq!(call(nr::__NR_write, [w, 0, 0]), Ok(0));
        close(&[r, w]);
    });
}
