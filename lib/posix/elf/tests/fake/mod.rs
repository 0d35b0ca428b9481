//! A platform over the standard library, and a user space over a map of pages.
//!
//! The state belongs to the thread, so that tests which run at the same time do not meet; but
//! the libraries' own state is the process's, so each test file uses one test, or a lock.
#![allow(dead_code)]

#[path = "../../../task/tests/fake/mod.rs"]
pub mod scheduler;

pub mod image;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Mutex;
use unilith_platform::Stream;
use unilith_posix_api::{
    Access, Fault, Handlers, MapError, Prot, Registers, ThreadState, UserSpace, copy_in, copy_out,
};

pub const PAGE: usize = 4096;
/// Small, so that its ends are near.
pub const USER: Range<usize> = 0x1_0000..0x4000_0000;

/// A page of the application that tests map, for what calls read and write.
pub const PAD: usize = 0x2000_0000;

pub static OUTPUT: Mutex<Vec<u8>> = Mutex::new(Vec::new());
pub static COMMAND_LINE: Mutex<&'static [u8]> = Mutex::new(b"");

struct Fake;

impl unilith_fakes::Machine for Fake {
    fn console_write(_: Stream, bytes: &[u8]) {
        OUTPUT.lock().expect("not poisoned").extend(bytes);
    }
    fn console_read(buf: &mut [u8]) -> usize {
        let input = b"input";
        let len = input.len().min(buf.len());
        buf[..len].copy_from_slice(&input[..len]);
        len
    }
    fn monotonic_ns() -> u64 {
        scheduler::NOW.fetch_add(1_000_000, std::sync::atomic::Ordering::Relaxed)
    }
    fn realtime_ns() -> u64 {
        1_700_000_000_123_456_789
    }
    fn command_line() -> &'static [u8] {
        *COMMAND_LINE.lock().expect("not poisoned")
    }
    fn idle(until: u64) {
        scheduler::idle(until);
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);
unilith_sched_api::bind!(
    scheduler::Baton,
    [unilith_posix_fd::POLLER, unilith_posix_process::POLLER]
);

struct NoPages;

impl unilith_mem_api::PageAllocator for NoPages {
    fn allocate(_: usize) -> Option<std::ptr::NonNull<u8>> {
        None
    }
    unsafe fn free(_: std::ptr::NonNull<u8>, _: usize) {}
    fn free_pages() -> usize {
        MOST
    }
}

unilith_mem_api::bind!(NoPages);

type Pages = BTreeMap<usize, (Prot, Box<[u8; PAGE]>)>;

/// Pages that may be mapped at once.
const MOST: usize = 16 * 1024;

static MEMORY: Mutex<Pages> = Mutex::new(BTreeMap::new());
/// Those that are mapped in place: stores fault.
static IN_PLACE: Mutex<BTreeSet<usize>> = Mutex::new(BTreeSet::new());

fn is_in_place(page: usize) -> bool {
    IN_PLACE.lock().expect("not poisoned").contains(&page)
}

thread_local! {
    /// The registers of the thread's system call.
    pub static REGISTERS: RefCell<Registers> = RefCell::new(Registers::default());
    /// Where the program was started, and with which stack.
    pub static STARTED: RefCell<Option<(usize, usize)>> = const { RefCell::new(None) };
}

pub fn pages_in_place() -> usize {
    IN_PLACE.lock().expect("not poisoned").len()
}

pub fn mapped_pages() -> usize {
    MEMORY.lock().expect("not poisoned").len()
}

struct User;

unilith_posix_api::bind!(User);

fn pages(addr: usize, len: usize) -> Result<impl Iterator<Item = usize> + Clone, MapError> {
    let end = addr.checked_add(len).ok_or(MapError::Invalid)?;
    if len == 0 || !(addr | len).is_multiple_of(PAGE) || addr < USER.start || end > USER.end {
        return Err(MapError::Invalid);
    }
    Ok((addr..end).step_by(PAGE))
}

fn each(
    addr: usize,
    len: usize,
    mut act: impl FnMut(&mut Prot, &mut [u8], usize) -> bool,
) -> Result<(), Fault> {
    let mut memory = MEMORY.lock().expect("not poisoned");
    let end = addr.checked_add(len).ok_or(Fault)?;
    let mut at = addr;
    while at < end {
        let start = at % PAGE;
        let count = (PAGE - start).min(end - at);
        let (prot, page) = memory.get_mut(&(at - start)).ok_or(Fault)?;
        if !act(prot, &mut page[start..start + count], at - addr) {
            return Err(Fault);
        }
        at += count;
    }
    Ok(())
}

/// Has pages brought in, as a machine does when it faults.
fn touch(addr: usize, len: usize, access: Access) {
    let first = addr & !(PAGE - 1);
    for page in (first..addr.saturating_add(len).min(USER.end)).step_by(PAGE) {
        let faults = !User::is_mapped(page) || access == Access::Write && is_in_place(page);
        if faults && !unilith_space::fault(page, access) {
            return;
        }
    }
}

