//! Does what an image's protections forbid: its argument says what. Each must end in a crash
//! report that names the function here; one that returns was not caught.
#![no_std]

use core::arch::asm;
use core::hint::black_box;
use unilith_print::{eprintln, println};

/// Called once the image has booted.
pub fn main() -> i32 {
    let Some(what) = unilith_cmdline::args().next() else {
        eprintln!("faults: say which");
        return 2;
    };
    let faults: [(&str, fn()); 10] = [
        ("write-text", write_text),
        ("write-constant", write_constant),
        ("write-text-directly", write_text_directly),
        ("execute-data", execute_data),
        ("execute-stack", execute_stack),
        ("call-null", call_null),
        ("read-null", read_null),
        ("overflow-stack", overflow_stack),
        ("invalid-opcode", invalid_opcode),
        ("panic", panics),
    ];
    let Some((name, fault)) = faults.iter().find(|(name, _)| what.eq_str(name)) else {
        eprintln!("faults: no such fault: {what}");
        return 2;
    };
    fault();
    println!("{name}: nothing happened");
    1
}

const RETURN: u8 = 0xc3;

fn store(address: usize) {
    // SAFETY: none: it must fault.
    unsafe { (black_box(address) as *mut u8).write_volatile(RETURN) };
}

fn call(address: usize) {
    // SAFETY: none: it must fault.
    unsafe { asm!("call {}", in(reg) black_box(address), clobber_abi("C")) };
}

#[inline(never)]
fn write_text() {
    store(main as *const () as usize);
}

#[inline(never)]
fn write_constant() {
    static CONSTANT: [u8; 16] = [1; 16];
    store(CONSTANT.as_ptr() as usize);
}

/// The kernel's text by way of the map of all physical memory.
#[inline(never)]
fn write_text_directly() {
    const KERNEL_BASE: usize = 0xffff_ffff_8000_0000;
    const DIRECT_MAP: usize = 0xffff_8000_0000_0000;
    store((main as *const () as usize).wrapping_sub(KERNEL_BASE).wrapping_add(DIRECT_MAP));
}

#[inline(never)]
fn execute_data() {
    use core::sync::atomic::AtomicU64;
    static CODE: AtomicU64 = AtomicU64::new(RETURN as u64);
    call(CODE.as_ptr() as usize);
}

#[inline(never)]
fn execute_stack() {
    let code = black_box([RETURN; 16]);
    call(code.as_ptr() as usize);
}

#[inline(never)]
fn call_null() {
    call(0);
}

#[inline(never)]
fn read_null() {
    // SAFETY: none: it must fault.
    unsafe { (black_box(8) as *const u8).read_volatile() };
}

#[inline(never)]
fn overflow_stack() {
    #[inline(never)]
    #[expect(unconditional_recursion)]
    fn overflow_more(above: &[u8; 1024]) -> u8 {
        let room = black_box([above[7]; 1024]);
        overflow_more(&room) ^ black_box(room)[3]
    }
    black_box(overflow_more(&[0; 1024]));
}

#[inline(never)]
fn invalid_opcode() {
    // SAFETY: none: it must fault.
    unsafe { asm!("ud2") };
}

#[inline(never)]
fn panics() {
    panic!("as asked");
}
