//! The contents of a file: pages, or holes where there are none.
//!
//! A sorted vector rather than a tree: a tenth of the code, and pages mostly come at its end.

use alloc::boxed::Box;
use alloc::vec::Vec;
use unilith_fs_api::FsError;

/// Bytes in a page.
pub const PAGE: usize = 4096;
/// Largest size of a file: what a signed 64-bit offset can tell.
const MAX_SIZE: u64 = i64::MAX as u64;

/// The contents of a regular file.
#[derive(Default)]
pub struct File {
    /// By ascending number.
    pages: Vec<(u64, Box<[u8]>)>,
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
            match self.find(page).ok().and_then(|index| self.pages.get(index)) {
                Some((_, page)) => piece.copy_from_slice(&page[start..start + count]),
                None => piece.fill(0),
            }
            rest = after;
        }
        len
    }

    /// Writes as much of `data` as there is memory for; `room` counts the pages that may be
    /// taken, and is reduced.
    pub fn write(&mut self, offset: u64, data: &[u8], room: &mut u64) -> Result<usize, FsError> {
        if offset.checked_add(data.len() as u64).is_none_or(|end| end > MAX_SIZE) {
            return Err(FsError::TooLarge);
        }
        // Nothing is written past the end either: the file does not grow (write(2)).
        if data.is_empty() {
            return Ok(0);
        }
        let mut written = 0;
        for (page, start, count) in pieces(offset, data.len()) {
            let Some(page) = self.page(page, room) else { break };
            page[start..start + count].copy_from_slice(&data[written..written + count]);
            written += count;
        }
        if written == 0 {
            return Err(FsError::NoSpace);
        }
        self.size = self.size.max(offset + written as u64);
        Ok(written)
    }

    /// Takes the pages for `len` bytes from `offset` on, or none.
    pub fn allocate(&mut self, offset: u64, len: u64, room: &mut u64) -> Result<(), FsError> {
        let end = offset.checked_add(len).filter(|&end| end <= MAX_SIZE);
        let end = end.ok_or(FsError::TooLarge)?;
        let (first, last) = (offset / PAGE as u64, end.div_ceil(PAGE as u64));
        let mut new = Vec::new();
        for number in first..last {
            if self.find(number).is_ok() {
                continue;
            }
            if new.try_reserve(1).is_err() || self.page(number, room).is_none() {
                // All of these are still zero: nothing was written.
                self.pages.retain(|(number, _)| new.binary_search(number).is_err());
                *room += new.len() as u64;
                return Err(FsError::NoSpace);
            }
            new.push(number);
        }
        self.size = self.size.max(end);
        Ok(())
    }

    /// Where a page is, or belongs. Files are mostly written and read in order.
    fn find(&self, number: u64) -> Result<usize, usize> {
        match self.pages.last() {
            Some((last, _)) if *last < number => Err(self.pages.len()),
            _ => self.pages.binary_search_by_key(&number, |(number, _)| *number),
        }
    }

    fn page(&mut self, number: u64, room: &mut u64) -> Option<&mut Box<[u8]>> {
        let index = match self.find(number) {
            Ok(index) => index,
            Err(index) => {
                let left = room.checked_sub(1)?;
                let mut page = Vec::new();
                page.try_reserve_exact(PAGE).ok()?;
                page.resize(PAGE, 0);
                self.pages.try_reserve(1).ok()?;
                self.pages.insert(index, (number, page.into_boxed_slice()));
                *room = left;
                index
            }
        };
        self.pages.get_mut(index).map(|(_, page)| page)
    }

    /// Changes the size; gives back how many pages became free.
    pub fn truncate(&mut self, size: u64) -> Result<u64, FsError> {
        if size > MAX_SIZE {
            return Err(FsError::TooLarge);
        }
        let before = self.pages();
        if size < self.size {
            let keep = size.div_ceil(PAGE as u64);
            self.pages.truncate(self.find(keep).unwrap_or_else(|index| index));
            // What is beyond the end of the last page must be zero if the file grows again.
            if let Some((_, page)) =
                self.pages.last_mut().filter(|(last, _)| *last == size / PAGE as u64)
            {
                page[(size % PAGE as u64) as usize..].fill(0);
            }
        }
        self.size = size;
        Ok(before - self.pages())
    }
}
