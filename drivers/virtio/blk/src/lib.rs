//! The block device (VIRTIO 1.2, section 5.2), as a [`BlockDevice`].
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use unilith_block_api::{BlockDevice, BlockError, SECTOR_SIZE};
use unilith_sched_api::{NEVER, Poller};
use unilith_sync::Once;
use unilith_virtio::{Device, Error, Layout, Requests, Transport, device_type, probe, refuse};

const VIRTIO_BLK_F_SIZE_MAX: u64 = 1 << 1;
const VIRTIO_BLK_F_RO: u64 = 1 << 5;
const VIRTIO_BLK_F_FLUSH: u64 = 1 << 9;

// The configuration space (section 5.2.4).
const CAPACITY: usize = 0;
const SIZE_MAX: usize = 8;

const VIRTIO_BLK_T_IN: u32 = 0;
const VIRTIO_BLK_T_OUT: u32 = 1;
const VIRTIO_BLK_T_FLUSH: u32 = 4;

const VIRTIO_BLK_S_OK: u8 = 0;
const VIRTIO_BLK_S_UNSUPP: u8 = 2;
/// What the device must overwrite.
const NO_STATUS: u8 = 0xff;

/// In a request's buffer the header ends where the data starts, and the status follows it.
const HEADER_SIZE: usize = 16;
const DATA: usize = SECTOR_SIZE;
const HEADER: usize = DATA - HEADER_SIZE;

const REQUESTS: u16 = 0;
/// Requests under way.
const SLOTS: usize = 4;
/// Bytes of data in the largest request.
const BUFFER: usize = unilith_config::number(option_env!("CONFIG_VIRTIO_BLK_BUFFER"), 64) * 1024;
/// A disk may have to spin up.
const PATIENCE_NS: u64 = 60_000_000_000;

/// A disk.
pub struct Disk {
    requests: Requests,
    sectors: u64,
    /// Bytes of data in a request, a whole number of sectors.
    most: usize,
}

impl Disk {
    /// Starts the device behind `transport`.
    ///
    /// # Errors
    /// The device cannot be used.
    pub fn new(transport: Box<dyn Transport>) -> Result<Self, Error> {
        let wanted = VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_RO | VIRTIO_BLK_F_FLUSH;
        let device = Device::start(transport, wanted)?;
        let sectors = device.config64(CAPACITY)?;
        let mut most = BUFFER;
        if device.has(VIRTIO_BLK_F_SIZE_MAX) {
            // Data and header, or data and status, are one segment.
            let segment = device.config32(SIZE_MAX) as usize;
            most = most.min(segment.saturating_sub(HEADER_SIZE));
        }
        most -= most % SECTOR_SIZE;
        if most == 0 {
            return Err(Error::Unsupported);
        }
        let queue = device.queue(REQUESTS, (SLOTS * 2) as u16)?;
        let requests = Requests::new(device, queue, SLOTS, DATA + most + 1, PATIENCE_NS)?;
        requests.device().ready();
        Ok(Self { requests, sectors, most })
    }

    fn has(&self, feature: u64) -> bool {
        self.requests.device().has(feature)
    }

    /// Whether these bytes are whole sectors of the disk.
    fn check(&self, sector: u64, len: usize) -> Result<(), BlockError> {
        let end = sector.checked_add((len / SECTOR_SIZE) as u64);
        let inside = end.is_some_and(|end| end <= self.sectors);
        if inside && len.is_multiple_of(SECTOR_SIZE) { Ok(()) } else { Err(BlockError::Invalid) }
    }

