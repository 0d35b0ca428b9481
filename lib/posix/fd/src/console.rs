//! The console as a file.

use crate::File;
use unilith_fs_api::{FileType, Metadata, Timestamp};
use unilith_platform::Stream;
use unilith_posix_abi::Result;

/// The console: reads its input, writes to one of its streams.
pub struct Console(Stream);

impl Console {
    /// Standard input and output.
    pub const OUT: Self = Self(Stream::Out);
    /// Standard error.
    pub const ERR: Self = Self(Stream::Err);
}

impl File for Console {
    /// Those of /dev/console, which need not exist.
    fn metadata(&self) -> Result<Metadata> {
        Ok(Metadata {
            device: 0,
            inode: 1,
            file_type: FileType::CharDevice,
            permissions: 0o620,
            links: 1,
            uid: 0,
            gid: 0,
            device_number: Metadata::device_number(5, 1),
            size: 0,
            blocks: 0,
            block_size: 4096,
            accessed: Timestamp::EPOCH,
            modified: Timestamp::EPOCH,
            changed: Timestamp::EPOCH,
        })
    }

    fn read(&self, _: u64, buf: &mut [u8]) -> Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        Ok(unilith_platform::console_read(buf).min(buf.len()))
    }

    fn write(&self, _: u64, data: &[u8]) -> Result<usize> {
        unilith_platform::console_write(self.0, data);
        Ok(data.len())
    }

    /// A serial line says nothing about what is at its other end, and programs behave differently
    /// on a terminal (columns, colours, prompts): so it is the user's word.
    fn is_terminal(&self) -> bool {
        unilith_cmdline::flag("unilith.tty")
    }
}
