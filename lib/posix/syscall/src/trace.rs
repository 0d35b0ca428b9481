//! Every system call in words.

use crate::Table;
use unilith_posix_abi::{Errno, SyscallArgs};
use unilith_print::eprint;

/// Prints the call before it is made, as it may not return, and the result after it.
pub fn traced(table: &Table, call: &SyscallArgs) -> isize {
    match table.entry(call.nr) {
        Some(entry) => {
            eprint!("{}(", entry.name);
            for (index, ((name, ty), value)) in entry.arguments.iter().zip(call.args).enumerate() {
                let comma = if index > 0 { ", " } else { "" };
                match *ty {
                    "Fd" | "i32" => eprint!("{}{}={}", comma, name, value as i32),
                    "i64" | "isize" => eprint!("{}{}={}", comma, name, value as isize),
                    "usize" => eprint!("{}{}={}", comma, name, value),
                    _ => eprint!("{}{}={:#x}", comma, name, value),
                }
            }
        }
        None => eprint!("syscall_{}(", call.nr),
    }
    eprint!(")");
    let result = table.untraced(call);
    match result {
        -4095..=-1 => eprint!(" = {:?}\n", Errno::from_number(-result as u16)),
        0..4096 => eprint!(" = {}\n", result),
        _ => eprint!(" = {:#x}\n", result),
    }
    result
}
