//! A call's line.
//!
//! The arguments are written before the call is made, as it may not return, up to the first one
//! that the call fills in; the rest, and the result, after it. When another thread's call comes in
//! between, the line is `<unfinished ...>` and goes on as `<... name resumed>`.

use super::kind::{arity, gives_flags, kind_with};
use super::value::{Call, Memory};
use crate::Table;
use alloc::string::String;
use core::fmt::Write;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use unilith_posix_abi::{Entry, Errno, SyscallArgs, UserPtr};
use unilith_posix_task::tid;
use unilith_print::eprint;

/// The thread whose line is open; 0: none.
static OPEN: AtomicI32 = AtomicI32::new(0);
/// The thread that wrote last, and whether there has been another one.
static LAST: AtomicI32 = AtomicI32::new(0);
static SEVERAL: AtomicBool = AtomicBool::new(false);

struct User;

impl Memory for User {
    fn read(&self, address: usize, into: &mut [u8]) -> bool {
        UserPtr(address).copy_in(into).is_ok()
    }
}

/// Begins a line of this thread, after ending another's.
fn begin(tid: i32, text: &str) {
    if OPEN.swap(tid, Relaxed) != 0 {
        eprint!(" <unfinished ...>\n");
    }
    let last = LAST.swap(tid, Relaxed);
    if last != 0 && last != tid {
        SEVERAL.store(true, Relaxed);
    }
    if SEVERAL.load(Relaxed) {
        eprint!("[{}] ", tid);
    }
    eprint!("{}", text);
}

/// The arguments from the one with index `from` on that `which` wants; how far it got.
fn arguments(text: &mut String, entry: &Entry, call: &Call<'_>, from: usize) -> usize {
    let count = arity(entry.name, call.args).min(entry.arguments.len());
    let arguments = entry.arguments.iter().zip(call.args).enumerate().take(count);
    for (index, ((name, ty), value)) in arguments.skip(from) {
        let kind = kind_with(entry.name, name, ty, call.args);
        // The comma before the first one that waits is written with those before.
        if index > 0 && (index > from || call.result.is_none()) {
            text.push_str(", ");
        }
        if kind.waits() && call.result.is_none() {
            return index;
        }
        // A string has room for everything.
        let _ = call.write(text, kind, *value);
    }
    count
}

/// Makes the call, and writes what it is and what came of it.
pub fn traced(table: &Table, call: &SyscallArgs) -> isize {
    let number = call.nr as u32 as usize;
    let Some(entry) = table.entry(number) else {
        let name = crate::name(number).unwrap_or("syscall");
        begin(tid(), name);
        eprint!("({:#x}, {:#x}, {:#x}", call.args[0], call.args[1], call.args[2]);
        let result = table.untraced(call);
        eprint!("{}\n", outcome(name, &call.args, result));
        OPEN.store(0, Relaxed);
        return result;
    };
    let mut text = String::from(entry.name);
    text.push('(');
    let mut words = Call { args: &call.args, result: None, memory: &User };
    let written = arguments(&mut text, entry, &words, 0);
    let me = tid();
    if matches!(entry.name, "exit" | "exit_group") {
        let _ = writeln!(text, ") = ?");
        begin(me, &text);
        OPEN.store(0, Relaxed);
        begin(me, "+++ exited with ");
        eprint!("{} +++\n", call.args[0] as u8);
        OPEN.store(0, Relaxed);
        return table.untraced(call);
    }
    begin(me, &text);
    let result = table.untraced(call);
    text.clear();
    if OPEN.load(Relaxed) != me {
        let _ = write!(text, "<... {} resumed>", entry.name);
        begin(me, &text);
        text.clear();
    }
    words.result = Some(result);
    arguments(&mut text, entry, &words, written);
    text.push_str(&outcome(entry.name, &call.args, result));
    let _ = words.aftermath(&mut text, entry.name);
    eprint!("{}\n", text);
    OPEN.store(0, Relaxed);
    result
}

/// The result of a call: some give back an address, or flags.
fn outcome(name: &str, args: &[usize; 6], result: isize) -> String {
    let mut text = String::new();
    let flags = || result > 0 && name == "fcntl" && gives_flags(args).is_some();
    let _ = match (name, result) {
        (_, -4095..=-1) => {
            let errno = Errno::from_number(result.unsigned_abs() as u16);
            write!(text, ") = -1 {errno:?} ({errno})")
        }
        ("brk" | "mmap" | "mremap", address) => write!(text, ") = {address:#x}"),
        ("umask", mask @ 1..) => write!(text, ") = 0{mask:o}"),
        (_, result) if flags() => write!(text, ") = {result:#x}"),
        (_, result) => write!(text, ") = {result}"),
    };
    text
}
