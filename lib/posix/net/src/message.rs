//! Sending and receiving.

use crate::address::Address;
use crate::control::{self, Writer};
use crate::endpoint::{Incoming, Outgoing, Rights};
use crate::socket::{SocketFile, socket_of};
use alloc::vec::Vec;
use core::mem::offset_of;
use unilith_posix_abi::raw::net::{
    AF_UNIX, MSG_CMSG_CLOEXEC, MSG_DONTWAIT, MSG_ERRQUEUE, MSG_NOSIGNAL, MSG_OOB, MSG_PEEK,
    MSG_TRUNC, MSG_WAITALL, SOCK_STREAM, mmsghdr, msghdr,
};
use unilith_posix_abi::{Errno, Fd, IoVec, Result, Scalar, UserPtr, syscall};
use unilith_posix_fd::{
    Description, Direction, Discard, MAX_COUNT, Sink, Source, UserPieces, deadline, partial, table,
    wait_for,
};
use unilith_posix_task::{NEVER, broken_pipe, pid};

/// `<linux/socket.h>`
const MSG_WAITFORONE: u32 = 0x1_0000;
/// `<linux/socket.h>`
const MSG_FASTOPEN: u32 = 0x2000_0000;
/// Messages that one call sends or receives (UIO_MAXIOV).
const MOST_MESSAGES: usize = 1024;

/// Sends one message, all of it if it is a stream's.
fn send(
    open: &Description,
    socket: &SocketFile,
    data: &mut UserPieces<'_>,
    flags: u32,
    to: Option<Address>,
    rights: Rights,
) -> Result<usize> {
    if flags & (MSG_OOB | MSG_FASTOPEN) != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    if socket.has_stream() && Source::left(data) == 0 && rights.is_empty() {
        return Ok(0);
    }
    let nonblocking = flags & MSG_DONTWAIT != 0;
    let mut message = Outgoing { data, to, rights };
    let mut done = 0;
    loop {
        let sent =
            wait_for(open, Direction::Write, nonblocking, |_| socket.endpoint.send(&mut message));
        match sent {
            Ok(0) => return Ok(done),
            Ok(count) => done += count,
            Err(error) => {
                let connected = socket.kind == SOCK_STREAM || socket.domain == AF_UNIX;
                if done == 0 && error == Errno::EPIPE && connected && flags & MSG_NOSIGNAL == 0 {
                    broken_pipe();
                }
                return partial(done, error);
            }
        }
        if !socket.has_stream() || message.data.left() == 0 || message.data.fault() {
            return Ok(done);
        }
    }
}

/// What was received besides the bytes.
struct Received {
    count: usize,
    from: Option<Address>,
    rights: Rights,
    /// MSG_TRUNC if there was more of the message.
    flags: u32,
}

/// Receives one message, or what there is of a stream; all that was asked for with MSG_WAITALL.
fn receive(
    open: &Description,
    socket: &SocketFile,
    data: &mut dyn Sink,
    flags: u32,
) -> Result<Received> {
    if flags & MSG_OOB != 0 {
        return Err(Errno::EINVAL); // there is no urgent data
    }
    if flags & MSG_ERRQUEUE != 0 {
        return Err(Errno::EAGAIN); // nor are errors queued
    }
    let nonblocking = flags & MSG_DONTWAIT != 0;
    let all = flags & (MSG_WAITALL | MSG_PEEK) == MSG_WAITALL && socket.has_stream();
    let mut received = Received { count: 0, from: None, rights: Vec::new(), flags: 0 };
    if socket.has_stream() && data.left() == 0 {
        return Ok(received);
    }
    let peek = flags & MSG_PEEK != 0;
    let mut message = Incoming { data, peek, from: None, length: 0, rights: Vec::new() };
    loop {
        let got =
            wait_for(open, Direction::Read, nonblocking, |_| socket.endpoint.receive(&mut message));
        let count = match got {
            Ok(count) => count,
            Err(error) if received.count == 0 => return Err(error),
            Err(_) => 0,
        };
        received.count += count;
        if count == 0 || !all || message.data.left() == 0 || !message.rights.is_empty() {
            break;
        }
    }
    if !socket.has_stream() && message.length > received.count {
        received.flags |= MSG_TRUNC;
        if flags & MSG_TRUNC != 0 {
            received.count = message.length;
        }
    }
    (received.from, received.rights) = (message.from, message.rights);
    Ok(received)
}

