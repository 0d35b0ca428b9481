//! Receiving: buffers that are full come out, and go back empty.

use crate::header::{Header, SIZE};
use alloc::vec::Vec;
use unilith_net_api::Received;
use unilith_sync::Lock;
use unilith_virtio::{Completion, DmaBuffer, Error, Queue};

/// How many empty buffers gather before the device is told.
const BATCH: u16 = 16;
/// How many frames that make no sense are passed over at a time.
const MOST_PASSED_OVER: usize = 64;
/// The longest frame that is put together from several buffers, in bytes.
const LONGEST: usize = 65_536 + 32;

pub(crate) struct Receiver {
    queue: Queue,
    /// Frames may be in several buffers.
    mergeable: bool,
    /// Memory in which such frames are put together; made when there is one.
    gathered: Vec<u8>,
}

impl Receiver {
    /// Fills `queue` with buffers of `len` bytes.
    pub(crate) fn new(queue: Queue, len: usize, mergeable: bool) -> Result<Self, Error> {
        let buffers = DmaBuffer::several(queue.size().into(), len).ok_or(Error::NoMemory)?;
        let mut receiver = Self { queue, mergeable, gathered: Vec::new() };
        buffers.into_iter().for_each(|buffer| receiver.put_back(buffer));
        Ok(receiver)
    }

    /// Gives the device a buffer. What a broken device does not take is given up.
    fn put_back(&mut self, buffer: DmaBuffer) {
        let all = 0..buffer.len();
        let _ = self.queue.submit(buffer, 0, &[], &[all]);
    }

    fn next(&mut self) -> Option<Completion> {
        self.queue.complete().ok().flatten()
    }

    pub(crate) fn announce(&mut self) {
        self.queue.notify();
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.queue.is_broken()
    }

    pub(crate) fn arm(&mut self) -> bool {
        self.queue.notify();
        self.queue.arm()
    }

    /// Puts a frame together that starts in `first` and continues in `more` buffers. False if
    /// they are not there, or too long.
    fn gather(&mut self, first: &[u8], more: u16, into: &mut Vec<u8>) -> bool {
        into.clear();
        into.extend_from_slice(first);
        let mut whole = true;
        for _ in 0..more {
            // The device returns all buffers of a frame together (section 5.1.6.4).
            let Some(Completion { buffer, written, .. }) = self.next() else { return false };
            let part = buffer.get(..written).unwrap_or(&[]);
            whole &= into.len() + part.len() <= LONGEST;
            if whole {
                into.extend_from_slice(part);
            }
            self.put_back(buffer);
        }
        whole
    }
}

/// Shows the next frame; false if there is none. The receiver is not locked meanwhile.
pub(crate) fn receive(receiver: &Lock<Receiver>, take: &mut dyn FnMut(Received<'_>)) -> bool {
    let mut locked = receiver.lock();
    for _ in 0..MOST_PASSED_OVER {
        let Some(Completion { mut buffer, written, .. }) = locked.next() else {
            locked.announce();
            return false;
        };
        let (head, rest) = buffer.split_at_mut(SIZE);
        let frame = written.checked_sub(SIZE).and_then(|len| rest.get_mut(..len));
        let (Some(header), Some(frame)) = (Header::parse(head), frame) else {
            locked.put_back(buffer);
            continue;
        };
        let more = if locked.mergeable { header.buffers.saturating_sub(1) } else { 0 };
        let mut shown = !frame.is_empty();
        let checksum_ok = header.checksum_ok;
        if more == 0 {
            drop(locked);
            if shown {
                take(Received { frame, checksum_ok });
            }
            locked = receiver.lock();
        } else {
            let mut gathered = core::mem::take(&mut locked.gathered);
            shown &= locked.gather(frame, more, &mut gathered);
            drop(locked);
            if shown {
                take(Received { frame: &mut gathered, checksum_ok });
            }
            locked = receiver.lock();
            locked.gathered = gathered;
        }
        locked.put_back(buffer);
        if locked.queue.unannounced() >= BATCH {
            locked.announce();
        }
        if shown {
            return true;
        }
    }
    false
}
