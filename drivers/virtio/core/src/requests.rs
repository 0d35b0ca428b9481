//! Questions to a device whose answers somebody waits for: blocks, files, random bytes.

use crate::memory::DmaBuffer;
use crate::{Device, Error, Queue};
use alloc::vec::Vec;
use core::ops::Range;
use unilith_sched_api::{NEVER, WaitQueue};
use unilith_sync::Lock;

/// Which parts of a request's buffer the device reads and writes; either may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The question.
    pub readable: Range<usize>,
    /// Room for the answer.
    pub writable: Range<usize>,
}

enum Slot {
    Free,
    /// Somebody writes the question.
    Taken,
    /// The device has it.
    Waiting,
    Done(DmaBuffer, usize),
    /// The device has it, but nobody waits for it any more.
    Abandoned,
}

struct State {
    queue: Queue,
    slots: Vec<Slot>,
    /// Buffers that nobody uses. They are made when first needed, one for each slot at most.
    idle: Vec<DmaBuffer>,
}

/// A queue for requests that are waited for, several at a time.
pub struct Requests {
    device: Device,
    state: Lock<State>,
    /// Woken when a request has ended.
    changed: WaitQueue,
    room: usize,
    patience_ns: u64,
}

impl Requests {
    /// `slots` requests at a time, each in a buffer of `room` bytes; the device has `patience_ns`
    /// nanoseconds for each.
    pub fn new(
        device: Device,
        queue: Queue,
        slots: usize,
        room: usize,
        patience_ns: u64,
    ) -> Result<Self, Error> {
        let slots = slots.min(usize::from(queue.size()) / 2).max(1);
        if queue.size() < 2 || room == 0 {
            return Err(Error::Unsupported);
        }
        let slots = (0..slots).map(|_| Slot::Free).collect();
        let state = Lock::new(State { queue, slots, idle: Vec::new() });
        Ok(Self { device, state, changed: WaitQueue::new(), room, patience_ns })
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Asks and waits for the answer: `ask` writes the question into the buffer and says where
    /// it and the answer stand; `answer` gets the part that may have been written, and how many
    /// bytes of it the device says that it wrote.
    ///
    /// # Errors
    /// `Broken`, `TimedOut`, `NoMemory`; `Invalid` if the layout is not in the buffer.
    pub fn exchange<R>(
        &self,
        ask: impl FnOnce(&mut [u8]) -> Layout,
        answer: impl FnOnce(&[u8], usize) -> R,
    ) -> Result<R, Error> {
        let (slot, mut buffer) = self.wait(|| self.take_slot())?;
        let layout = ask(&mut buffer);
        let result = self.ask_in(slot, buffer, layout, answer);
        // Somebody may wait for a slot.
        self.changed.wake_all();
        result
    }

    fn ask_in<R>(
        &self,
        slot: usize,
        buffer: DmaBuffer,
        layout: Layout,
        answer: impl FnOnce(&[u8], usize) -> R,
    ) -> Result<R, Error> {
        self.submit(slot, buffer, &layout)?;
        let ended = self.wait(|| self.take_answer(slot));
        let (buffer, written) = ended.inspect_err(|_| self.abandon(slot))?;
        let result = answer(buffer.get(layout.writable).unwrap_or(&[]), written);
        self.state.lock().put_back(slot, buffer);
        Ok(result)
    }

    fn wait<T>(&self, mut ready: impl FnMut() -> Option<Result<T, Error>>) -> Result<T, Error> {
        // A device may be quick, and the clock may have to be calibrated first: ask it later.
        if let Some(result) = ready() {
            return result;
        }
        let deadline = unilith_platform::monotonic_ns().saturating_add(self.patience_ns);
        self.changed.wait(deadline.min(NEVER - 1), ready).unwrap_or(Err(Error::TimedOut))
    }

    fn take_slot(&self) -> Option<Result<(usize, DmaBuffer), Error>> {
        self.poll();
        let mut state = self.state.lock();
        if state.queue.is_broken() {
            return Some(Err(Error::Broken));
        }
        let slot = state.slots.iter().position(|slot| matches!(slot, Slot::Free))?;
        let alone = state.slots.iter().all(|slot| matches!(slot, Slot::Free));
        let buffer = match state.idle.pop().or_else(|| DmaBuffer::new(self.room)) {
            Some(buffer) => buffer,
            // Another request will give its buffer back.
            None if !alone => return None,
            None => return Some(Err(Error::NoMemory)),
        };
        *state.slots.get_mut(slot)? = Slot::Taken;
        Some(Ok((slot, buffer)))
    }

    fn submit(&self, slot: usize, buffer: DmaBuffer, layout: &Layout) -> Result<(), Error> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let present = |range: &Range<usize>| usize::from(!range.is_empty());
        let (readable, writable) = ([layout.readable.clone()], [layout.writable.clone()]);
        let readable = readable.get(..present(&layout.readable)).unwrap_or(&[]);
        let writable = writable.get(..present(&layout.writable)).unwrap_or(&[]);
        match state.queue.submit(buffer, slot as u16, readable, writable) {
            Ok(()) => {
                state.slots.get_mut(slot).into_iter().for_each(|slot| *slot = Slot::Waiting);
                state.queue.notify();
                Ok(())
            }
            Err(rejected) => {
                state.put_back(slot, rejected.buffer);
                Err(rejected.error)
            }
        }
    }

