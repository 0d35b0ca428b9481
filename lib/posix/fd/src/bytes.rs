//! Where bytes come from and go to: the application's memory, or the kernel's.
//!
//! Touching the application's memory may mean waiting for a disk, if a file is mapped there that
//! nobody has read yet. Who moves bytes while something is locked has them prepared before.

use unilith_posix_abi::{Errno, IoVec, Result, UserPtr};

/// Something that bytes are written from.
pub trait Source {
    /// How many bytes are left.
    fn left(&self) -> usize;

    /// What comes next will not make anybody wait, until somebody waits. After that no more is
    /// given at a time than was prepared, which is more than any message has.
    fn prepare(&mut self) {}

    /// Moves the next bytes into `into`; how many. Fewer than both have room for only if the rest
    /// cannot be read: see [`fault`](Self::fault).
    fn get(&mut self, into: &mut [u8]) -> usize;

    /// Whether an address turned out to be bad. Nothing more comes then.
    fn fault(&self) -> bool;
}

/// Something that bytes are read into.
pub trait Sink {
    /// How many bytes there is room for.
    fn left(&self) -> usize;

    /// Has the place of what comes next ready; see [`Source::prepare`].
    fn prepare(&mut self) {}

    /// Takes the next bytes; how many. Fewer than both have room for only if the rest cannot be
    /// written: see [`fault`](Self::fault).
    fn put(&mut self, bytes: &[u8]) -> usize;

    /// Whether an address turned out to be bad. Nothing more is taken then.
    fn fault(&self) -> bool;
}

/// The result of a transfer: how many bytes moved, or EFAULT if that is why there are none.
pub fn moved(count: usize, fault: bool) -> Result<usize> {
    if count == 0 && fault { Err(Errno::EFAULT) } else { Ok(count) }
}

/// Bytes that are prepared at a time: no less than a message of AF_UNIX can have.
const WINDOW: usize = 256 * 1024;
/// Memory is mapped in pages of so many bytes.
const PAGE: usize = 4096;

/// A place in pieces of the application's memory, which moves on.
#[derive(Clone, Copy, Debug)]
pub struct UserPieces<'a> {
    /// The current piece and those after it.
    pieces: &'a [IoVec],
    /// How much of the current piece is behind.
    within: usize,
    left: usize,
    /// Bytes that can be moved before the next preparation.
    prepared: usize,
    fault: bool,
}

impl<'a> UserPieces<'a> {
    /// The start of `pieces`, of which no more than `limit` bytes are used.
    pub fn new(pieces: &'a [IoVec], limit: usize) -> Self {
        let all = pieces.iter().fold(0usize, |sum, piece| sum.saturating_add(piece.len));
        Self { pieces, within: 0, left: all.min(limit), prepared: usize::MAX, fault: false }
    }

    /// Touches every page that comes next. A page that has been read is in memory: writing to it
    /// does not wait either.
    fn touch(&mut self) {
        self.prepared = WINDOW;
        let mut ahead = *self;
        ahead.each(WINDOW, |at, len, _| {
            let pages = (at.0 / PAGE)..=(at.0.saturating_add(len - 1) / PAGE);
            let first = |page: usize| UserPtr(at.0.max(page.saturating_mul(PAGE)));
            pages.into_iter().all(|page| first(page).copy_in(&mut [0]).is_ok())
        });
    }

    /// Moves on by `count` bytes without touching them.
    pub fn skip(&mut self, count: usize) {
        self.each(count, |_, _, _| true);
    }

    /// Calls `act` with an address, a length and how many bytes came before, until `count` bytes
    /// are done or `act` says false. How many bytes.
    fn each(&mut self, count: usize, mut act: impl FnMut(UserPtr, usize, usize) -> bool) -> usize {
        let count = if self.fault { 0 } else { count.min(self.left).min(self.prepared) };
        let mut done = 0;
        while done < count
            && let Some((piece, rest)) = self.pieces.split_first()
        {
            let len = (piece.len - self.within).min(count - done);
            if len > 0 && !act(piece.base.add(self.within), len, done) {
                self.fault = true;
                break;
            }
            done += len;
            self.within += len;
            if self.within == piece.len {
                (self.pieces, self.within) = (rest, 0);
            }
        }
        self.left -= done;
        self.prepared -= done;
        done
    }
}

impl Source for UserPieces<'_> {
    fn left(&self) -> usize {
        self.left
    }

    fn prepare(&mut self) {
        self.touch();
    }

    fn get(&mut self, into: &mut [u8]) -> usize {
        self.each(into.len(), |from, len, done| {
            into.get_mut(done..done + len).is_some_and(|into| from.copy_in(into).is_ok())
        })
    }

    fn fault(&self) -> bool {
        self.fault
    }
}

impl Sink for UserPieces<'_> {
    fn left(&self) -> usize {
        self.left
    }

    fn prepare(&mut self) {
        self.touch();
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        self.each(bytes.len(), |to, len, done| {
            bytes.get(done..done + len).is_some_and(|bytes| to.copy_out(bytes).is_ok())
        })
    }

    fn fault(&self) -> bool {
        self.fault
    }
}

/// Bytes of the kernel to write.
impl Source for &[u8] {
    fn left(&self) -> usize {
        self.len()
    }

    fn get(&mut self, into: &mut [u8]) -> usize {
        let count = self.len().min(into.len());
        let (now, later) = self.split_at(count);
        into[..count].copy_from_slice(now);
        *self = later;
        count
    }

    fn fault(&self) -> bool {
        false
    }
}

/// Room of the kernel to read into.
pub struct Room<'a>(pub &'a mut [u8]);

impl Sink for Room<'_> {
    fn left(&self) -> usize {
        self.0.len()
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let room = core::mem::take(&mut self.0);
        let count = room.len().min(bytes.len());
        let (now, later) = room.split_at_mut(count);
        now.copy_from_slice(&bytes[..count]);
        self.0 = later;
        count
    }

    fn fault(&self) -> bool {
        false
    }
}

/// Room for bytes that nobody wants (MSG_TRUNC of a stream).
pub struct Discard(pub usize);

impl Sink for Discard {
    fn left(&self) -> usize {
        self.0
    }

    fn put(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.0);
        self.0 -= count;
        count
    }

    fn fault(&self) -> bool {
        false
    }
}
