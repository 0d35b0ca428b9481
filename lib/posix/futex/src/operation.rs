//! FUTEX_WAKE_OP's operation on the second word, packed into one argument (futex(2)).

use unilith_posix_abi::raw::general::{
    FUTEX_OP_ADD, FUTEX_OP_ANDN, FUTEX_OP_CMP_EQ, FUTEX_OP_CMP_GE, FUTEX_OP_CMP_GT,
    FUTEX_OP_CMP_LE, FUTEX_OP_CMP_LT, FUTEX_OP_CMP_NE, FUTEX_OP_OPARG_SHIFT, FUTEX_OP_OR,
    FUTEX_OP_SET, FUTEX_OP_XOR,
};
use unilith_posix_abi::{Errno, Result};

/// The unpacked operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    kind: u32,
    argument: u32,
    comparison: u32,
    compared: i32,
}

/// Twelve bits with a sign.
fn extend(bits: u32) -> i32 {
    (bits << 20) as i32 >> 20
}

impl Operation {
    /// Unpacks it. ENOSYS if there is no such operation or comparison.
    pub fn unpack(word: u32) -> Result<Self> {
        let kind = word >> 28 & 7;
        let shifted = word >> 28 & FUTEX_OP_OPARG_SHIFT != 0;
        let argument = extend(word >> 12 & 0xfff) as u32;
        let argument = if shifted { 1 << (argument & 31) } else { argument };
        let comparison = word >> 24 & 0xf;
        if kind > FUTEX_OP_XOR || comparison > FUTEX_OP_CMP_GE {
            return Err(Errno::ENOSYS);
        }
        Ok(Self { kind, argument, comparison, compared: extend(word & 0xfff) })
    }

    /// The new value of the word.
    pub fn apply(self, old: u32) -> u32 {
        match self.kind {
            FUTEX_OP_SET => self.argument,
            FUTEX_OP_ADD => old.wrapping_add(self.argument),
            FUTEX_OP_OR => old | self.argument,
            FUTEX_OP_ANDN => old & !self.argument,
            _ => old ^ self.argument,
        }
    }

    /// Whether those who wait for the second word are woken.
    pub fn holds(self, old: u32) -> bool {
        let old = old as i32;
        match self.comparison {
            FUTEX_OP_CMP_EQ => old == self.compared,
            FUTEX_OP_CMP_NE => old != self.compared,
            FUTEX_OP_CMP_LT => old < self.compared,
            FUTEX_OP_CMP_LE => old <= self.compared,
            FUTEX_OP_CMP_GT => old > self.compared,
            _ => old >= self.compared,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations() {
        // What glibc's condition variables used: set to 0, wake if it was above 1.
        let op = Operation::unpack(4 << 24 | 1).expect("known");
        assert_eq!((op.apply(7), op.holds(2), op.holds(1)), (0, true, false));
        let op = Operation::unpack(1 << 28 | 0xfff << 12 | 2 << 24 | 0xffe).expect("known");
        assert_eq!((op.apply(7), op.holds(-3i32 as u32), op.holds(0)), (6, true, false));
        let op = Operation::unpack((2 | 8) << 28 | 4 << 12).expect("known");
        assert_eq!(op.apply(1), 17);
        assert_eq!(Operation::unpack(5 << 28), Err(Errno::ENOSYS));
        assert_eq!(Operation::unpack(6 << 24), Err(Errno::ENOSYS));
    }
}
