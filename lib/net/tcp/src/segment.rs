//! The header of a segment, as bytes and as a value (RFC 9293, 3.1).

use core::ops::BitOr;

/// Bytes of a header without options.
pub const HEADER: usize = 20;

/// Where the checksum stands in the header.
const CHECKSUM: usize = 16;

/// Ranges that fit into a SACK option: three, with room for what others might add.
pub(crate) const RANGES: usize = 3;

/// Kinds of options (IANA, "TCP Option Kind Numbers").
mod kind {
    pub const END: u8 = 0;
    pub const NOP: u8 = 1;
    pub const MSS: u8 = 2;
    pub const SCALE: u8 = 3;
    pub const SACK_PERMITTED: u8 = 4;
    pub const SACK: u8 = 5;
}

/// The control bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender will send no more.
    pub const FIN: Self = Self(0x01);
    /// The sequence number is the initial one.
    pub const SYN: Self = Self(0x02);
    /// There is no such connection, or no more.
    pub const RST: Self = Self(0x04);
    /// What was sent should be handed on.
    pub const PSH: Self = Self(0x08);
    /// The acknowledgement number counts.
    pub const ACK: Self = Self(0x10);

    /// Whether one of `other` is set.
    #[inline]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl BitOr for Flags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The header of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The sender's port.
    pub from: u16,
    /// The receiver's port.
    pub to: u16,
    /// The sequence number of the first byte, or of the SYN.
    pub seq: u32,
    /// The next byte that is expected; 0 without ACK.
    pub ack: u32,
    /// The control bits.
    pub flags: Flags,
    /// The window, not scaled.
    pub window: u16,
    /// Maximum segment size (only with SYN).
    pub mss: Option<u16>,
    /// Window scale (RFC 7323; only with SYN).
    pub scale: Option<u8>,
    /// SACK may be sent to the sender of this (RFC 2018; only with SYN).
    pub sack_permitted: bool,
    /// What was received beyond `ack`: starts and ends; those with equal ones are not sent.
    pub sack: [(u32, u32); RANGES],
}

