//! System calls on sockets, from the application's side.
#![allow(dead_code)]

use crate::fake::{call_in, peek, peek_i32, poke};
use std::net::SocketAddr;
use unilith_posix_abi::Result;
use unilith_posix_abi::raw::general as nr;

/// The application's memory, as the tests use it: arguments, then data.
pub const PAD: usize = crate::fake::USER.start;
pub const DATA: usize = PAD + 0x10_0000;
pub const INTO: usize = PAD + 0x20_0000;

pub const UNIX: usize = 1;
pub const INET: usize = 2;
pub const INET6: usize = 10;
pub const STREAM: usize = 1;
pub const DGRAM: usize = 2;
pub const SEQPACKET: usize = 5;
pub const NONBLOCK: usize = 0x800;
pub const CLOEXEC: usize = 0x8_0000;
pub const DONTWAIT: usize = 0x40;
pub const PEEK: usize = 2;
pub const TRUNC: usize = 0x20;
pub const WAITALL: usize = 0x100;

pub fn call<const N: usize>(number: u32, args: [usize; N]) -> Result<usize> {
    call_in(&[unilith_posix_fd::SYSCALLS, unilith_posix_net::SYSCALLS], number, args)
}

pub fn socket(domain: usize, kind: usize) -> usize {
    call(nr::__NR_socket, [domain, kind, 0]).expect("a socket")
}

pub fn pair(kind: usize) -> (usize, usize) {
    call(nr::__NR_socketpair, [UNIX, kind, 0, PAD]).expect("a pair");
    (peek_i32(PAD) as usize, peek_i32(PAD + 4) as usize)
}

pub fn close(fds: &[usize]) {
    for &fd in fds {
        call(nr::__NR_close, [fd]).expect("open");
    }
}

/// The bytes of an address of the Internet.
pub fn inet(text: &str) -> Vec<u8> {
    match text.parse().expect("an address") {
        SocketAddr::V4(v4) => {
            [&[2, 0][..], &v4.port().to_be_bytes(), &v4.ip().octets(), &[0; 8]].concat()
        }
        SocketAddr::V6(v6) => {
            let port = v6.port().to_be_bytes();
            [&[10, 0][..], &port, &[0; 4], &v6.ip().octets(), &[0; 4]].concat()
        }
    }
}

pub fn local(path: &[u8]) -> Vec<u8> {
    [&[1, 0][..], path].concat()
}

pub fn bind(fd: usize, address: &[u8]) -> Result<usize> {
    call(nr::__NR_bind, [fd, poke(PAD + 0x100, address), address.len()])
}

pub fn connect(fd: usize, address: &[u8]) -> Result<usize> {
    call(nr::__NR_connect, [fd, poke(PAD + 0x100, address), address.len()])
}

pub fn listen(fd: usize) -> Result<usize> {
    call(nr::__NR_listen, [fd, 16])
}

pub fn accept(fd: usize) -> Result<usize> {
    call(nr::__NR_accept, [fd, 0, 0])
}

/// The address that `number` (getsockname, getpeername) tells.
pub fn address(number: u32, fd: usize) -> Result<Vec<u8>> {
    poke(PAD + 0x200, &128u32.to_ne_bytes());
    call(number, [fd, PAD + 0x300, PAD + 0x200])?;
    Ok(peek(PAD + 0x300, peek_i32(PAD + 0x200) as usize))
}

pub fn send(fd: usize, data: &[u8], flags: usize) -> Result<usize> {
    call(nr::__NR_sendto, [fd, poke(DATA, data), data.len(), flags, 0, 0])
}

pub fn receive(fd: usize, most: usize, flags: usize) -> Result<Vec<u8>> {
    let count = call(nr::__NR_recvfrom, [fd, INTO, most, flags, 0, 0])?;
    Ok(peek(INTO, count.min(most)))
}

pub fn ready(fd: usize) -> u32 {
    let all = nr::POLLIN | nr::POLLOUT | nr::POLLRDHUP;
    let entry = [(fd as u32).to_ne_bytes(), all.to_ne_bytes()].concat();
    call(nr::__NR_poll, [poke(PAD + 0x80, &entry), 1, 0]).expect("fine");
    u16::from_ne_bytes(peek(PAD + 0x86, 2).try_into().expect("two")).into()
}

pub fn set(fd: usize, level: u32, name: u32, value: &[u8]) -> Result<usize> {
    let at = poke(PAD + 0x400, value);
    call(nr::__NR_setsockopt, [fd, level as usize, name as usize, at, value.len()])
}

pub fn get(fd: usize, level: u32, name: u32, room: u32) -> Result<Vec<u8>> {
    poke(PAD + 0x480, &room.to_ne_bytes());
    let args = [fd, level as usize, name as usize, PAD + 0x500, PAD + 0x480];
    call(nr::__NR_getsockopt, args)?;
    Ok(peek(PAD + 0x500, peek_i32(PAD + 0x480) as usize))
}

pub fn get_i32(fd: usize, level: u32, name: u32) -> Result<i32> {
    get(fd, level, name, 4).map(|bytes| i32::from_ne_bytes(bytes.try_into().expect("four")))
}

/// A `struct msghdr` at `at`: address, pieces, control.
pub fn message(
    at: usize,
    name: (usize, usize),
    pieces: &[(usize, usize)],
    control: (usize, usize),
) -> usize {
    let iov: Vec<u8> = pieces
        .iter()
        .flat_map(|piece| [piece.0, piece.1].map(usize::to_ne_bytes).concat())
        .collect();
    poke(at + 0x80, &iov);
    let words = [name.0, name.1, at + 0x80, pieces.len(), control.0, control.1, 0];
    poke(at, &words.map(usize::to_ne_bytes).concat())
}

/// A control message that carries open files.
pub fn rights(fds: &[usize]) -> Vec<u8> {
    let mut bytes = (16 + fds.len() * 4).to_ne_bytes().to_vec();
    bytes.extend([1u32, 1].map(u32::to_ne_bytes).concat());
    bytes.extend(fds.iter().flat_map(|&fd| (fd as u32).to_ne_bytes()));
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes
}
