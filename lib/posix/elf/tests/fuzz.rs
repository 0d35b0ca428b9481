//! System calls with arguments that nobody would give: an answer, never a panic. A test of its
//! own, as it leaves the process's state in disorder.

use fake::PAD;
use proptest::prelude::*;
use unilith_posix_abi::SyscallArgs;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_api::{Prot, copy_out};

mod fake;

static SYSCALLS: unilith_syscall::Table = unilith_syscall::Table::new(&[
    unilith_posix_fd::SYSCALLS,
    unilith_posix_fs::SYSCALLS,
    unilith_posix_mm::SYSCALLS,
    unilith_posix_process::SYSCALLS,
    unilith_posix_time::SYSCALLS,
]);

const READ_ONLY: usize = PAD + 0x1000;
const HOLE: usize = PAD + 0x2000;
const CWD: usize = nr::AT_FDCWD as usize;

fn set_up() {
    static DONE: std::sync::Once = std::sync::Once::new();
    DONE.call_once(|| {
        unilith_vfs::mount(b"/", unilith_ramfs::with_limit(0o755, 1 << 22));
        unilith_vfs::mount(b"/dev", unilith_devfs::root());
        unilith_space::set_top(0x3000_0000);
        unilith_space::set_heap(0x1000_0000).expect("aligned");
    });
    let place = unilith_space::Place::Replace;
    let zero = unilith_space::Origin::Anonymous;
    unilith_space::map(place(PAD), 0x1000, Prot::RW, zero.clone()).expect("mapped");
    unilith_space::map(place(READ_ONLY), 0x1000, Prot::R, zero).expect("mapped");
    unilith_space::unmap(HOLE, 0x1000).expect("unmapped");
}

/// Arguments that are near something.
fn argument() -> impl Strategy<Value = usize> {
    prop_oneof![
        0usize..12,
        Just(PAD),
        Just(READ_ONLY - 8),
        Just(HOLE - 8),
        Just(HOLE),
        Just(usize::MAX),
        Just(CWD),
        Just(1 << 47),
        (0usize..64).prop_map(|bit| 1 << bit),
        (0usize..16).prop_map(|page| page * 0x1000),
        any::<usize>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]
    #[test]
    fn no_call_panics(number in 0usize..470, dice in prop::array::uniform6(argument())) {
        set_up();
        // Those that end the program, start threads, or wait for what may never come.
        let excluded = [
            nr::__NR_exit, nr::__NR_exit_group, nr::__NR_clone, nr::__NR_clone3, nr::__NR_vfork,
            nr::__NR_nanosleep, nr::__NR_clock_nanosleep, nr::__NR_poll, nr::__NR_ppoll,
            nr::__NR_select, nr::__NR_pselect6, nr::__NR_pause, nr::__NR_rt_sigsuspend,
            nr::__NR_rt_sigtimedwait, nr::__NR_futex,
        ];
        if !excluded.iter().any(|&excluded| excluded as usize == number) {
            copy_out(b"/f\0", PAD).expect("mapped");
            let result = SYSCALLS.call(&SyscallArgs { nr: number, args: dice });
            prop_assert!(result >= -4095);
        }
        fake::OUTPUT.lock().expect("not poisoned").clear();
    }
}
