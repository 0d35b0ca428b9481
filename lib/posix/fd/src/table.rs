//! The descriptor table of a process.

use crate::console::Console;
use crate::{Description, File};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use unilith_posix_abi::raw::general::{O_RDONLY, O_RDWR, O_WRONLY};
use unilith_posix_abi::{Errno, Fd, Result};
use unilith_posix_task::ProcessLocal;

/// Descriptors that may be open at once, unless setrlimit(2) says otherwise (RLIMIT_NOFILE).
pub const SOFT_LIMIT: usize = 1024;
/// What setrlimit(2) may say at most.
pub const HARD_LIMIT: usize = 1 << 16;

struct Slot {
    description: Arc<Description>,
    close_on_exec: bool,
}

struct Table {
    slots: Vec<Option<Slot>>,
    /// No number below this is free: a server with many connections need not look from 0 on.
    full_below: usize,
    limit: usize,
}

static TABLE: ProcessLocal<Table> = ProcessLocal::new(Table::first, Table::copy, close_for_exec);

/// Calls `act` with the current process's table.
fn with<T>(act: impl FnOnce(&mut Table) -> T) -> T {
    TABLE.with(act)
}

/// Closes what does not outlive execve(2).
fn close_for_exec() {
    let closed: Vec<Slot> = with(|table| {
        table.full_below = 0;
        let doomed = |slot: &mut Option<Slot>| slot.take_if(|slot| slot.close_on_exec);
        table.slots.iter_mut().filter_map(doomed).collect()
    });
    drop(closed);
}

impl Table {
    /// Of a process that has none yet: the console is 0, 1 and 2.
    fn first() -> Self {
        let open = |(console, flags): (Console, u32)| {
            // A terminal is one file that is open for both.
            let flags = if console.is_terminal() { O_RDWR } else { flags };
            let description = Arc::new(Description::new(Box::new(console), flags));
            Some(Slot { description, close_on_exec: false })
        };
        let files = [(Console::OUT, O_RDONLY), (Console::OUT, O_WRONLY), (Console::ERR, O_WRONLY)];
        Self { slots: files.map(open).into(), full_below: 0, limit: SOFT_LIMIT }
    }

    /// What a child gets: the same open files.
    fn copy(&self) -> Self {
        let copy = |slot: &Slot| Slot { description: slot.description.clone(), ..*slot };
        Self {
            slots: self.slots.iter().map(|slot| slot.as_ref().map(copy)).collect(),
            full_below: self.full_below,
            limit: self.limit,
        }
    }

    fn slot(&mut self, fd: Fd) -> Result<&mut Slot> {
        let index = usize::try_from(fd.0).map_err(|_| Errno::EBADF)?;
        self.slots.get_mut(index).and_then(Option::as_mut).ok_or(Errno::EBADF)
    }

    fn put(&mut self, index: usize, slot: Slot) -> Result<(Fd, Option<Slot>)> {
        if index >= self.limit {
            return Err(Errno::EBADF);
        }
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        let old = self.slots.get_mut(index).and_then(|place| place.replace(slot));
        Ok((Fd(index as i32), old))
    }

    /// The lowest free number from `from` on.
    fn lowest(&mut self, from: usize) -> Result<usize> {
        let start = from.max(self.full_below);
        let taken = self.slots.iter().skip(start).take_while(|slot| slot.is_some()).count();
        let index = start + taken;
        if from <= self.full_below {
            self.full_below = index;
        }
        if index < self.limit { Ok(index) } else { Err(Errno::EMFILE) }
    }

    fn put_lowest(&mut self, from: usize, slot: Slot) -> Result<Fd> {
        let index = self.lowest(from)?;
        Ok(self.put(index, slot)?.0)
    }

    fn take(&mut self, fd: Fd) -> Result<Slot> {
        let index = usize::try_from(fd.0).map_err(|_| Errno::EBADF)?;
        let slot = self.slots.get_mut(index).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.full_below = self.full_below.min(index);
        Ok(slot)
    }
}

