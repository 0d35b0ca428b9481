//! The device.

use crate::machine::DMA_OFFSET;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use unilith_virtio::{Error, QueueAddresses, Transport, feature, status};

#[derive(Default)]
struct Queue {
    addresses: Option<QueueAddresses>,
    size: u16,
    /// Next index in the available ring, next index in the used ring.
    available: u16,
    used: u16,
    notified: usize,
}

#[derive(Default)]
struct State {
    device_type: u32,
    offered: u64,
    accepted: u64,
    status: u8,
    statuses: Vec<u8>,
    config: Vec<u8>,
    queues: Vec<Queue>,
    limit: u16,
    refuses_features: bool,
    never_resets: bool,
    acknowledged: usize,
}

/// A device in software.
#[derive(Clone)]
pub struct Model(Arc<Mutex<State>>);

/// A chain of descriptors that the driver has made available.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Its first descriptor.
    pub head: u16,
    /// Addresses and lengths that the device may read.
    pub readable: Vec<(u64, u32)>,
    /// Addresses and lengths that the device may write.
    pub writable: Vec<(u64, u32)>,
}

impl Chain {
    /// How much the device may write.
    pub fn room(&self) -> usize {
        self.writable.iter().map(|&(_, len)| len as usize).sum()
    }
}

fn host(address: u64) -> *mut u8 {
    let host = address.checked_sub(DMA_OFFSET).expect("an address for devices");
    std::ptr::with_exposed_provenance_mut(host as usize)
}

fn read<T: Copy>(address: u64) -> T {
    // SAFETY: the driver has said that memory for devices is there.
    unsafe { host(address).cast::<T>().read_volatile() }
}

fn write<T>(address: u64, value: T) {
    // SAFETY: as in `read`.
    unsafe { host(address).cast::<T>().write_volatile(value) };
}

