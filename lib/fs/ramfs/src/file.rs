//! The contents of a file: pages, or holes where there are none.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use unilith_fs_api::{FsError, Result};

/// Bytes in a page.
pub const PAGE: usize = 4096;
/// Largest size of a file: what a signed 64-bit offset can tell.
const MAX_SIZE: u64 = i64::MAX as u64;

/// The contents of a regular file.
#[derive(Default)]
pub struct File {
    pages: BTreeMap<u64, Box<[u8]>>,
    size: u64,
}

/// The pieces of `offset..offset + len` in pages: number of the page, position in it, length.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let mut done = 0;
    core::iter::from_fn(move || {
        let at = offset + done as u64;
        let start = (at % PAGE as u64) as usize;
        let count = (len - done).min(PAGE - start);
        done += count;
        (count > 0).then_some((at / PAGE as u64, start, count))
    })
}

impl File {
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Pages that take memory.
    pub fn pages(&self) -> u64 {
        self.pages.len() as u64
    }

    pub fn read(&self, offset: u64, buf: &mut [u8]) -> usize {
        let len = self.size.saturating_sub(offset).min(buf.len() as u64) as usize;
        let mut rest = buf;
        for (page, start, count) in pieces(offset, len) {
            let (piece, after) = rest.split_at_mut(count);
            match self.pages.get(&page) {
                Some(page) => piece.copy_from_slice(&page[start..start + count]),
                None => piece.fill(0),
            }
            rest = after;
        }
        len
    }

    /// Writes as much of `data` as there is memory for; `room` counts the pages that may be
    /// taken, and is reduced.
    pub fn write(&mut self, offset: u64, data: &[u8], room: &mut u64) -> Result<usize> {
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > MAX_SIZE) {
            return Err(FsError::TooLarge);
        }
        let mut written = 0;
        for (page, start, count) in pieces(offset, data.len()) {
            let Some(page) = self.page(page, room) else { break };
            page[start..start + count].copy_from_slice(&data[written..written + count]);
            written += count;
        }
        if written == 0 && !data.is_empty() {
            return Err(FsError::NoSpace);
        }
        self.size = self.size.max(offset + written as u64);
        Ok(written)
    }

    fn page(&mut self, number: u64, room: &mut u64) -> Option<&mut Box<[u8]>> {
        use alloc::collections::btree_map::Entry;
        match self.pages.entry(number) {
            Entry::Occupied(entry) => Some(entry.into_mut()),
            Entry::Vacant(entry) => {
                let left = room.checked_sub(1)?;
                let mut page = Vec::new();
                page.try_reserve_exact(PAGE).ok()?;
                page.resize(PAGE, 0);
                *room = left;
                Some(entry.insert(page.into_boxed_slice()))
            }
        }
    }

    /// Changes the size; gives back how many pages became free.
    pub fn truncate(&mut self, size: u64) -> Result<u64> {
        if size > MAX_SIZE {
            return Err(FsError::TooLarge);
        }
        let before = self.pages();
        if size < self.size {
            drop(self.pages.split_off(&size.div_ceil(PAGE as u64)));
            // What is beyond the end of the last page must be zero if the file grows again.
            if let Some(page) = self.pages.get_mut(&(size / PAGE as u64)) {
                page[(size % PAGE as u64) as usize..].fill(0);
            }
        }
        self.size = size;
        Ok(before - self.pages())
    }
}
