//! What an area can show: the bytes of a file, in whatever way they are stored.

use alloc::sync::Arc;
use unilith_fs_api::MemorySource;
use unilith_posix_abi::Result;

/// A file that areas are mapped from. An area keeps it.
pub trait Object: Send + Sync {
    /// Reads from `offset` on; less than asked for is the end. May wait.
    fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize>;

    /// Its contents, if they lie in memory and never change.
    fn in_memory(&self) -> Option<MemorySource>;

    /// Its path or another name, for /proc/self/maps.
    fn name(&self) -> alloc::vec::Vec<u8> {
        alloc::vec::Vec::new()
    }
}

/// The part of a file that an area shows.
#[derive(Clone)]
pub struct Mapping {
    /// The file.
    pub object: Arc<dyn Object>,
    /// Where in it the area starts; a multiple of the page size.
    pub offset: u64,
    /// Bytes of the file from here on are not shown; they are zero.
    pub end: u64,
    /// Others would see what is written: so nothing may be.
    pub shared: bool,
}

impl Mapping {
    pub(crate) fn after(&self, bytes: usize) -> Self {
        Self { offset: self.offset + bytes as u64, ..self.clone() }
    }

    /// The bytes in memory that the page at `offset` shows; the rest of it is zero. `None` if they
    /// have to be read.
    pub(crate) fn in_memory(&self) -> Option<&'static [u8]> {
        let data = self.object.in_memory()?;
        let end = usize::try_from(self.end).unwrap_or(usize::MAX).min(data.len());
        let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(end);
        Some(&data[start..end])
    }

    /// Reads what it shows into `into`, which is zero; what is beyond the end stays so.
    pub(crate) fn read(&self, into: &mut [u8]) -> Result<()> {
        let left = usize::try_from(self.end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let wanted = into.len().min(left);
        let mut done = 0;
        while done < wanted {
            let got = self.object.read(self.offset + done as u64, &mut into[done..wanted])?;
            if got == 0 {
                break;
            }
            done += got.min(wanted - done);
        }
        Ok(())
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.object, &other.object)
            && (self.offset, self.end, self.shared) == (other.offset, other.end, other.shared)
    }
}

impl Eq for Mapping {}
