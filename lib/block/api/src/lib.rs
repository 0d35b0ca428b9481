//! Storage in sectors. An application can stand on that alone, without files.
#![no_std]
#![forbid(unsafe_code)]

/// Bytes in a sector, whatever the size of the device's own blocks.
pub const SECTOR_SIZE: usize = 512;

/// Why a block device refused. Each is one error number of POSIX.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockError {
    /// Past the end of the device (ENXIO), or not a whole number of sectors (EINVAL).
    Invalid,
    /// The device cannot be written to (EROFS).
    ReadOnly,
    /// The medium or the device failed (EIO).
    Io,
    /// The device does not have this operation (EOPNOTSUPP).
    Unsupported,
    /// No memory for buffers (ENOMEM).
    NoMemory,
}

/// A block device. Its operations wait for the device.
pub trait BlockDevice: Send + Sync {
    /// How many sectors it has.
    fn sectors(&self) -> u64;

    /// Whether it cannot be written to.
    fn is_read_only(&self) -> bool;

    /// Fills `into`, a whole number of sectors, from `sector` on.
    ///
    /// # Errors
    /// See [`BlockError`]; the content of `into` is undefined then.
    fn read(&self, sector: u64, into: &mut [u8]) -> Result<(), BlockError>;

    /// Writes `from`, a whole number of sectors, from `sector` on. It survives a loss of power
    /// after [`flush`](Self::flush).
    ///
    /// # Errors
    /// See [`BlockError`]; some of it may have been written then.
    fn write(&self, sector: u64, from: &[u8]) -> Result<(), BlockError>;

    /// Makes everything that was written survive a loss of power.
    ///
    /// # Errors
    /// See [`BlockError`].
    fn flush(&self) -> Result<(), BlockError>;
}