    /// One request: `layout` says what the device reads and writes, `fill` writes the data, `take`
    /// gets what the device wrote before the status.
    fn request(
        &self,
        kind: u32,
        sector: u64,
        layout: Layout,
        fill: impl FnOnce(&mut [u8]),
        take: impl FnOnce(&[u8]),
    ) -> Result<(), BlockError> {
        let Range { start: answer, end } = layout.writable;
        let status_at = end - 1;
        let ask = |buffer: &mut [u8]| {
            let header = buffer.get_mut(HEADER..DATA).unwrap_or_default();
            let fields = [kind.to_le_bytes(), [0; 4]].concat().into_iter();
            let fields = fields.chain(sector.to_le_bytes());
            header.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
            fill(buffer.get_mut(DATA..).unwrap_or_default());
            buffer.get_mut(status_at).into_iter().for_each(|status| *status = NO_STATUS);
            layout
        };
        let judge = |bytes: &[u8], written: usize| match bytes.split_last() {
            Some((&VIRTIO_BLK_S_OK, data)) if written == end - answer => {
                take(data);
                Ok(())
            }
            Some((&VIRTIO_BLK_S_UNSUPP, _)) => Err(BlockError::Unsupported),
            _ => Err(BlockError::Io),
        };
        self.requests.exchange(ask, judge).unwrap_or_else(|error| {
            Err(match error {
                Error::NoMemory => BlockError::NoMemory,
                _ => BlockError::Io,
            })
        })
    }
}

impl BlockDevice for Disk {
    fn sectors(&self) -> u64 {
        self.sectors
    }

    fn is_read_only(&self) -> bool {
        self.has(VIRTIO_BLK_F_RO)
    }

    fn read(&self, sector: u64, into: &mut [u8]) -> Result<(), BlockError> {
        self.check(sector, into.len())?;
        let mut at = sector;
        for part in into.chunks_mut(self.most) {
            let len = part.len();
            let layout = Layout { readable: HEADER..DATA, writable: DATA..DATA + len + 1 };
            let copy = |data: &[u8]| part.copy_from_slice(data);
            self.request(VIRTIO_BLK_T_IN, at, layout, |_| {}, copy)?;
            at += (len / SECTOR_SIZE) as u64;
        }
        Ok(())
    }

    fn write(&self, sector: u64, from: &[u8]) -> Result<(), BlockError> {
        self.check(sector, from.len())?;
        if self.is_read_only() {
            return Err(BlockError::ReadOnly);
        }
        let mut at = sector;
        for part in from.chunks(self.most) {
            let end = DATA + part.len();
            let layout = Layout { readable: HEADER..end, writable: end..end + 1 };
            let copy = |data: &mut [u8]| {
                data.get_mut(..part.len()).into_iter().for_each(|to| to.copy_from_slice(part));
            };
            self.request(VIRTIO_BLK_T_OUT, at, layout, copy, |_| {})?;
            at += (part.len() / SECTOR_SIZE) as u64;
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), BlockError> {
        // Without the feature, what is written is safe at once (section 5.2.5.2).
        if !self.has(VIRTIO_BLK_F_FLUSH) {
            return Ok(());
        }
        let layout = Layout { readable: HEADER..DATA, writable: DATA..DATA + 1 };
        self.request(VIRTIO_BLK_T_FLUSH, 0, layout, |_| {}, |_| {})
    }
}

static DISKS: Once<Vec<Disk>> = Once::new();

/// The disks of this machine, in the order of their buses; the first call finds and starts them.
pub fn disks() -> &'static [Disk] {
    let start = || {
        let mut disks = Vec::new();
        for transport in probe(device_type::BLOCK) {
            match Disk::new(transport) {
                Ok(disk) => disks.push(disk),
                Err(error) => refuse("blk", error),
            }
        }
        disks
    };
    DISKS.get_or_init(start).map_or(&[], Vec::as_slice)
}

fn in_use() -> impl Iterator<Item = &'static Disk> {
    DISKS.get().into_iter().flatten()
}

/// Looks for finished requests.
pub const POLLER: Poller = Poller {
    run: || in_use().for_each(|disk| disk.requests.poll()),
    arm: || if in_use().any(|disk| disk.requests.arm()) { 0 } else { NEVER },
};
