//! Starting programs, from the command line to the first instruction, and what is said when that
//! is impossible. One test: the tree and the address space are the process's.

use fake::image::{CODE, Header, X86_64, page};
use std::ops::Range;
use std::panic::catch_unwind;
use unilith_posix_api::Prot;

mod fake;

/// A program with code, data and 4 KiB of zeros, at `address`.
fn program(kind: u16, address: u64, flags: u32) -> Vec<u8> {
    let code = Header { flags, address, ..CODE };
    let data = Header {
        flags: 6,
        offset: 0x1000,
        address: address + 0x1000,
        in_file: 8,
        size: 0x1008,
        ..CODE
    };
    let mut out = page(kind, X86_64, address + 0x80, &[code, data], 0x90);
    out.extend(b"initial!");
    out
}

static HANDLERS: unilith_posix_api::Handlers =
    unilith_posix_api::Handlers { syscall: |_| 0, leave: &[], page: &[], trap: &[], tick: &[] };

/// Runs the loader: where it started the program, or its status and what it said.
fn run(line: &'static str) -> Result<(usize, usize), (u8, String)> {
    *fake::COMMAND_LINE.lock().expect("not poisoned") = line.as_bytes();
    fake::OUTPUT.lock().expect("not poisoned").clear();
    match catch_unwind(|| unilith_elf::main(&HANDLERS)) {
        Ok(status) => {
            let said = fake::OUTPUT.lock().expect("not poisoned").clone();
            Err((status, String::from_utf8(said).expect("text")))
        }
        Err(_) => Ok(fake::STARTED.take().expect("started")),
    }
}

/// What may be done with each page of a range.
fn protection(range: Range<usize>) -> Vec<Option<Prot>> {
    range.step_by(4096).map(|page| unilith_space::area(page).map(|area| area.prot)).collect()
}

fn forget() {
    unilith_space::unmap(fake::USER.start, fake::USER.len()).expect("unmapped");
    assert_eq!(fake::mapped_pages(), 0);
}

#[test]
fn programs_start_or_say_why_not() {
    // Starting a program is a panic here (see `fake`), which is nothing to speak of.
    std::panic::set_hook(Box::new(|info| {
        if info.payload_as_str() != Some("started") {
            eprintln!("{info}");
        }
    }));
    let fails = |line, status, words: &str| {
        let (got, said) = run(line).expect_err("refused");
        assert_eq!((got, said.lines().count()), (status, 1), "{said}");
        assert!(said.starts_with("unilith: ") && said.contains(words), "{said}");
    };
    fails("", 127, "unilith.program=");
    fails("unilith.program=/x", 127, "/x: no such file");
    unilith_vfs::mount(b"/", unilith_ramfs::root(0o755));
    fails("unilith.program=/x", 127, "/x: no such file");
    fake::put("/fixed", 0o755, &program(2, 0x40_0000, 5));
    fake::put("/pie", 0o755, &program(3, 0, 5));
    fake::put("/wx", 0o755, &program(2, 0x40_0000, 7));
    fake::put("/high", 0o755, &program(2, 0x7000_0000_0000, 5));
    fake::put("/low", 0o755, &program(2, 0x1000, 5));
    fake::put("/cut", 0o755, &program(2, 0x40_0000, 5)[..0x1004]);
    fake::put("/script", 0o755, b"#! /bin/sh -e\necho");
    fails("unilith.program=/fixed/x", 127, "not a directory");
    fails("unilith.program=/", 126, "/: not a regular file");
    fails("unilith.program=/wx", 126, "/wx: a segment is writable and executable");
    fails("unilith.program=/script", 126, "its interpreter /bin/sh cannot be loaded");
    fake::put("/loop", 0o755, b"#!/loop\n");
    fails("unilith.program=/loop", 126, "is a script itself");
    fails("unilith.program=/cut", 126, "cut off");
    fails("unilith.program=/high", 126, "addresses");
    forget();
    fails("unilith.program=/low", 126, "addresses");
    forget();

    let (entry, stack) = run("unilith.program=/fixed env.A=b%20c -- x").expect("started");
    assert_eq!(entry, 0x40_0080);
    let prot = protection(0x40_0000..0x40_4000);
    assert_eq!(prot, [Some(Prot::RX), Some(Prot::RW), Some(Prot::RW), None]);
    assert!(!unilith_posix_api::is_mapped(0x40_0000), "nobody has touched it");
    let mut data = [0; 16];
    unilith_posix_api::copy_in(0x40_1000, &mut data).expect("mapped");
    assert_eq!(&data, b"initial!\0\0\0\0\0\0\0\0");
    unilith_posix_api::copy_in(stack, &mut data).expect("mapped");
    assert_eq!(data[..8], 2usize.to_ne_bytes());
    let mut top = vec![0; fake::USER.end - stack];
    unilith_posix_api::copy_in(stack, &mut top).expect("mapped to the top");
    let text = String::from_utf8_lossy(&top).into_owned();
    assert!(text.contains("/fixed\0x\0A=b c\0/fixed\0"), "{text:?}");
    // Below the stack nothing is mapped, and nothing will be.
    let bottom = fake::USER.end - (8 << 20);
    assert_eq!(protection(bottom - 4096..bottom + 4096), [None, Some(Prot::RW)]);
    let map = unilith_space::map(
        unilith_space::Place::Anywhere(0),
        4096,
        Prot::RW,
        unilith_space::Origin::Anonymous,
    );
    assert!(map.expect("room") < fake::USER.end - (8 << 20));
    // The heap begins after the program.
    assert_eq!(unilith_space::heap(0), 0x40_3000);
    assert_eq!(unilith_space::heap(0x40_3001), 0x40_3001);
    assert_eq!(unilith_space::heap(usize::MAX), 0x40_3001);
    forget();

    fake::put("/ok", 0o755, b"#! /fixed  -x y \n");
    let (entry, stack) = run("unilith.program=/ok -- z").expect("started");
    assert_eq!(entry, 0x40_0080);
    let mut top = vec![0; fake::USER.end - stack];
    unilith_posix_api::copy_in(stack, &mut top).expect("mapped to the top");
    let text = String::from_utf8_lossy(&top).into_owned();
    assert!(text.contains("/fixed\0-x y\0/ok\0z\0"), "{text:?}");
    forget();

    let (entry, _) = run("unilith.program=/pie unilith.argv0=other").expect("started");
    assert_eq!(entry % 4096, 0x80);
    assert_eq!(protection(entry - 0x80..entry), [Some(Prot::RX)]);
    forget();
}