/// EMFILE if [`open`] would say that: for who would change something before.
pub fn check_room() -> Result<()> {
    with(|table| table.lowest(0).map(drop))
}

/// Gives `file` the lowest free number; `flags` as in open(2). EMFILE if there is none.
pub fn open(file: Box<dyn File>, flags: u32, close_on_exec: bool) -> Result<Fd> {
    install(Arc::new(Description::new(file, flags)), close_on_exec)
}

/// Gives an open file the lowest free number. EMFILE if there is none.
pub fn install(description: Arc<Description>, close_on_exec: bool) -> Result<Fd> {
    // A description that finds no place goes when the table is not locked any more.
    let kept = description.clone();
    let result = with(|table| table.put_lowest(0, Slot { description, close_on_exec }));
    drop(kept);
    result
}

/// Opens two files, or none of them (pipe(2), socketpair(2)).
pub fn open_pair(
    files: [Box<dyn File>; 2],
    flags: [u32; 2],
    close_on_exec: bool,
) -> Result<[Fd; 2]> {
    let ([first, second], [first_flags, second_flags]) = (files, flags);
    let first = open(first, first_flags, close_on_exec)?;
    match open(second, second_flags, close_on_exec) {
        Ok(second) => Ok([first, second]),
        Err(error) => {
            close(first)?;
            Err(error)
        }
    }
}

/// The description of `fd`. EBADF if it is not open.
pub fn get(fd: Fd) -> Result<Arc<Description>> {
    with(|table| table.slot(fd).map(|slot| slot.description.clone()))
}

/// Closes `fd`. EBADF if it is not open.
pub fn close(fd: Fd) -> Result<()> {
    // What the file does when it goes must not find the table locked.
    let slot = with(|table| table.take(fd))?;
    drop(slot);
    Ok(())
}

/// Numbers of open descriptors in a range.
pub fn open_between(first: usize, last: usize) -> Vec<Fd> {
    with(|table| {
        let all = table.slots.iter().enumerate();
        all.filter(|(index, slot)| slot.is_some() && (first..=last).contains(index))
            .map(|(index, _)| Fd(index as i32))
            .collect()
    })
}

/// Another number for what `fd` is, from `from` on. EINVAL if `from` is beyond the limit.
pub fn duplicate(fd: Fd, from: usize, close_on_exec: bool) -> Result<Fd> {
    with(|table| {
        let description = table.slot(fd)?.description.clone();
        if from >= table.limit {
            return Err(Errno::EINVAL);
        }
        table.put_lowest(from, Slot { description, close_on_exec })
    })
}

/// Makes `to` what `fd` is, and closes what it was.
pub fn duplicate_to(fd: Fd, to: Fd, close_on_exec: bool) -> Result<Fd> {
    let (number, old) = with(|table| {
        let description = table.slot(fd)?.description.clone();
        let index = usize::try_from(to.0).map_err(|_| Errno::EBADF)?;
        table.put(index, Slot { description, close_on_exec })
    })?;
    drop(old);
    Ok(number)
}

/// Whether `fd` is closed by execve(2).
pub fn close_on_exec(fd: Fd) -> Result<bool> {
    with(|table| table.slot(fd).map(|slot| slot.close_on_exec))
}

/// Sets whether `fd` is closed by execve(2).
pub fn set_close_on_exec(fd: Fd, close: bool) -> Result<()> {
    with(|table| table.slot(fd).map(|slot| slot.close_on_exec = close))
}

/// How many descriptors may be open (the soft RLIMIT_NOFILE).
pub fn limit() -> usize {
    with(|table| table.limit)
}

/// Sets how many descriptors may be open. EPERM above [`HARD_LIMIT`].
pub fn set_limit(limit: usize) -> Result<()> {
    if limit > HARD_LIMIT {
        return Err(Errno::EPERM);
    }
    with(|table| table.limit = limit);
    Ok(())
}
