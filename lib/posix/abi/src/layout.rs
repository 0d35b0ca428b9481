//! Structures of the ABI, to bytes and back.
//!
//! Offsets and types are those of the kernel's headers; the fields that are not named are zero,
//! as is the padding, so that nothing of the kernel's memory leaks. All of it is safe code that
//! the optimiser reduces to stores.

/// An integer in a structure.
pub trait Scalar: Copy {
    /// Writes it at the start of `bytes`.
    fn put(self, bytes: &mut [u8]);
    /// Reads it from the start of `bytes`.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! scalars {
    ($($ty:ty),*) => {
        $(impl Scalar for $ty {
            #[inline]
            fn put(self, bytes: &mut [u8]) {
                if let Some(into) = bytes.first_chunk_mut() {
                    *into = self.to_ne_bytes();
                }
            }
            #[inline]
            fn get(bytes: &[u8]) -> Self {
                bytes.first_chunk().map_or(0, |bytes| Self::from_ne_bytes(*bytes))
            }
        })*
    };
}

scalars!(i8, u8, i16, u16, i32, u32, i64, u64, isize, usize);

/// Writes `value` at `offset`. The field, which is never called, only tells the type.
#[inline]
pub fn put_field<S, F: Scalar>(_: fn(&S) -> F, bytes: &mut [u8], offset: usize, value: F) {
    value.put(bytes.get_mut(offset..).unwrap_or_default());
}

/// Reads the field at `offset`.
#[inline]
pub fn get_field<S, F: Scalar>(_: fn(&S) -> F, bytes: &[u8], offset: usize) -> F {
    F::get(bytes.get(offset..).unwrap_or_default())
}

/// The bytes of a structure: `encode!(timespec { tv_sec: 1, tv_nsec: 0 })`. Values are converted
/// to the type of their field as C would; fields that are not named are zero.
#[macro_export]
macro_rules! encode {
    ($ty:ty { $($($field:ident).+: $value:expr),* $(,)? }) => {{
        let mut bytes = [0u8; ::core::mem::size_of::<$ty>()];
        $($crate::put_field(
            |s: &$ty| s.$($field).+,
            &mut bytes,
            ::core::mem::offset_of!($ty, $($field).+),
            ($value) as _,
        );)*
        bytes
    }};
}

/// A field of a structure in bytes: `decode!(bytes, timespec, tv_sec)`.
#[macro_export]
macro_rules! decode {
    ($bytes:expr, $ty:ty, $($field:ident).+) => {
        $crate::get_field(
            |s: &$ty| s.$($field).+,
            &$bytes,
            ::core::mem::offset_of!($ty, $($field).+),
        )
    };
}

#[cfg(test)]
mod tests {
    use crate::raw::general::{stat, statx, timespec};

    #[test]
    fn fields_are_where_c_puts_them() {
        let bytes = encode!(timespec { tv_sec: -2i64, tv_nsec: 5u32 });
        assert_eq!(bytes[..8], (-2i64).to_ne_bytes());
        assert_eq!(decode!(bytes, timespec, tv_sec), -2);
        assert_eq!(decode!(bytes, timespec, tv_nsec), 5);
        let bytes = encode!(stat { st_mode: 0o100644u32, st_size: 7u64 });
        assert_eq!(bytes.len(), 144);
        assert_eq!((decode!(bytes, stat, st_size), decode!(bytes, stat, st_mode)), (7, 0o100644));
        let bytes = encode!(statx { stx_mtime.tv_sec: 9u64 });
        assert_eq!(decode!(bytes, statx, stx_mtime.tv_sec), 9);
    }
}
