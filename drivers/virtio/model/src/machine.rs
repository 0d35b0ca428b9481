//! The machine: pages, addresses, a clock, one thread.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use unilith_bus::{Bus, Interrupt, Message, MmioSlot, PciAddress};
use unilith_mem_api::{PAGE_SIZE, PageAllocator};
use unilith_platform::Stream;
use unilith_virtio::Transport;

type Hook = Box<dyn FnMut()>;
type Find = Box<dyn FnMut(u32) -> Vec<Box<dyn Transport>>>;

/// Nanoseconds that pass while the thread waits.
const TICK: u64 = 1_000_000_000;

thread_local! {
    static PAGES: Cell<usize> = const { Cell::new(usize::MAX) };
    static CLOCK: Cell<u64> = const { Cell::new(0) };
    static BLOCK: RefCell<Option<Hook>> = const { RefCell::new(None) };
    static FIND: RefCell<Option<Find>> = const { RefCell::new(None) };
    static PCI: RefCell<Option<Space>> = const { RefCell::new(None) };
    static REGISTERS: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    static SLOT: Cell<Option<MmioSlot>> = const { Cell::new(None) };
    static ENABLED: Cell<Option<Interrupt>> = const { Cell::new(None) };
}

/// From now on there are this many pages.
pub fn has_memory(pages: usize) {
    PAGES.set(pages);
}

/// What happens while the thread waits, which takes a second.
pub fn on_block(hook: impl FnMut() + 'static) {
    BLOCK.set(Some(Box::new(hook)));
}

/// What devices of a type are found.
pub fn on_probe(find: impl FnMut(u32) -> Vec<Box<dyn Transport>> + 'static) {
    FIND.set(Some(Box::new(find)));
}

/// Configuration space: what reading gives, what writing does.
pub struct Space {
    /// Reads 32 bits.
    pub read: Box<dyn Fn(PciAddress, u8) -> u32>,
    /// Writes 32 bits.
    pub write: Box<dyn Fn(PciAddress, u8, u32)>,
}

/// There is a PCI bus.
pub fn set_pci(space: Space) {
    PCI.set(Some(space));
}

/// Memory in place of registers: it keeps what is written. Addresses are those of the host.
#[derive(Clone, Copy)]
pub struct Registers(*mut u32, usize);

/// From now on there are registers of `len` bytes, all zeros, and nothing else. Their address is
/// a multiple of 16.
pub fn set_registers(len: usize) -> Registers {
    let start: *mut u32 = vec![0u128; len / 16].leak().as_mut_ptr().cast();
    REGISTERS.set((start.expose_provenance(), len / 16 * 16));
    Registers(start, len / 16 * 4)
}

impl Registers {
    /// Where they are.
    pub fn address(self) -> u64 {
        self.0.expose_provenance() as u64
    }

    /// What is in the 32 bits at `offset`.
    pub fn get(self, offset: usize) -> u32 {
        assert!(offset / 4 < self.1);
        // SAFETY: leaked memory, of this thread alone.
        unsafe { self.0.add(offset / 4).read_volatile() }
    }

    /// Changes the 32 bits at `offset`.
    pub fn set(self, offset: usize, value: u32) {
        assert!(offset / 4 < self.1);
        // SAFETY: leaked memory, of this thread alone.
        unsafe { self.0.add(offset / 4).write_volatile(value) };
    }
}

/// From now on there is one place for a device of virtio-mmio.
pub fn set_slot(slot: MmioSlot) {
    SLOT.set(Some(slot));
}

/// The interrupt that was last enabled.
pub fn enabled() -> Option<Interrupt> {
    ENABLED.get()
}

struct Machine;

impl PageAllocator for Machine {
    fn allocate(count: usize) -> Option<NonNull<u8>> {
        PAGES.set(PAGES.get().checked_sub(count)?);
        let layout = Layout::from_size_align(count * PAGE_SIZE, PAGE_SIZE).ok()?;
        // SAFETY: nobody asks for 0 pages.
        NonNull::new(unsafe { alloc_zeroed(layout) })
    }

    unsafe fn free(pages: NonNull<u8>, count: usize) {
        PAGES.set(PAGES.get().saturating_add(count));
        let layout = Layout::from_size_align(count * PAGE_SIZE, PAGE_SIZE).unwrap();
        // SAFETY: allocated above with this layout.
        unsafe { dealloc(pages.as_ptr(), layout) };
    }

    fn free_pages() -> usize {
        PAGES.get()
    }
}

unilith_mem_api::bind!(Machine);

/// Devices know memory by the address plus this: mixing the two up is noticed.
pub(crate) const DMA_OFFSET: u64 = 0x1000_0000_0000_0000;

impl Bus for Machine {
    fn registers(physical: u64, len: usize) -> Option<NonNull<u8>> {
        let (start, size) = REGISTERS.get();
        let offset = (physical as usize).checked_sub(start)?;
        let inside = len > 0 && offset.checked_add(len)? <= size;
        NonNull::new(std::ptr::with_exposed_provenance_mut(physical as usize)).filter(|_| inside)
    }

    fn dma_address(of: *const u8) -> u64 {
        of.expose_provenance() as u64 + DMA_OFFSET
    }

    fn mmio_slot(index: usize) -> Option<MmioSlot> {
        SLOT.get().filter(|_| index == 0)
    }

    fn has_pci() -> bool {
        PCI.with_borrow(Option::is_some)
    }

    fn pci_read(at: PciAddress, offset: u8) -> u32 {
        PCI.with_borrow(|space| space.as_ref().map_or(u32::MAX, |space| (space.read)(at, offset)))
    }

    fn pci_write(at: PciAddress, offset: u8, value: u32) {
        PCI.with_borrow(|space| {
            if let Some(space) = space {
                (space.write)(at, offset, value);
            }
        });
    }

    fn enable(interrupt: Interrupt) {
        ENABLED.set(Some(interrupt));
    }

    fn message() -> Option<Message> {
        Some(Message { address: 0xfee0_0000, data: 0x31 })
    }
}

unilith_bus::bind!(Machine);

impl unilith_fakes::Waiting for Machine {
    fn block(_: u64) {
        CLOCK.set(CLOCK.get() + TICK);
        // The hook may replace itself.
        let hook = BLOCK.take();
        if let Some(mut hook) = hook {
            hook();
            BLOCK.with_borrow_mut(|place| {
                place.get_or_insert(hook);
            });
        }
    }
}

unilith_sched_api::bind!(unilith_fakes::OneThread<Machine>, []);

fn found(device_type: u32, visit: &mut dyn FnMut(Box<dyn Transport>)) {
    let transports = FIND.with_borrow_mut(|find| find.as_mut().map(|find| find(device_type)));
    transports.into_iter().flatten().for_each(visit);
}

unilith_virtio::bind!([found]);

impl unilith_fakes::Machine for Machine {
    fn console_write(_: Stream, bytes: &[u8]) {
        eprint!("{}", String::from_utf8_lossy(bytes));
    }

    fn monotonic_ns() -> u64 {
        CLOCK.get()
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Machine>);
