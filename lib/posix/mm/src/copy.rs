//! Copies between the application's areas and files.

use unilith_posix_abi::{Result, UserPtr, buffer};
use unilith_posix_fd::File;

/// Bytes that are copied at once.
const BUFFER: usize = 64 * 1024;

/// Fills `to..to + len` with what `file` has from `offset` on; what is beyond its end stays.
pub fn from_file(file: &dyn File, offset: u64, to: usize, len: usize) -> Result<()> {
    if let Some(data) = file.in_memory() {
        let rest = usize::try_from(offset).ok().and_then(|offset| data.get(offset..));
        let rest = rest.unwrap_or_default();
        return UserPtr(to).copy_out(&rest[..rest.len().min(len)]);
    }
    let mut buffer = buffer(len.min(BUFFER))?;
    let mut done = 0;
    while done < len {
        let piece = buffer.len().min(len - done);
        let got = file.read(offset + done as u64, &mut buffer[..piece])?.min(piece);
        if got == 0 {
            break;
        }
        UserPtr(to + done).copy_out(&buffer[..got])?;
        done += got;
    }
    Ok(())
}

/// Copies from one area to another.
pub fn within(from: usize, to: usize, len: usize) -> Result<()> {
    let mut buffer = buffer(len.min(BUFFER))?;
    let mut done = 0;
    while done < len {
        let piece = buffer.len().min(len - done);
        UserPtr(from + done).copy_in(&mut buffer[..piece])?;
        UserPtr(to + done).copy_out(&buffer[..piece])?;
        done += piece;
    }
    Ok(())
}