/// As [`receive`], into the application's memory. MSG_TRUNC has a stream's bytes thrown away.
fn receive_to(
    open: &Description,
    socket: &SocketFile,
    pieces: &[IoVec],
    flags: u32,
) -> Result<Received> {
    let mut data = UserPieces::new(pieces, MAX_COUNT);
    if flags & MSG_TRUNC != 0 && socket.has_stream() && socket.domain != AF_UNIX {
        return receive(open, socket, &mut Discard(Sink::left(&data)), flags);
    }
    receive(open, socket, &mut data, flags)
}

syscall! {
    /// sendto(2), and send(2) if there is no address.
    pub fn sendto[__NR_sendto](
        fd: Fd,
        buf: UserPtr,
        count: usize,
        flags: u32,
        address: UserPtr,
        address_len: usize,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        let to = match address.is_null() {
            true => None,
            false => Some(Address::read(socket.domain, address, address_len)?),
        };
        let pieces = [IoVec { base: buf, len: count }];
        let mut data = UserPieces::new(&pieces, MAX_COUNT);
        send(&open, socket, &mut data, flags, to, Vec::new())
    }
}

syscall! {
    /// recvfrom(2), and recv(2) if there is no address.
    pub fn recvfrom[__NR_recvfrom](
        fd: Fd,
        buf: UserPtr,
        count: usize,
        flags: u32,
        address: UserPtr,
        address_len: UserPtr,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        let received = receive_to(&open, socket, &[IoVec { base: buf, len: count }], flags)?;
        if !address.is_null() {
            match received.from {
                Some(from) => from.write_with_length(socket.domain, address, address_len)?,
                None => address_len.copy_out(&0u32.to_ne_bytes())?,
            }
        }
        Ok(received.count)
    }
}

/// A `struct msghdr` of the application.
struct Header {
    at: UserPtr,
    name: UserPtr,
    name_len: usize,
    pieces: Vec<IoVec>,
    control: UserPtr,
    control_len: usize,
}

impl Header {
    fn read(at: UserPtr) -> Result<Self> {
        let bytes: [u8; size_of::<msghdr>()] = at.read()?;
        let word = |offset: usize| usize::get(bytes.get(offset..).unwrap_or_default());
        let name_len = i32::get(bytes.get(offset_of!(msghdr, msg_namelen)..).unwrap_or_default());
        let count = word(offset_of!(msghdr, msg_iovlen));
        if count > unilith_posix_abi::IOV_MAX {
            return Err(Errno::EMSGSIZE);
        }
        Ok(Self {
            at,
            name: UserPtr(word(offset_of!(msghdr, msg_name))),
            name_len: usize::try_from(name_len).map_err(|_| Errno::EINVAL)?,
            pieces: IoVec::read_array(UserPtr(word(offset_of!(msghdr, msg_iov))), count)?,
            control: UserPtr(word(offset_of!(msghdr, msg_control))),
            control_len: word(offset_of!(msghdr, msg_controllen)),
        })
    }

    fn send(&self, open: &Description, socket: &SocketFile, flags: u32) -> Result<usize> {
        let to = match self.name.is_null() || self.name_len == 0 {
            true => None,
            false => Some(Address::read(socket.domain, self.name, self.name_len)?),
        };
        let rights = match self.control.is_null() || self.control_len == 0 {
            true => Vec::new(),
            false => control::read(self.control, self.control_len)?,
        };
        if !rights.is_empty() && socket.domain != AF_UNIX {
            return Err(Errno::EINVAL);
        }
        let mut data = UserPieces::new(&self.pieces, MAX_COUNT);
        send(open, socket, &mut data, flags, to, rights)
    }

