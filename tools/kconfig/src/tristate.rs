//! The three values of a tristate, ordered: n < m < y.

use std::fmt;

/// The value of a bool or tristate symbol, or of an expression.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tristate {
    /// `n`
    #[default]
    No,
    /// `m`
    Mod,
    /// `y`
    Yes,
}

impl Tristate {
    /// The letter that files write.
    pub fn letter(self) -> &'static str {
        match self {
            Self::No => "n",
            Self::Mod => "m",
            Self::Yes => "y",
        }
    }

    /// The value that the first letter of `text` names.
    pub fn from_letter(text: &str) -> Option<Self> {
        match text.bytes().next() {
            Some(b'y' | b'Y') => Some(Self::Yes),
            Some(b'm' | b'M') => Some(Self::Mod),
            Some(b'n' | b'N') => Some(Self::No),
            _ => None,
        }
    }
}

impl std::ops::Not for Tristate {
    type Output = Self;

    /// `y` and `n` change places, `m` stays.
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Mod => Self::Mod,
            Self::Yes => Self::No,
        }
    }
}

impl fmt::Display for Tristate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}
