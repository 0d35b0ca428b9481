//! Sockets that are sent through sockets.

use common::*;
use fake::{machine, poke};
use unilith_posix_abi::Errno;
use unilith_posix_abi::raw::general as nr;

mod common;
#[path = "../../fd/tests/fake/mod.rs"]
mod fake;
mod stack;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

fn send_through(fd: usize, sent: &[usize]) -> Result<usize, Errno> {
    let control = rights(sent);
    let at = poke(PAD + 0x1000, &control);
    let header = message(PAD + 0x600, (0, 0), &[(DATA, 1)], (at, control.len()));
    call(nr::__NR_sendmsg, [fd, header, 0])
}

/// Each socket is under way in the next: closing the last closes all of them, on a stack that has
/// no room for one inside the other.
fn a_long_chain() {
    for kind in [DGRAM, STREAM] {
        let (first, mut last) = pair(kind);
        for _ in 0..1000 {
            let (one, other) = pair(kind);
            assert_eq!(send_through(one, &[last]), Ok(1));
            close(&[one, last]);
            last = other;
        }
        close(&[last]);
        // The first of them is gone, too.
        let error = if kind == DGRAM { Errno::ECONNREFUSED } else { Errno::EPIPE };
        assert_eq!(send(first, b"x", 0), Err(error));
        close(&[first]);
    }
}

/// Nobody can reach, nor close, sockets that are under way in themselves.
fn lost_ones() {
    let mut lost = 0;
    let error = loop {
        let (one, other) = pair(DGRAM);
        let sent = send_through(one, &[other]);
        close(&[one, other]);
        match sent {
            Ok(_) => lost += 1,
            Err(error) => break error,
        }
        assert!(lost < 10_000, "there is no bound");
    };
    assert_eq!(error, Errno::ETOOMANYREFS);
    assert!(lost >= 1000, "ordinary programs have room");
}

/// One after the other: what is lost stays so.
#[test]
fn chains_are_closed_and_what_is_lost_is_bounded() {
    let test = || {
        machine(|| {
            a_long_chain();
            lost_ones();
        });
    };
    let thread = std::thread::Builder::new().stack_size(256 * 1024).spawn(test);
    thread.expect("a thread").join().expect("no panic");
}