impl UserSpace for User {
    fn range() -> Range<usize> {
        USER
    }
    fn map(addr: usize, prot: Prot, fill: &mut dyn FnMut(&mut [u8])) -> Result<(), MapError> {
        assert!(!(prot.write && prot.exec));
        let mut memory = MEMORY.lock().expect("not poisoned");
        let _ = pages(addr, PAGE)?;
        if memory.contains_key(&addr) {
            return Err(MapError::Invalid);
        }
        if memory.len() + 1 > MOST {
            return Err(MapError::NoMemory);
        }
        let mut page = Box::new([0; PAGE]);
        fill(&mut *page);
        memory.insert(addr, (prot, page));
        Ok(())
    }
    fn map_in_place(addr: usize, prot: Prot, page: &'static [u8]) -> Result<bool, MapError> {
        Self::map(addr, prot, &mut |into| into.copy_from_slice(page))?;
        IN_PLACE.lock().expect("not poisoned").insert(addr);
        Ok(true)
    }
    fn make_own(addr: usize, prot: Prot) -> Result<bool, MapError> {
        let copied = IN_PLACE.lock().expect("not poisoned").remove(&addr);
        if copied {
            Self::protect(addr, PAGE, prot)?;
        }
        Ok(copied)
    }
    fn protect(addr: usize, len: usize, new: Prot) -> Result<(), MapError> {
        assert!(!(new.write && new.exec));
        let mut memory = MEMORY.lock().expect("not poisoned");
        for page in pages(addr, len)? {
            if let Some((prot, _)) = memory.get_mut(&page) {
                *prot = new;
            }
        }
        Ok(())
    }
    fn unmap(addr: usize, len: usize) -> Result<(), MapError> {
        let mut memory = MEMORY.lock().expect("not poisoned");
        for page in pages(addr, len)? {
            memory.remove(&page);
            IN_PLACE.lock().expect("not poisoned").remove(&page);
        }
        Ok(())
    }
    fn relocate(from: usize, to: usize, len: usize) -> Result<(), MapError> {
        let mut memory = MEMORY.lock().expect("not poisoned");
        let _ = pages(to, len)?;
        for page in pages(from, len)? {
            let mut in_place = IN_PLACE.lock().expect("not poisoned");
            if in_place.remove(&page) {
                in_place.insert(page - from + to);
            }
            if let Some(entry) = memory.remove(&page) {
                assert!(memory.insert(page - from + to, entry).is_none());
            }
        }
        Ok(())
    }
    fn is_mapped(addr: usize) -> bool {
        MEMORY.lock().expect("not poisoned").contains_key(&addr)
    }
    fn resident(addr: usize, len: usize) -> usize {
        MEMORY.lock().expect("not poisoned").range(addr..addr + len).count()
    }
    fn copy_in(from: usize, into: &mut [u8]) -> Result<(), Fault> {
        touch(from, into.len(), Access::Read);
        each(from, into.len(), |prot, bytes, done| {
            into[done..done + bytes.len()].copy_from_slice(bytes);
            prot.read
        })
    }
    fn copy_out(from: &[u8], to: usize) -> Result<(), Fault> {
        touch(to, from.len(), Access::Write);
        let first = to & !(PAGE - 1);
        if (first..to.saturating_add(from.len()).min(USER.end)).step_by(PAGE).any(is_in_place) {
            return Err(Fault);
        }
        each(to, from.len(), |prot, bytes, done| {
            if prot.write {
                bytes.copy_from_slice(&from[done..done + bytes.len()]);
            }
            prot.write
        })
    }
    fn set_thread_pointer(base: usize) -> bool {
        base < USER.end
    }
    fn thread_pointer() -> usize {
        0x1234
    }
    fn hwcap() -> usize {
        0x55
    }
    fn prepare(_: &'static Handlers) {}
    fn enter(registers: &Registers) -> ! {
        let start = (registers.rip as usize, registers.rsp as usize);
        STARTED.with(|started| *started.borrow_mut() = Some(start));
        panic!("started")
    }
    fn registers() -> Registers {
        REGISTERS.with_borrow(Clone::clone)
    }
    fn set_registers(registers: &Registers) {
        REGISTERS.set(registers.clone());
    }
    fn vectors_len() -> usize {
        0
    }
    fn save_vectors(_: &Registers, _: &mut [u8]) -> bool {
        true
    }
    fn load_vectors(_: &mut Registers, _: &[u8]) -> bool {
        true
    }
    fn new_thread(_: usize) -> Option<ThreadState> {
        None
    }
    fn switch_thread(_: &mut ThreadState, _: &mut ThreadState) {}
    fn drop_thread(_: ThreadState) {}
}

/// Puts a string into the second half of the [`PAD`].
pub fn path(text: &str) -> usize {
    let at = PAD + 0x800;
    copy_out(&[text.as_bytes(), b"\0"].concat(), at).expect("mapped");
    at
}

/// What is in the application's memory.
pub fn bytes(at: usize, len: usize) -> Vec<u8> {
    let mut into = vec![0; len];
    copy_in(at, &mut into).expect("mapped");
    into
}

/// Makes a file of the tree.
pub fn put(path: &str, mode: u32, contents: &[u8]) {
    let vfs = unilith_vfs::vfs();
    let file = vfs.create(&vfs.root().expect("mounted"), path.as_bytes(), mode).expect("made");
    assert_eq!(file.write_at(0, contents), Ok(contents.len()));
}
