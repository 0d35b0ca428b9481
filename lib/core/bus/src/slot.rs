//! How the command line names devices of virtio-mmio.

use crate::{Interrupt, MmioSlot};

/// What such a word begins with. Linux's name for it, which monitors use.
const NAME: &[u8] = b"virtio_mmio.device=";

impl MmioSlot {
    /// The slot that a word of the command line names: `virtio_mmio.device=SIZE@ADDRESS:IRQ`, and
    /// maybe `:ID`, which is ignored (Linux, `drivers/virtio/virtio_mmio.c`). `None` for other
    /// words, and for nonsense.
    pub fn from_word(word: &[u8]) -> Option<Self> {
        let rest = word.strip_prefix(NAME)?;
        let (len, rest) = split(rest, b'@')?;
        let (address, rest) = split(rest, b':')?;
        let irq = rest.split(|&byte| byte == b':').next()?;
        let len = usize::try_from(number(len)?).ok()?;
        let address = number(address)?;
        address.checked_add(len as u64)?;
        let interrupt = Interrupt::Line(u32::try_from(number(irq)?).ok()?);
        (len > 0).then_some(Self { address, len, interrupt })
    }
}

fn split(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = text.iter().position(|&byte| byte == at)?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// A number, hexadecimal after `0x`; `K` or `M` behind it multiplies.
fn number(text: &[u8]) -> Option<u64> {
    let (text, unit) = match text {
        [digits @ .., b'K' | b'k'] => (digits, 1 << 10),
        [digits @ .., b'M' | b'm'] => (digits, 1 << 20),
        _ => (text, 1),
    };
    let (digits, radix) = match text {
        [b'0', b'x' | b'X', digits @ ..] => (digits, 16),
        _ => (text, 10),
    };
    if digits.is_empty() {
        return None;
    }
    let value = digits.iter().try_fold(0u64, |value, &digit| {
        let digit = char::from(digit).to_digit(radix)?;
        value.checked_mul(radix.into())?.checked_add(digit.into())
    })?;
    value.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(address: u64, len: usize, line: u32) -> Option<MmioSlot> {
        Some(MmioSlot { address, len, interrupt: Interrupt::Line(line) })
    }

    #[test]
    fn words_of_monitors_are_understood() {
        let parse = |text: &str| MmioSlot::from_word(text.as_bytes());
        // Firecracker's and QEMU's.
        assert_eq!(parse("virtio_mmio.device=4K@0xd0000000:5"), slot(0xd000_0000, 4096, 5));
        assert_eq!(parse("virtio_mmio.device=512@0xfeb00e00:12"), slot(0xfeb0_0e00, 512, 12));
        assert_eq!(parse("virtio_mmio.device=0x200@3489660928:7:3"), slot(0xd000_0000, 512, 7));
    }

    #[test]
    fn nonsense_is_not() {
        for text in [
            "",
            "virtio_mmio.device",
            "virtio_mmio.device=",
            "virtio_mmio.device=4K",
            "virtio_mmio.device=4K@0xd0000000",
            "virtio_mmio.device=4K@0xd0000000:",
            "virtio_mmio.device=@0xd0000000:5",
            "virtio_mmio.device=K@0xd0000000:5",
            "virtio_mmio.device=0@0xd0000000:5",
            "virtio_mmio.device=4K@0x:5",
            "virtio_mmio.device=4K@0xd000000g:5",
            "virtio_mmio.device=4K@0xd0000000:-5",
            "virtio_mmio.device=4K@0xd0000000:4294967296",
            "virtio_mmio.device=4K@0xffffffffffffffff:5",
            "virtio_mmio.device=4K@0x10000000000000000:5",
            "virtio_mmio.device=18446744073709551615M@0xd0000000:5",
            "xvirtio_mmio.device=4K@0xd0000000:5",
        ] {
            assert_eq!(MmioSlot::from_word(text.as_bytes()), None, "{text}");
        }
    }
}
