//! An application that makes system calls and takes signals as the processor would have it.
#![allow(dead_code)]

use crate::user::{REGISTERS, function};
use std::sync::Mutex;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_posix_api::{Registers, copy_in, copy_out};

pub static SYSCALLS: unilith_syscall::Table =
    unilith_syscall::Table::new(&[unilith_posix_process::SYSCALLS, unilith_posix_futex::SYSCALLS]);

/// Where the application's system calls are: the address after the instruction.
pub const AFTER_CALL: u64 = 0x2_0002;
/// Where handlers return to: there is a `mov` to rax and a `syscall`.
pub const RESTORER: u64 = 0x2_1000;

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

pub fn log(what: impl Into<String>) {
    LOG.lock().expect("not poisoned").push(what.into());
}

pub fn logged() -> Vec<String> {
    std::mem::take(&mut LOG.lock().expect("not poisoned"))
}

pub fn registers() -> Registers {
    REGISTERS.with_borrow(Clone::clone)
}

pub fn change(act: impl FnOnce(&mut Registers)) {
    REGISTERS.with_borrow_mut(act);
}

/// The instruction `syscall`.
fn trap() {
    let r = registers();
    change(|r| {
        r.orig_rax = r.rax;
        r.rip = AFTER_CALL;
    });
    let args = [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9].map(|register| register as usize);
    let result = SYSCALLS.call(&SyscallArgs { nr: r.rax as usize, args });
    let mut r = registers();
    r.rax = result as u64;
    unilith_posix_process::leave(&mut r);
    change(|now| *now = r);
}

/// Runs handlers until the application is where it would be without them.
pub fn run_handlers() {
    while registers().rip != AFTER_CALL {
        let Some(handler) = function(registers().rip) else { return };
        handler();
        // `ret`: to what the frame says.
        let mut to = [0; 8];
        copy_in(registers().rsp as usize, &mut to).expect("a frame");
        assert_eq!(u64::from_ne_bytes(to), RESTORER);
        change(|r| {
            r.rsp += 8;
            r.rax = nr::__NR_rt_sigreturn.into();
        });
        trap();
    }
}

/// Makes a system call, and again if it has to be.
pub fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize, Errno> {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&args);
    let [rdi, rsi, rdx, r10, r8, r9] = all.map(|arg| arg as u64);
    change(|r| {
        (r.rax, r.rdi, r.rsi, r.rdx) = (number.into(), rdi, rsi, rdx);
        (r.r10, r.r8, r.r9) = (r10, r8, r9);
    });
    loop {
        trap();
        run_handlers();
        match registers().rip {
            AFTER_CALL => break,
            rip => assert_eq!(rip, AFTER_CALL - 2, "it goes on somewhere else"),
        }
    }
    match registers().rax as isize {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

pub fn put<const N: usize>(at: usize, words: [u64; N]) -> usize {
    copy_out(&words.map(u64::to_ne_bytes).concat(), at).expect("memory");
    at
}

pub fn get(at: usize) -> u64 {
    let mut bytes = [0; 8];
    copy_in(at, &mut bytes).expect("memory");
    u64::from_ne_bytes(bytes)
}

pub fn get32(at: usize) -> u32 {
    get(at) as u32
}

/// Sets a handler.
pub fn handle(signal: u32, address: u64, flags: u32, mask: u64) {
    let flags = flags | nr::SA_RESTORER;
    let action = put(0x3_0000, [address, flags.into(), RESTORER, mask]);
    assert_eq!(call(nr::__NR_rt_sigaction, [signal as usize, action, 0, 8]), Ok(0));
}
