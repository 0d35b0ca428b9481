//! Processes that get programs.

#[path = "../../elf/tests/fake/mod.rs"]
mod fake;

use fake::image::{CODE, Header, X86_64, page};
use fake::{PAD, put};
use std::sync::Mutex;
use unilith_posix_abi::raw::general as nr;
use unilith_posix_abi::{Errno, Fd, SyscallArgs};
use unilith_posix_api::{Prot, copy_in, copy_out};
use unilith_posix_fd::table;
use unilith_posix_task::{self as task, Spawn, Status, Which};
use unilith_space::{Origin, Place};

static LOG: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn log(what: impl Into<String>) {
    LOG.lock().expect("not poisoned").push(what.into());
}

fn logged() -> Vec<String> {
    std::mem::take(&mut LOG.lock().expect("not poisoned"))
}

/// A program of one page of code, at `address`.
fn program(kind: u16, address: u64) -> Vec<u8> {
    page(kind, X86_64, address + 0x80, &[Header { address, ..CODE }], 0x90)
}

/// execve(2) with these arguments; the environment is `A=1`.
fn exec(path: &str, args: &[&str]) -> Result<usize, Errno> {
    let mut at = PAD + 0x400;
    let mut string = |text: &str| {
        let here = at;
        copy_out(&[text.as_bytes(), b"\0"].concat(), here).expect("mapped");
        at += text.len() + 1;
        here
    };
    let path = string(path);
    let args: Vec<usize> = args.iter().map(|arg| string(arg)).chain([0]).collect();
    let env = [string("A=1"), 0];
    let words = |words: &[usize]| words.iter().flat_map(|w| w.to_ne_bytes()).collect::<Vec<_>>();
    copy_out(&words(&args), PAD).expect("mapped");
    copy_out(&words(&env), PAD + 0x200).expect("mapped");
    raw(nr::__NR_execve, [path, PAD, PAD + 0x200, 0, 0, 0])
}

fn raw(number: u32, args: [usize; 6]) -> Result<usize, Errno> {
    let entry = unilith_posix_exec::SYSCALLS.iter().find(|entry| entry.number == number as usize);
    match (entry.expect("a call").handler)(&SyscallArgs { nr: number as usize, args }) {
        error @ -4095..=-1 => Err(Errno::from_number(-error as u16)),
        result => Ok(result as usize),
    }
}

fn registers() -> unilith_posix_api::Registers {
    fake::REGISTERS.with_borrow(Clone::clone)
}

/// Runs `run` in a new process, until that has memory of its own or is over.
fn vfork(run: fn()) -> i32 {
    let what = Spawn { process: Some(17), vfork: true, ..Spawn::default() };
    let pid = task::spawn(&what, move || {
        run();
        unilith_posix_process::exit_thread(Status::Exited(0))
    });
    let pid = pid.expect("room");
    task::waits_for_vfork(pid);
    pid
}

fn wait() -> Status {
    let queue = task::child_queue();
    let reap = || task::reap(Which::Any, false).transpose();
    let child = task::wait(&[&queue], task::NEVER, reap);
    child.expect("no signal").expect("no end").expect("a child").status
}

#[test]
fn programs_replace_programs() {
    unilith_vfs::mount(b"/", unilith_ramfs::root(0o755));
    put("/prog", 0o755, &program(3, 0));
    put("/fixed", 0o755, &program(2, 0x40_0000));
    put("/plain", 0o644, &program(3, 0));
    put("/text", 0o755, b"echo");
    put("/script", 0o755, b"#!/prog -a\n");
    // The first program, where programs of its kind are.
    unilith_space::map(Place::Exactly(0x40_0000), 0x1000, Prot::RX, Origin::Anonymous)
        .expect("free");
    unilith_space::map(Place::Exactly(PAD), 0x2000, Prot::RW, Origin::Anonymous).expect("free");
    unilith_space::set_heap(0x1000_0000).expect("aligned");
    assert_eq!(table::duplicate(Fd(1), 5, true), Ok(Fd(5)));
    copy_out(&[0; 0x2000], PAD).expect("mapped");
    let (before, memory) = (fake::mapped_pages(), task::own_memory());

    errors_change_nothing();
    a_new_program();
    scripts();
    // Everything that the children had is gone.
    assert_eq!((fake::mapped_pages(), task::own_memory()), (before, memory));
    assert!(table::get(Fd(5)).is_ok());
    into_the_place_of_the_last();
}

fn errors_change_nothing() {
    vfork(|| {
        let (memory, areas) = (task::own_memory(), count());
        for (path, error) in [
            ("/missing", Errno::ENOENT),
            ("/", Errno::EACCES),
            ("/plain", Errno::EACCES),
            ("/text", Errno::ENOEXEC),
            ("/prog/x", Errno::ENOTDIR),
            ("/fixed", Errno::ENOMEM), // the parent is there
        ] {
            assert_eq!(exec(path, &["x"]), Err(error), "{path}");
            assert_eq!((task::own_memory(), count()), (memory, areas), "{path}");
        }
        assert_eq!(raw(nr::__NR_execve, [1, 0, 0, 0, 0, 0]), Err(Errno::EFAULT));
        assert_eq!(exec("/prog", &["x"; 0]).map(|_| ()), Ok(())); // it works in between
        assert_ne!(task::own_memory(), memory);
    });
    let said = String::from_utf8(std::mem::take(&mut *fake::OUTPUT.lock().expect("not poisoned")));
    let said = said.expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("/fixed: it must be at addresses that another process has"), "{said}");
    assert_eq!(wait(), Status::Exited(0));
    // An array of arguments that does not end.
    let memory = task::own_memory();
    copy_out(&[PAD + 0x400; 0x1c00 / 8].map(usize::to_ne_bytes).concat(), PAD + 0x400)
        .expect("mapped");
    copy_out(b"/prog\0", PAD).expect("mapped");
    let endless = raw(nr::__NR_execve, [PAD, PAD + 0x400, 0, 0, 0, 0]);
    assert_eq!((endless, task::own_memory()), (Err(Errno::EFAULT), memory));
    copy_out(&[0; 0x2000], PAD).expect("mapped");
}

