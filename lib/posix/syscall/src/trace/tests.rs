//! What is written of arguments, hostile ones among them.

use super::kind::{Kind, kind_with};
use super::value::{Call, Memory};
use alloc::string::String;
use core::cell::Cell;

/// One page of memory at its own number.
struct Page([u8; 4096]);

const AT: usize = 0x1000;

impl Memory for Page {
    fn read(&self, address: usize, into: &mut [u8]) -> bool {
        let start = address.checked_sub(AT);
        let from = start.and_then(|at| self.0.get(at..)?.get(..into.len()));
        from.is_some_and(|bytes| {
            into.copy_from_slice(bytes);
            true
        })
    }
}

fn written(bytes: &[u8], kind: Kind, args: [usize; 6], result: Option<isize>) -> String {
    let mut page = Page([0xff; 4096]);
    page.0[..bytes.len()].copy_from_slice(bytes);
    let mut text = String::new();
    let call = Call { args: &args, result, memory: &page };
    call.write(&mut text, kind, args[0]).expect("room");
    text
}

#[test]
fn strings_are_quoted_and_cut() {
    let args = [AT, 40, 0, 0, 0, 0];
    assert_eq!(written(b"a\"b\n\0", Kind::Text, args, None), r#""a\"b\n""#);
    assert_eq!(written(b"\x00011\xff", Kind::Bytes(1), [AT, 6, 0, 0, 0, 0], None), {
        r#""\000011\377\377""#
    });
    let long = written(&[b'x'; 100], Kind::Bytes(1), args, None);
    assert_eq!(long, alloc::format!("\"{}\"...", "x".repeat(32)));
    // Not there, or only in part.
    assert_eq!(written(b"", Kind::Bytes(1), [AT + 4090, 20, 0, 0, 0, 0], None), "0x1ffa");
    assert_eq!(written(b"", Kind::Path, [AT + 4090, 0, 0, 0, 0, 0], None), "0x1ffa");
    assert_eq!(written(b"", Kind::Text, [0; 6], None), "NULL");
    // What a failed call should have written is not shown.
    assert_eq!(written(b"old", Kind::Filled, args, Some(-2)), "0x1000");
    assert_eq!(written(b"new", Kind::Filled, args, Some(3)), "\"new\"");
}

/// Whatever the registers and the memory say, a line has an end.
#[test]
fn hostile_arguments_are_written_with_an_end() {
    let seed = Cell::new(1u64);
    let next = || {
        let value = seed.get().wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        seed.set(value);
        value >> 20
    };
    let interesting = |_| match next() % 8 {
        0 => 0,
        1 => AT,
        2 => AT + 4096 - (next() % 40) as usize,
        3 => usize::MAX - (next() % 40) as usize,
        4 => next() as usize % 64,
        5 => u32::MAX as usize,
        _ => AT + (next() % 4096) as usize,
    };
    let calls = [
        "poll",
        "writev",
        "readv",
        "bind",
        "accept",
        "getdents64",
        "epoll_wait",
        "execve",
        "clone3",
        "rt_sigaction",
        "wait4",
        "prctl",
        "uname",
        "stat",
        "read",
        "recvfrom",
        "open",
    ];
    let arguments = [
        "fds", "iov", "address", "len", "to", "events", "args", "env", "new", "status", "argument",
        "buf", "path", "mode", "flags",
    ];
    for _ in 0..300 {
        let mut page = Page([0; 4096]);
        let few = next() % 4;
        page.0.iter_mut().for_each(|byte| *byte = (next() % (1 << (2 * few + 2))) as u8);
        let args: [usize; 6] = core::array::from_fn(interesting);
        for call in calls {
            for name in arguments {
                for result in [None, Some(-14), Some(args[5] as isize)] {
                    let words = Call { args: &args, result, memory: &page };
                    let mut text = String::new();
                    let kind = kind_with(call, name, "UserPtr", &args);
                    words.write(&mut text, kind, args[0]).expect("room");
                    words.aftermath(&mut text, call).expect("room");
                    assert!(text.len() < 100_000, "{call} {name} {}", text.len());
                }
            }
        }
    }
}
