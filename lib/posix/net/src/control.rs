//! Control messages (cmsg(3)): open files and credentials.

use crate::endpoint::Rights;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::offset_of;
use unilith_posix_abi::raw::net::{
    MSG_CTRUNC, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET, cmsghdr, ucred,
};
use unilith_posix_abi::{Errno, Fd, Result, Scalar, UserPtr, buffer, encode};
use unilith_posix_fd::table;

/// Bytes of a header.
const HEADER: usize = size_of::<cmsghdr>();
/// Most bytes of control messages (net.core.optmem_max).
const LONGEST: usize = 20_480;
/// Open files that one message can carry (SCM_MAX_FD).
const MOST_FILES: usize = 253;

/// Headers start at multiples of this (CMSG_ALIGN).
fn aligned(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

/// The credentials that a process has: there is one user.
pub fn credentials() -> [u8; size_of::<ucred>()] {
    encode!(ucred { pid: 1u32, uid: 0u32, gid: 0u32 })
}

/// Reads the control messages of a message to send: the open files in them. EINVAL if they are
/// none, or none that can be sent.
pub fn read(from: UserPtr, len: usize) -> Result<Rights> {
    if len > LONGEST {
        return Err(Errno::ENOBUFS);
    }
    let mut bytes = buffer(len)?;
    from.copy_in(&mut bytes)?;
    let mut rights = Vec::new();
    let mut rest = bytes.as_slice();
    while rest.len() >= HEADER {
        let len = usize::get(rest);
        let field = |offset: usize| u32::get(rest.get(offset..).unwrap_or_default());
        let level = field(offset_of!(cmsghdr, cmsg_level));
        let kind = field(offset_of!(cmsghdr, cmsg_type));
        let body = rest.get(HEADER..len).ok_or(Errno::EINVAL)?;
        match (level, kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                for number in body.chunks_exact(4) {
                    rights.push(table::get(Fd(i32::get(number)))?);
                }
                if rights.len() > MOST_FILES {
                    return Err(Errno::EINVAL);
                }
            }
            // Root may say that it is anybody; who receives it is told the truth.
            (SOL_SOCKET, SCM_CREDENTIALS) if body.len() == size_of::<ucred>() => {}
            _ => return Err(Errno::EINVAL),
        }
        rest = rest.get(aligned(len)..).unwrap_or_default();
    }
    Ok(rights)
}

/// Control messages on their way to the application.
pub struct Writer {
    to: UserPtr,
    room: usize,
    /// Bytes written.
    pub written: usize,
    /// Bits of `msg_flags`: MSG_CTRUNC if something found no room.
    pub flags: u32,
}

impl Writer {
    /// Into `room` bytes at `to`.
    pub fn new(to: UserPtr, room: usize) -> Self {
        Self { to, room, written: 0, flags: 0 }
    }

    fn put(&mut self, kind: u32, body: &[u8]) -> Result<()> {
        let len = HEADER + body.len();
        if len > self.room - self.written {
            self.flags |= MSG_CTRUNC;
            return Ok(());
        }
        let header = encode!(cmsghdr { cmsg_len: len, cmsg_level: SOL_SOCKET, cmsg_type: kind });
        let at = self.to.add(self.written);
        at.copy_out(&header)?;
        at.add(HEADER).copy_out(body)?;
        self.written += aligned(len).min(self.room - self.written);
        Ok(())
    }

    /// Gives the receiver as many of `rights` as there is room for; the others are closed.
    pub fn put_rights(&mut self, rights: Rights, close_on_exec: bool) -> Result<()> {
        if rights.is_empty() {
            return Ok(());
        }
        let fit = (self.room - self.written).saturating_sub(HEADER) / 4;
        let mut numbers = Vec::new();
        for right in rights.iter().take(fit) {
            let Ok(fd) = table::install(Arc::clone(right), close_on_exec) else { break };
            numbers.push(fd.0);
        }
        if numbers.len() < rights.len() {
            self.flags |= MSG_CTRUNC;
        }
        if numbers.is_empty() {
            return Ok(());
        }
        let body: Vec<u8> = numbers.iter().flat_map(|number| number.to_ne_bytes()).collect();
        self.put(SCM_RIGHTS, &body).inspect_err(|_| {
            for number in numbers {
                let _ = table::close(Fd(number));
            }
        })
    }

    /// Tells the sender's credentials.
    pub fn put_credentials(&mut self) -> Result<()> {
        self.put(SCM_CREDENTIALS, &credentials())
    }
}
