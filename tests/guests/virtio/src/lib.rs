//! Uses every virtio device that there is, and says what came of it.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod frames;

use alloc::vec;
use unilith_block_api::{BlockDevice, SECTOR_SIZE};
use unilith_net_api::Device;
use unilith_print::{eprintln, println};

/// Called once the image has booted.
pub fn main() -> i32 {
    let start = unilith_platform::monotonic_ns();
    random();
    unilith_virtio_blk::disks().iter().for_each(disk);
    unilith_virtio_net::devices().iter().for_each(network);
    unilith_virtio_9p::servers().iter().for_each(|server| files(server));
    eprintln!("{} us", (unilith_platform::monotonic_ns() - start) / 1000);
    0
}

fn random() {
    let Some(rng) = unilith_virtio_rng::first() else { return };
    let (mut first, mut second) = ([0; 1000], [0; 1000]);
    match rng.fill(&mut first).and_then(|()| rng.fill(&mut second)) {
        Ok(()) if first != second => println!("rng: 1000 bytes, and 1000 others"),
        Ok(()) => println!("rng: the same bytes twice"),
        Err(error) => println!("rng: {error}"),
    }
}

/// Reads all of it, then writes to every sector but the first.
fn disk(disk: &unilith_virtio_blk::Disk) {
    let len = disk.sectors() as usize * SECTOR_SIZE;
    let mut bytes = vec![0; len];
    if let Err(error) = disk.read(0, &mut bytes) {
        println!("blk: reading: {error:?}");
        return;
    }
    let sum = bytes.iter().fold(0u32, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    println!("blk: {} sectors, read only: {}, sum {sum:#x}", disk.sectors(), disk.is_read_only());
    bytes.iter_mut().for_each(|byte| *byte = !*byte);
    let rest = bytes.get(SECTOR_SIZE..).unwrap_or_default();
    let written = disk.write(1, rest).and_then(|()| disk.flush());
    let mut back = vec![0; rest.len()];
    let same = disk.read(1, &mut back).map(|()| back == rest);
    println!("blk: written: {written:?}, reads back: {same:?}");
    println!("blk: past the end: {:?}", disk.read(disk.sectors(), &mut [0; SECTOR_SIZE]));
}

fn network(net: &unilith_virtio_net::Net) {
    println!("net: {:x?}, mtu {}, {:?}", net.address(), net.mtu(), net.offload());
    println!("net: link is up: {}", net.link_is_up());
    let (gateway, replies, halts) = frames::resolve(net);
    eprintln!("{halts} halts");
    println!("net: {replies} replies, gateway {gateway:x?}");
}

/// Agrees on a version: Tversion of 9P2000.L, which asks for the largest messages that fit.
fn files(server: &unilith_virtio_9p::Server) {
    use unilith_p9_api::Channel;
    const TVERSION: u8 = 100;
    const NO_TAG: [u8; 2] = [0xff; 2];
    const VERSION: &[u8] = b"9P2000.L";
    let mut request = vec![0; 4];
    request.push(TVERSION);
    request.extend(NO_TAG);
    request.extend((server.limit() as u32).to_le_bytes());
    request.extend((VERSION.len() as u16).to_le_bytes());
    request.extend(VERSION);
    let len = (request.len() as u32).to_le_bytes();
    request.iter_mut().zip(len).for_each(|(to, from)| *to = from);
    let mut reply = [0; 100];
    let reply = server.exchange(&request, &mut reply).map(|len| reply.get(..len).unwrap_or(&[]));
    let tag = server.tag().escape_ascii();
    match reply {
        Ok(reply) => println!("9p: {tag}: {}", reply.escape_ascii()),
        Err(error) => println!("9p: {tag}: {error:?}"),
    }
}