    fn take_answer(&self, slot: usize) -> Option<Result<(DmaBuffer, usize), Error>> {
        self.poll();
        let mut state = self.state.lock();
        let broken = state.queue.is_broken();
        let slot = state.slots.get_mut(slot)?;
        match core::mem::replace(slot, Slot::Taken) {
            Slot::Done(buffer, written) => Some(Ok((buffer, written))),
            other => {
                *slot = other;
                broken.then_some(Err(Error::Broken))
            }
        }
    }

    fn abandon(&self, slot: usize) {
        let mut state = self.state.lock();
        let Some(slot) = state.slots.get_mut(slot) else { return };
        // It may have come at the last moment.
        if let Slot::Done(buffer, _) = core::mem::replace(slot, Slot::Abandoned) {
            *slot = Slot::Free;
            state.idle.push(buffer);
        }
    }

    /// Takes what the device has answered, and wakes those who wait. For pollers.
    pub fn poll(&self) {
        if self.state.lock().collect() {
            self.changed.wake_all();
        }
    }

    /// Has the device interrupt when it answers; true if it has answered meanwhile. For pollers.
    pub fn arm(&self) -> bool {
        let mut state = self.state.lock();
        if state.queue.in_flight() == 0 {
            return false;
        }
        self.device.acknowledge();
        state.queue.arm()
    }
}

impl State {
    /// Whether anybody has reason to look.
    fn collect(&mut self) -> bool {
        if self.queue.in_flight() == 0 || self.queue.is_broken() {
            return false;
        }
        let mut ended = false;
        // The queue returns each buffer once, so a device cannot keep us here.
        loop {
            match self.queue.complete() {
                Ok(None) => return ended,
                Err(_) => return true,
                Ok(Some(completion)) => {
                    ended = true;
                    let slot = self.slots.get_mut(usize::from(completion.tag));
                    match slot {
                        Some(slot @ Slot::Waiting) => {
                            *slot = Slot::Done(completion.buffer, completion.written);
                        }
                        Some(slot) => {
                            *slot = Slot::Free;
                            self.idle.push(completion.buffer);
                        }
                        None => {}
                    }
                }
            }
        }
    }

    fn put_back(&mut self, slot: usize, buffer: DmaBuffer) {
        self.slots.get_mut(slot).into_iter().for_each(|slot| *slot = Slot::Free);
        self.idle.push(buffer);
    }
}