fn count() -> usize {
    let mut count = 0;
    unilith_space::for_each(&mut |_| count += 1);
    count
}

fn a_new_program() {
    vfork(|| {
        let parents = task::own_memory();
        assert!(unilith_space::area(PAD).is_some());
        assert_eq!(exec("/prog", &["name", "one"]), Ok(0));
        let r = registers();
        assert_eq!((r.rax, r.rdx, r.rbx, r.rip % 0x1000, r.rsp % 16), (0, 0, 0, 0x80, 0));
        let area = unilith_space::area(r.rip as usize).expect("its code");
        assert_eq!((area.prot, area.owner), (Prot::RX, task::own_memory()));
        assert_ne!(parents, task::own_memory());
        // What is its parent's is not its own, though it is there.
        assert!(unilith_space::area(PAD).is_none());
        assert!(copy_in(PAD, &mut [0]).is_ok());
        assert_eq!(unilith_space::check_mapped(PAD, 0x1000), Err(Errno::ENOMEM));
        assert_eq!(unilith_space::unmap(PAD, 0x1000), Ok(()));
        assert!(copy_in(PAD, &mut [0]).is_ok(), "it is still there");
        let replaced = unilith_space::map(Place::Replace(PAD), 0x1000, Prot::RW, Origin::Anonymous);
        assert_eq!(replaced, Err(Errno::ENOMEM));
        // Its own heap, and room for it.
        let heap = unilith_space::heap(0);
        assert_eq!(heap, (r.rip as usize & !0xfff) + 0x1000);
        assert_eq!(unilith_space::heap(heap + 0x10_0000), heap + 0x10_0000);
        copy_out(b"heap", heap).expect("mapped");
        // Its arguments.
        let mut stack = vec![0; 0x400];
        copy_in(r.rsp as usize, &mut stack[..8]).expect("a stack");
        assert_eq!(stack[..8], 2usize.to_ne_bytes());
        let end = unilith_space::area(r.rsp as usize).expect("a stack").end;
        let mut stack = vec![0; end - r.rsp as usize];
        copy_in(r.rsp as usize, &mut stack).expect("a stack");
        let text = String::from_utf8_lossy(&stack).into_owned();
        assert!(text.contains("name\0one\0A=1\0/prog\0"), "{text:?}");
        let name = task::with_thread(|thread| thread.name);
        assert_eq!(name, Some(*b"prog\0\0\0\0\0\0\0\0\0\0\0\0"));
        // Descriptors that do not outlive it are closed, others are not.
        assert!(table::get(Fd(5)).is_err() && table::get(Fd(1)).is_ok());
        log("child");
        unilith_sched_api::yield_now();
        log("end");
    });
    log("parent");
    assert_eq!(wait(), Status::Exited(0));
    assert_eq!(logged(), ["child", "parent", "end"]);
}

fn scripts() {
    vfork(|| {
        assert_eq!(exec("script", &["ignored", "one"]), Ok(0));
        let r = registers();
        let end = unilith_space::area(r.rsp as usize).expect("a stack").end;
        let mut stack = vec![0; end - r.rsp as usize];
        copy_in(r.rsp as usize, &mut stack).expect("a stack");
        let text = String::from_utf8_lossy(&stack).into_owned();
        assert!(text.contains("/prog\0-a\0script\0one\0A=1\0"), "{text:?}");
    });
    assert_eq!(wait(), Status::Exited(0));
}

/// The first process replaces itself, while it has other threads.
fn into_the_place_of_the_last() {
    let thread = task::spawn(&Spawn::default(), || {
        let waited = task::wait(&[], task::NEVER, || None::<()>);
        assert_eq!(waited, Err(Errno::EINTR));
        assert!(task::must_end());
        log("thread ends");
        unilith_posix_process::exit_thread(Status::Exited(0))
    });
    assert!(thread.is_ok());
    unilith_sched_api::yield_now();
    assert_eq!(exec("/prog", &["x"]), Ok(0));
    assert_eq!((logged(), task::tid()), (vec!["thread ends".to_string()], 1));
    // The old program is gone, and with it its addresses are free.
    assert!(copy_in(PAD, &mut [0]).is_err());
    assert_eq!(
        unilith_space::map(Place::Exactly(PAD), 0x1000, Prot::RW, Origin::Anonymous),
        Ok(PAD)
    );
    unilith_space::map(Place::Exactly(PAD + 0x1000), 0x1000, Prot::RW, Origin::Anonymous)
        .expect("free");
    assert_eq!(exec("/fixed", &["x"]), Ok(0));
    assert_eq!(registers().rip, 0x40_0080);
}
