//! Arguments that nobody would give: an error, never a panic or a hang.

use common::*;
use fake::{BAD, machine, poke};
use proptest::prelude::*;
use unilith_posix_abi::Errno;
use unilith_posix_abi::raw::general as nr;

mod common;
#[path = "../../fd/tests/fake/mod.rs"]
mod fake;
mod stack;

mod binding {
    unilith_sched_api::bind!(crate::fake::Fake, [unilith_posix_fd::POLLER]);
}

#[test]
fn bad_pointers_are_efault() {
    machine(|| {
        let fds = [socket(INET, STREAM), socket(INET6, DGRAM), socket(UNIX, STREAM), pair(DGRAM).0];
        for fd in fds {
            for bad in BAD {
                for number in [nr::__NR_bind, nr::__NR_connect] {
                    assert_eq!(call(number, [fd, bad, 16]), Err(Errno::EFAULT), "{bad:#x}");
                }
                for number in [nr::__NR_sendmsg, nr::__NR_recvmsg] {
                    assert_eq!(call(number, [fd, bad, DONTWAIT]), Err(Errno::EFAULT));
                }
                assert_eq!(call(nr::__NR_sendmmsg, [fd, bad, 1, 0]), Err(Errno::EFAULT));
                assert_eq!(call(nr::__NR_getsockname, [fd, PAD, bad]), Err(Errno::EFAULT));
                assert_eq!(call(nr::__NR_setsockopt, [fd, 1, 2, bad, 4]), Err(Errno::EFAULT));
                assert_eq!(call(nr::__NR_getsockopt, [fd, 1, 3, PAD, bad]), Err(Errno::EFAULT));
                poke(PAD + 8, &16u32.to_ne_bytes());
                assert_eq!(call(nr::__NR_getsockopt, [fd, 1, 3, bad, PAD + 8]), Err(Errno::EFAULT));
                assert_eq!(call(nr::__NR_getsockname, [fd, bad, PAD + 8]), Err(Errno::EFAULT));
                assert_eq!(call(nr::__NR_socketpair, [UNIX, STREAM, 0, bad]), Err(Errno::EFAULT));
                let header = message(PAD + 0x600, (0, 0), &[(bad, 8)], (0, 0));
                assert!(call(nr::__NR_sendmsg, [fd, header, DONTWAIT]).is_err());
                let header = message(PAD + 0x600, (bad, 16), &[(DATA, 8)], (bad, 16));
                assert_eq!(call(nr::__NR_sendmsg, [fd, header, DONTWAIT]), Err(Errno::EFAULT));
            }
            let header = message(PAD + 0x600, (0, 0), &[], (PAD, usize::MAX));
            assert_eq!(call(nr::__NR_sendmsg, [fd, header, 0]), Err(Errno::ENOBUFS));
            assert_eq!(call(nr::__NR_bind, [fd, PAD, usize::MAX]), Err(Errno::EINVAL));
            poke(PAD + 8, &(-1i32).to_ne_bytes());
            assert_eq!(call(nr::__NR_getsockname, [fd, PAD, PAD + 8]), Err(Errno::EINVAL));
            assert_eq!(call(nr::__NR_getsockopt, [fd, 1, 3, PAD, PAD + 8]), Err(Errno::EINVAL));
            assert_eq!(call(nr::__NR_setsockopt, [fd, 1, 2, PAD, usize::MAX]), Err(Errno::EINVAL));
        }
        close(&fds);
    });
}

/// Numbers that are likely to be wrong in an interesting way.
fn argument() -> impl Strategy<Value = usize> {
    prop_oneof![
        Just(0),
        1usize..12,
        prop::sample::select(&BAD[..]),
        Just(PAD + 0x1000),
        Just(usize::MAX),
        any::<usize>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]
    #[test]
    fn any_arguments_give_a_result(
        calls in proptest::collection::vec((0usize..18, proptest::array::uniform6(argument())), 1..20),
        memory in proptest::collection::vec(any::<u8>(), 256),
    ) {
        machine(|| {
            let made = [socket(INET, STREAM | NONBLOCK), socket(UNIX, STREAM | NONBLOCK)];
            poke(PAD + 0x1000, &memory);
            for (index, mut args) in calls {
                let entry = &unilith_posix_net::SYSCALLS[index];
                // Two thirds of the calls have a socket to work on; none may wait.
                if args[0] % 3 != 0 {
                    args[0] = made[args[0] % 2];
                }
                let flags = match entry.name {
                    "sendto" | "recvfrom" | "sendmmsg" | "recvmmsg" => Some(3),
                    "sendmsg" | "recvmsg" => Some(2),
                    "socket" | "socketpair" => Some(1),
                    _ => None,
                };
                if let Some(at) = flags {
                    args[at] |= if at == 1 { NONBLOCK } else { DONTWAIT };
                }
                let _ = call(entry.number as u32, args);
            }
            call(nr::__NR_close_range, [3, u32::MAX as usize, 0]).expect("fine");
        });
    }
}