impl Segment {
    /// Reads a header: it and the payload. `None` if lengths do not fit. The checksum is the
    /// caller's affair; options that are not understood, and all of SACK, are passed over.
    #[inline]
    pub fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let fixed: &[u8; HEADER] = bytes.first_chunk()?;
        let half = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let word = |at: usize| {
            u32::from_be_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]])
        };
        let header = usize::from(fixed[12] >> 4) * 4;
        let options = bytes.get(HEADER..header)?;
        let mut segment = Self {
            from: half(0),
            to: half(2),
            seq: word(4),
            ack: word(8),
            flags: Flags(fixed[13]),
            window: half(14),
            ..Self::default()
        };
        if segment.flags.has(Flags::SYN) {
            segment.read_options(options);
        }
        Some((segment, bytes.get(header..)?))
    }

    fn read_options(&mut self, mut rest: &[u8]) {
        loop {
            rest = match *rest {
                [] | [kind::END, ..] => return,
                [kind::NOP, ref after @ ..] => after,
                [kind, len, ref after @ ..] if len >= 2 => {
                    let Some((value, after)) = after.split_at_checked(usize::from(len) - 2) else {
                        return;
                    };
                    match (kind, value) {
                        (kind::MSS, &[high, low]) => {
                            self.mss = Some(u16::from_be_bytes([high, low]));
                        }
                        (kind::SCALE, &[scale]) => self.scale = Some(scale),
                        (kind::SACK_PERMITTED, []) => self.sack_permitted = true,
                        _ => {}
                    }
                    after
                }
                _ => return,
            };
        }
    }

    /// The reset that answers this one, which carries `len` bytes, if there is no connection that
    /// it could be for (RFC 9293, 3.10.7.1); a reset is not answered.
    pub fn refusal(&self, len: usize) -> Option<Self> {
        if self.flags.has(Flags::RST) {
            return None;
        }
        let reset = Self { from: self.to, to: self.from, flags: Flags::RST, ..Self::default() };
        if self.flags.has(Flags::ACK) {
            return Some(Self { seq: self.ack, ..reset });
        }
        let controls = [Flags::SYN, Flags::FIN].map(|flag| u32::from(self.flags.has(flag)));
        let len = len as u32 + controls.iter().sum::<u32>();
        let ack = self.seq.wrapping_add(len);
        Some(Self { ack, flags: Flags::RST | Flags::ACK, ..reset })
    }

    /// Ranges of SACK that are there.
    fn ranges(&self) -> impl Iterator<Item = &(u32, u32)> {
        self.sack.iter().filter(|(start, end)| start != end)
    }

    /// Bytes of the header with its options.
    #[inline]
    pub fn header_len(&self) -> usize {
        if !self.flags.has(Flags::SYN) && self.sack[0].0 == self.sack[0].1 {
            return HEADER;
        }
        let options = self.mss.map_or(0, |_| 4)
            + self.scale.map_or(0, |_| 3)
            + if self.sack_permitted { 2 } else { 0 }
            + match self.ranges().count() {
                0 => 0,
                count => 2 + 8 * count,
            };
        HEADER + options.next_multiple_of(4)
    }

    /// Writes the header, [`header_len`](Self::header_len) bytes, with a checksum of 0.
    #[inline]
    pub fn emit(&self, out: &mut [u8]) {
        let len = self.header_len();
        let Some((fixed, rest)) = out.split_first_chunk_mut::<HEADER>() else { return };
        fixed[0..2].copy_from_slice(&self.from.to_be_bytes());
        fixed[2..4].copy_from_slice(&self.to.to_be_bytes());
        fixed[4..8].copy_from_slice(&self.seq.to_be_bytes());
        fixed[8..12].copy_from_slice(&self.ack.to_be_bytes());
        fixed[12] = ((len / 4) as u8) << 4;
        fixed[13] = self.flags.0;
        fixed[14..16].copy_from_slice(&self.window.to_be_bytes());
        fixed[CHECKSUM..HEADER].fill(0);
        if len > HEADER
            && let Some(options) = rest.get_mut(..len - HEADER)
        {
            self.emit_options(options);
        }
    }

    fn emit_options(&self, options: &mut [u8]) {
        options.fill(kind::NOP);
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            if let Some(place) = options.get_mut(at..at + bytes.len()) {
                place.copy_from_slice(bytes);
                at += bytes.len();
            }
        };
        if let Some(mss) = self.mss {
            let [high, low] = mss.to_be_bytes();
            put(&[kind::MSS, 4, high, low]);
        }
        if let Some(scale) = self.scale {
            put(&[kind::SCALE, 3, scale]);
        }
        if self.sack_permitted {
            put(&[kind::SACK_PERMITTED, 2]);
        }
        let count = self.ranges().count();
        if count > 0 {
            put(&[kind::SACK, 2 + 8 * count as u8]);
            for (start, end) in self.ranges() {
                put(&start.to_be_bytes());
                put(&end.to_be_bytes());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn emitted(segment: &Segment) -> Vec<u8> {
        let mut bytes = vec![0xaa; segment.header_len()];
        segment.emit(&mut bytes);
        bytes
    }

    #[test]
    fn a_syn_with_all_options() {
        let syn = Segment {
            from: 1025,
            to: 80,
            seq: 0x0102_0304,
            flags: Flags::SYN,
            window: 512,
            mss: Some(1460),
            scale: Some(7),
            sack_permitted: true,
            ..Segment::default()
        };
        let bytes = emitted(&syn);
        assert_eq!(bytes[12..14], [0x80, 0x02], "eight words, SYN");
        assert_eq!(bytes[20..], [2, 4, 5, 180, 3, 3, 7, 4, 2, 1, 1, 1]);
        assert_eq!(Segment::parse(&bytes), Some((syn, &[][..])));
    }

    #[test]
    fn ranges_are_told() {
        let sack = [(7, 9), (20, 30), (0, 0)];
        let ack = Segment { flags: Flags::ACK, sack, ..Segment::default() };
        let bytes = emitted(&ack);
        assert_eq!(bytes.len(), 40);
        assert_eq!(bytes[20..32], [5, 18, 0, 0, 0, 7, 0, 0, 0, 9, 0, 0]);
        assert_eq!(bytes[38..], [1, 1]);
    }

    #[test]
    fn who_is_nobody_is_told_so() {
        let syn = Segment { from: 1, to: 2, seq: 9, flags: Flags::SYN, ..Segment::default() };
        let reset = syn.refusal(3).unwrap();
        assert_eq!((reset.from, reset.to, reset.seq, reset.ack), (2, 1, 0, 13));
        assert_eq!(reset.flags, Flags::RST | Flags::ACK);
        let ack = Segment { ack: 77, flags: Flags::ACK, ..syn };
        let reset = ack.refusal(3).unwrap();
        assert_eq!((reset.seq, reset.ack, reset.flags), (77, 0, Flags::RST));
        assert_eq!(reset.refusal(0), None);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some((segment, payload)) = Segment::parse(&bytes) {
                prop_assert!(payload.len() <= bytes.len() - HEADER);
                let plain = Segment { mss: None, scale: None, sack_permitted: false, ..segment };
                prop_assert_eq!(Segment::parse(&emitted(&plain)).map(|(s, _)| s), Some(plain));
            }
        }
    }
}