    fn receive(&self, open: &Description, socket: &SocketFile, flags: u32) -> Result<usize> {
        let received = receive_to(open, socket, &self.pieces, flags)?;
        if !self.name.is_null() {
            let from = received.from.as_ref();
            let write = |from: &Address| from.write(socket.domain, self.name, self.name_len);
            let len = from.map_or(Ok(0), write)?;
            let field = self.at.add(offset_of!(msghdr, msg_namelen));
            field.copy_out(&(len as u32).to_ne_bytes())?;
        }
        let room = if self.control.is_null() { 0 } else { self.control_len };
        let mut writer = Writer::new(self.control, room);
        if socket.domain == AF_UNIX && socket.options.lock().pass_credentials {
            writer.put_credentials(socket.endpoint.peer_pid().unwrap_or_else(|_| pid()))?;
        }
        writer.put_rights(received.rights, flags & MSG_CMSG_CLOEXEC != 0)?;
        let kept = flags & MSG_CMSG_CLOEXEC;
        let flags = received.flags | writer.flags | kept;
        self.at.add(offset_of!(msghdr, msg_controllen)).copy_out(&writer.written.to_ne_bytes())?;
        self.at.add(offset_of!(msghdr, msg_flags)).copy_out(&flags.to_ne_bytes())?;
        Ok(received.count)
    }
}

syscall! {
    /// sendmsg(2)
    pub fn sendmsg[__NR_sendmsg](fd: Fd, message: UserPtr, flags: u32) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        Header::read(message)?.send(&open, socket, flags)
    }
}

syscall! {
    /// recvmsg(2)
    pub fn recvmsg[__NR_recvmsg](fd: Fd, message: UserPtr, flags: u32) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        Header::read(message)?.receive(&open, socket, flags)
    }
}

/// Does `one` with up to `count` messages, and notes in each how many bytes it was; how many
/// messages. An error is told only if it is the first's.
fn several(
    messages: UserPtr,
    count: usize,
    mut one: impl FnMut(&Header, usize) -> Result<Option<usize>>,
) -> Result<usize> {
    let mut done = 0;
    while done < count.min(MOST_MESSAGES) {
        let at = messages.add(done * size_of::<mmsghdr>());
        let result = Header::read(at).and_then(|header| {
            let Some(bytes) = one(&header, done)? else { return Ok(false) };
            let field = at.add(offset_of!(mmsghdr, msg_len));
            field.copy_out(&(bytes as u32).to_ne_bytes()).map(|()| true)
        });
        match result {
            Ok(true) => done += 1,
            Ok(false) => break,
            Err(error) => return partial(done, error),
        }
    }
    Ok(done)
}

syscall! {
    /// sendmmsg(2)
    pub fn sendmmsg[__NR_sendmmsg](
        fd: Fd,
        messages: UserPtr,
        count: usize,
        flags: u32,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        let count = count as u32 as usize;
        several(messages, count, |header, _| header.send(&open, socket, flags).map(Some))
    }
}

syscall! {
    /// recvmmsg(2). As in Linux the time is looked at after each message.
    pub fn recvmmsg[__NR_recvmmsg](
        fd: Fd,
        messages: UserPtr,
        count: usize,
        flags: u32,
        timeout: UserPtr,
    ) -> Result<usize> {
        let open = table::get(fd)?;
        let socket = socket_of(&open)?;
        let timeout = if timeout.is_null() { None } else { Some(timeout.read_timespec()?) };
        let end = deadline(timeout);
        several(messages, count as u32 as usize, |header, done| {
            let late = || end != NEVER && unilith_platform::monotonic_ns() >= end;
            if done > 0 && late() {
                return Ok(None);
            }
            let more = done > 0 && flags & MSG_WAITFORONE != 0;
            let flags = flags & !MSG_WAITFORONE | if more { MSG_DONTWAIT } else { 0 };
            header.receive(&open, socket, flags).map(Some)
        })
    }
}
