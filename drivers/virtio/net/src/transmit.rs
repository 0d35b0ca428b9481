//! Sending: buffers are filled, handed over, and taken back when they are needed again.

use alloc::vec::Vec;
use unilith_virtio::{DmaBuffer, Queue};

/// How many buffers are made at a time.
const MADE_AT_ONCE: usize = 16;

pub(crate) struct Transmitter {
    queue: Queue,
    /// Bytes of a buffer.
    room: usize,
    idle: Vec<DmaBuffer>,
    /// Buffers that exist, at most one for each descriptor.
    made: usize,
    /// Somebody was told that there is no room.
    refused: bool,
}

impl Transmitter {
    /// Sends through `queue` from buffers of `room` bytes.
    pub(crate) fn new(queue: Queue, room: usize) -> Self {
        Self { queue, room, idle: Vec::new(), made: 0, refused: false }
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.queue.is_broken()
    }

    /// Takes back what has been sent; there is a buffer if this is true.
    fn reclaim(&mut self) -> bool {
        // Each buffer comes back once: this ends.
        while let Ok(Some(completion)) = self.queue.complete() {
            self.idle.push(completion.buffer);
        }
        if self.idle.is_empty() && self.made < self.queue.size().into() {
            let count = MADE_AT_ONCE.min(usize::from(self.queue.size()) - self.made);
            let buffers = DmaBuffer::several(count, self.room).unwrap_or_default();
            self.made += buffers.len();
            self.idle.extend(buffers);
        }
        !self.idle.is_empty()
    }

    pub(crate) fn has_room(&mut self) -> bool {
        let room = !self.queue.is_broken() && (!self.idle.is_empty() || self.reclaim());
        self.refused = !room;
        if !room {
            // The device must hear of what it has, or there never will be.
            self.queue.notify();
        }
        room
    }

    /// A buffer of at least `len` bytes.
    pub(crate) fn take_buffer(&mut self, len: usize) -> Option<DmaBuffer> {
        (len <= self.room && self.has_room()).then(|| self.idle.pop()).flatten()
    }

    /// Has the first `len` bytes of `buffer` sent.
    pub(crate) fn submit(&mut self, buffer: DmaBuffer, len: usize) -> bool {
        let taken = self.queue.submit(buffer, 0, core::slice::from_ref(&(0..len)), &[]);
        // A device can work while more is being made ready, but not for every single frame.
        if self.queue.unannounced() >= self.queue.size() / 2 {
            self.queue.notify();
        }
        taken.map_err(|rejected| self.idle.push(rejected.buffer)).is_ok()
    }

    pub(crate) fn announce(&mut self) {
        self.queue.notify();
    }

    /// An interrupt is only wanted by those who wait for room. True if there is some.
    pub(crate) fn arm(&mut self) -> bool {
        self.queue.notify();
        if !self.refused || self.queue.is_broken() {
            return false;
        }
        let came_back = self.queue.arm();
        self.refused = !came_back;
        came_back
    }
}