impl Model {
    /// A device of a type that offers `features` besides version 1, with a configuration space
    /// and `queues` queues of up to `limit` descriptors.
    pub fn new(device_type: u32, features: u64, config: &[u8], queues: usize, limit: u16) -> Self {
        Self(Arc::new(Mutex::new(State {
            device_type,
            offered: features | feature::VERSION_1,
            config: config.into(),
            queues: (0..queues).map(|_| Queue::default()).collect(),
            limit,
            ..State::default()
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// What the driver gets.
    pub fn transport(&self) -> Box<dyn Transport> {
        Box::new(self.clone())
    }

    /// Takes features away from what is offered: version 1, say.
    pub fn without(self, features: u64) -> Self {
        self.state().offered &= !features;
        self
    }

    /// It does not agree to any features.
    pub fn refuse_features(&self) {
        self.state().refuses_features = true;
    }

    /// It cannot be reset any more.
    pub fn never_reset(&self) {
        self.state().never_resets = true;
    }

    /// The features that the driver accepted.
    pub fn accepted(&self) -> u64 {
        self.state().accepted
    }

    /// Every status that the driver wrote.
    pub fn statuses(&self) -> Vec<u8> {
        self.state().statuses.clone()
    }

    /// How often queue `queue` was notified.
    pub fn notified(&self, queue: usize) -> usize {
        self.state().queues[queue].notified
    }

    /// How often an interrupt was acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.state().acknowledged
    }

    /// Changes the configuration space.
    pub fn set_config(&self, config: &[u8]) {
        self.state().config = config.into();
    }

    fn has_event_idx(&self) -> bool {
        self.state().accepted & feature::EVENT_IDX != 0
    }

    /// Where the rings of a queue are, and how many descriptors it has.
    pub fn rings(&self, queue: usize) -> (QueueAddresses, u16) {
        let state = self.state();
        let queue = &state.queues[queue];
        (queue.addresses.expect("the queue has been started"), queue.size)
    }

    /// Takes the next chain that the driver made available. Says that it wants to be notified of
    /// the one after it.
    pub fn pop(&self, queue: usize) -> Option<Chain> {
        let event_idx = self.has_event_idx();
        let (rings, size) = self.rings(queue);
        let index: u16 = read(rings.available + 2);
        std::sync::atomic::fence(Ordering::Acquire);
        let mut state = self.state();
        let next = &mut state.queues[queue].available;
        if *next == index {
            return None;
        }
        let slot = u64::from(*next % size);
        *next = next.wrapping_add(1);
        if event_idx {
            write(rings.used + 4 + 8 * u64::from(size), *next);
        }
        let head: u16 = read(rings.available + 4 + 2 * slot);
        let mut chain = Chain { head, readable: vec![], writable: vec![] };
        let mut at = head;
        for _ in 0..=size {
            assert!(at < size, "descriptor {at} of {size}");
            let descriptor = rings.descriptors + 16 * u64::from(at);
            let part = (read::<u64>(descriptor), read::<u32>(descriptor + 8));
            assert!(part.1 > 0, "an empty descriptor");
            let flags: u16 = read(descriptor + 12);
            if flags & 2 != 0 {
                chain.writable.push(part);
            } else {
                assert!(chain.writable.is_empty(), "readable after writable");
                chain.readable.push(part);
            }
            if flags & 1 == 0 {
                return Some(chain);
            }
            at = read(descriptor + 14);
        }
        panic!("a chain that is a loop");
    }

    /// What the driver wrote into a chain.
    pub fn read(&self, chain: &Chain) -> Vec<u8> {
        let mut bytes = Vec::new();
        for &(address, len) in &chain.readable {
            bytes.extend((0..u64::from(len)).map(|i| read::<u8>(address + i)));
        }
        bytes
    }

    /// Writes an answer into a chain; how much of it had room.
    pub fn write(&self, chain: &Chain, bytes: &[u8]) -> u32 {
        let places = chain.writable.iter().flat_map(|&(at, len)| at..at + u64::from(len));
        places.zip(bytes).map(|(at, &byte)| write(at, byte)).count() as u32
    }

    /// Returns a chain to the driver, saying that `len` bytes were written. True if the driver
    /// wants an interrupt for it.
    pub fn push(&self, queue: usize, head: u32, len: u32) -> bool {
        let event_idx = self.has_event_idx();
        let (rings, size) = self.rings(queue);
        let old = self.state().queues[queue].used;
        let at = rings.used + 4 + 8 * u64::from(old % size);
        write(at, head);
        write(at + 4, len);
        self.state().queues[queue].used = old.wrapping_add(1);
        self.set_used_index(queue, old.wrapping_add(1));
        std::sync::atomic::fence(Ordering::SeqCst);
        if event_idx {
            read::<u16>(rings.available + 4 + 2 * u64::from(size)) == old
        } else {
            read::<u16>(rings.available) & 1 == 0
        }
    }

    /// Has the driver see this index in the used ring, without anything being there.
    pub fn set_used_index(&self, queue: usize, index: u16) {
        let (rings, _) = self.rings(queue);
        // SAFETY: the rings are aligned memory for devices.
        let place = unsafe { AtomicU16::from_ptr(host(rings.used + 2).cast()) };
        place.store(index, Ordering::Release);
    }

    /// Without EVENT_IDX: says whether it wants to be notified.
    pub fn want_notifications(&self, queue: usize, wanted: bool) {
        let (rings, _) = self.rings(queue);
        write(rings.used, u16::from(!wanted));
    }

    /// Answers everything in a queue with what `answer` makes of it.
    pub fn serve(&self, queue: usize, mut answer: impl FnMut(Vec<u8>, usize) -> Vec<u8>) -> usize {
        let mut served = 0;
        while let Some(chain) = self.pop(queue) {
            let bytes = answer(self.read(&chain), chain.room());
            let len = self.write(&chain, &bytes);
            self.push(queue, chain.head.into(), len);
            served += 1;
        }
        served
    }
}

impl Transport for Model {
    fn device_type(&self) -> u32 {
        self.state().device_type
    }

    fn features(&self) -> u64 {
        self.state().offered
    }

    fn accept(&self, features: u64) {
        let mut state = self.state();
        assert_eq!(features & !state.offered, 0, "features that were not offered");
        assert_eq!(state.status, status::ACKNOWLEDGE | status::DRIVER);
        state.accepted = features;
    }

    fn status(&self) -> u8 {
        self.state().status
    }

    fn set_status(&self, new: u8) {
        let mut state = self.state();
        state.statuses.push(new);
        if new == 0 {
            if !state.never_resets {
                state.status = 0;
                state.queues.iter_mut().for_each(|queue| *queue = Queue::default());
            }
            return;
        }
        let refused = if state.refuses_features { status::FEATURES_OK } else { 0 };
        state.status = new & !refused;
    }

    fn connect(&self) -> Result<(), Error> {
        Ok(())
    }

    fn queue_limit(&self, queue: u16) -> u16 {
        let state = self.state();
        if usize::from(queue) < state.queues.len() { state.limit } else { 0 }
    }

    unsafe fn start_queue(
        &self,
        queue: u16,
        size: u16,
        addresses: QueueAddresses,
    ) -> Result<(), Error> {
        let mut state = self.state();
        assert_ne!(state.status & status::FEATURES_OK, 0, "features come first");
        assert_eq!(state.status & status::DRIVER_OK, 0, "queues come before the start");
        assert!(size.is_power_of_two() && size <= state.limit);
        assert!(addresses.descriptors.is_multiple_of(16));
        assert!(addresses.available.is_multiple_of(2) && addresses.used.is_multiple_of(4));
        let limit = &mut state.queues[usize::from(queue)];
        *limit = Queue { addresses: Some(addresses), size, ..Queue::default() };
        Ok(())
    }

    fn notify(&self, queue: u16) {
        let mut state = self.state();
        assert_ne!(state.status & status::DRIVER_OK, 0, "the start comes before notifications");
        state.queues[usize::from(queue)].notified += 1;
    }

    fn acknowledge(&self) {
        self.state().acknowledged += 1;
    }

    fn config_generation(&self) -> u32 {
        0
    }

    fn config8(&self, offset: usize) -> u8 {
        self.state().config.get(offset).copied().unwrap_or(u8::MAX)
    }

    fn config16(&self, offset: usize) -> u16 {
        u16::from_le_bytes([self.config8(offset), self.config8(offset + 1)])
    }

    fn config32(&self, offset: usize) -> u32 {
        u32::from(self.config16(offset)) | u32::from(self.config16(offset + 2)) << 16
    }
}
