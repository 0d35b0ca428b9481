//! Descriptor tables: GDT, TSS with interrupt stacks, IDT (SDM chapters 3, 6 and 8).
//!
//! Compiled code, the application's and that of the prebuilt `core`, keeps data below its stack
//! pointer (the red zone). So every vector switches to a stack of its own (IST).

use crate::trap;
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::size_of;

/// The kernel's code segment.
pub const CODE: u16 = 0x08;
/// The kernel's data segment.
pub const DATA: u16 = 0x10;
const TSS: u16 = 0x18;

/// The exceptions.
const EXCEPTIONS: usize = 32;
/// And behind them those interrupts that `interrupt` gives a gate.
const VECTORS: usize = 48;
const IST_STACK: usize = 8 * 1024;
const DOUBLE_FAULT: usize = 8;
const NMI: usize = 2;

/// Something that is written while one processor boots and read by the hardware afterwards.
pub(crate) struct Hardware<T>(UnsafeCell<T>);

// SAFETY: written only by `load`, `set_stack` and `set_gate`, which run on the boot processor.
unsafe impl<T> Sync for Hardware<T> {}

impl<T> Hardware<T> {
    pub(crate) const fn new(value: UnsafeCell<T>) -> Self {
        Self(value)
    }

    pub(crate) fn get(&self) -> *mut T {
        self.0.get()
    }
}

#[repr(C, packed(4))]
struct TaskState {
    reserved0: u32,
    rsp: [u64; 3],
    reserved1: u64,
    ist: [u64; 7],
    reserved2: u64,
    reserved3: u16,
    io_map: u16,
}

#[repr(C, align(16))]
struct Stack([u8; IST_STACK]);

#[repr(C)]
#[derive(Clone, Copy)]
struct Gate {
    low: u64,
    high: u64,
}

#[repr(C, packed)]
struct Pointer {
    limit: u16,
    base: u64,
}

static TASK: Hardware<TaskState> = Hardware(UnsafeCell::new(TaskState {
    reserved0: 0,
    rsp: [0; 3],
    reserved1: 0,
    ist: [0; 7],
    reserved2: 0,
    reserved3: 0,
    io_map: size_of::<TaskState>() as u16,
}));

/// IST 1: exceptions. IST 2: double fault and NMI, which may hit while IST 1 is in use.
static STACKS: [Hardware<Stack>; 2] =
    [const { Hardware(UnsafeCell::new(Stack([0; IST_STACK]))) }; 2];

static GDT: Hardware<[u64; 5]> = Hardware(UnsafeCell::new([
    0,
    0x00af_9b00_0000_ffff, // 64-bit code, ring 0, accessed
    0x00cf_9300_0000_ffff, // data, ring 0, accessed
    0,                     // TSS, filled in by `load`
    0,
]));

static IDT: Hardware<[Gate; VECTORS]> =
    Hardware(UnsafeCell::new([Gate { low: 0, high: 0 }; VECTORS]));

/// Loads all tables, and `handler` for every exception.
///
/// # Safety
/// Runs in ring 0 in 64-bit mode, once, on the boot processor.
pub unsafe fn load(handler: fn(&mut trap::Frame)) {
    trap::set_handler(handler);
    // SAFETY: nobody else uses the tables: this function runs once and before they are loaded.
    unsafe {
        let task = TASK.0.get();
        for (i, stack) in STACKS.iter().enumerate() {
            (*task).ist[i] = stack.0.get() as u64 + IST_STACK as u64;
        }
        let base = task as u64;
        let gdt = GDT.0.get();
        let limit = size_of::<TaskState>() as u64 - 1;
        (*gdt)[3] = limit | (base & 0xff_ffff) << 16 | 0x89 << 40 | (base >> 24 & 0xff) << 56;
        (*gdt)[4] = base >> 32;

        for vector in 0..EXCEPTIONS {
            let ist = if vector == DOUBLE_FAULT || vector == NMI { 2 } else { 1 };
            set_gate(vector, trap::stub(vector), ist);
        }
        let idt = IDT.0.get();
        let gdt_pointer = Pointer { limit: size_of::<[u64; 5]>() as u16 - 1, base: gdt as u64 };
        let idt_pointer =
            Pointer { limit: size_of::<[Gate; VECTORS]>() as u16 - 1, base: idt as u64 };
        asm!(
            "lgdt [{gdt}]",
            "lidt [{idt}]",
            "push {code}",
            "lea {tmp}, [rip + 2f]",
            "push {tmp}",
            "retfq",
            "2:",
            "mov ss, {data:x}",
            "mov ds, {data:x}",
            "mov es, {data:x}",
            "ltr {tss:x}",
            gdt = in(reg) &gdt_pointer,
            idt = in(reg) &idt_pointer,
            code = in(reg) u64::from(CODE),
            data = in(reg) u32::from(DATA),
            tss = in(reg) u32::from(TSS),
            tmp = out(reg) _,
        );
    }
}

/// Sets the interrupt stack `ist` (1 to 7) to end at `top`.
///
/// # Safety
/// Nobody uses this interrupt stack yet, and the new one stays the interrupts'.
pub(crate) unsafe fn set_stack(ist: usize, top: usize) {
    // SAFETY: the processor reads the table only when an interrupt uses this stack.
    unsafe { (*TASK.0.get()).ist[ist - 1] = top as u64 };
}

/// Has `vector` enter at `target` with interrupts masked, on the interrupt stack `ist`.
///
/// # Safety
/// `target` is entry code, and the vector does not come meanwhile.
pub(crate) unsafe fn set_gate(vector: usize, target: usize, ist: usize) {
    let (target, ist) = (target as u64, ist as u64);
    let gate = Gate {
        // Offset 15..0, selector, IST, present 64-bit interrupt gate, offset 31..16.
        low: target & 0xffff
            | u64::from(CODE) << 16
            | ist << 32
            | 0x8e << 40
            | (target >> 16 & 0xffff) << 48,
        high: target >> 32,
    };
    // SAFETY: the processor reads this gate only when the vector comes.
    unsafe { (*IDT.0.get())[vector] = gate };
}
