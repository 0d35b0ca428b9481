//! The device as a whole.

use crate::receive::Receiver;
use crate::transmit::Transmitter;
use crate::{header, receive};
use alloc::boxed::Box;
use unilith_net_api::{Device as NetDevice, Offload, Received};
use unilith_sync::Lock;
use unilith_virtio::{Device, Error, Transport};

const VIRTIO_NET_F_CSUM: u64 = 1 << 0;
const VIRTIO_NET_F_GUEST_CSUM: u64 = 1 << 1;
const VIRTIO_NET_F_MTU: u64 = 1 << 3;
const VIRTIO_NET_F_MAC: u64 = 1 << 5;
const VIRTIO_NET_F_MRG_RXBUF: u64 = 1 << 15;
const VIRTIO_NET_F_STATUS: u64 = 1 << 16;

// The configuration space (section 5.1.4).
const MAC: usize = 0;
const STATUS: usize = 6;
const MTU: usize = 10;

const VIRTIO_NET_S_LINK_UP: u16 = 1;

const RECEIVEQ: u16 = 0;
const TRANSMITQ: u16 = 1;

/// Frames that may wait in each direction.
const RING: u16 = {
    let frames = unilith_config::number(option_env!("CONFIG_VIRTIO_NET_RING"), 128);
    assert!(frames > 0 && frames <= 4096, "VIRTIO_NET_RING is out of range");
    frames as u16
};

/// Bytes of an Ethernet header with a VLAN tag.
const ETHERNET: usize = 18;
/// What a network has if the device does not say otherwise.
const DEFAULT_MTU: usize = 1500;
/// The least that IPv4 asks for (RFC 791).
const LEAST_MTU: usize = 68;
/// A buffer for a frame of the default size.
const BUFFER: usize = 2048;

/// A network device.
pub struct Net {
    device: Device,
    address: [u8; 6],
    mtu: usize,
    offload: Offload,
    receiver: Lock<Receiver>,
    transmitter: Lock<Transmitter>,
}

impl Net {
    /// Starts the device behind `transport`.
    ///
    /// # Errors
    /// The device cannot be used, or there is no memory for its buffers.
    pub fn new(transport: Box<dyn Transport>) -> Result<Self, Error> {
        let wanted = VIRTIO_NET_F_CSUM
            | VIRTIO_NET_F_GUEST_CSUM
            | VIRTIO_NET_F_MTU
            | VIRTIO_NET_F_MAC
            | VIRTIO_NET_F_MRG_RXBUF
            | VIRTIO_NET_F_STATUS;
        let device = Device::start(transport, wanted)?;
        let address = if device.has(VIRTIO_NET_F_MAC) {
            device.config(|d| core::array::from_fn(|i| d.config8(MAC + i)))?
        } else {
            // Locally administered; the only one that its owner did not care to name.
            [0x02, 0, 0, 0, 0, 1]
        };
        let mtu = match device.has(VIRTIO_NET_F_MTU) {
            true => usize::from(device.config16(MTU)),
            false => DEFAULT_MTU,
        };
        if mtu < LEAST_MTU {
            return Err(Error::Broken);
        }
        let whole = (header::SIZE + ETHERNET + mtu).max(BUFFER);
        // Larger frames fill several buffers, if the device can do that.
        let mergeable = device.has(VIRTIO_NET_F_MRG_RXBUF);
        let part = if mergeable { BUFFER } else { whole };
        let receiver = Receiver::new(device.queue(RECEIVEQ, RING)?, part, mergeable)?;
        let transmitter = Transmitter::new(device.queue(TRANSMITQ, RING)?, whole);
        device.ready();
        let offload = Offload {
            send_checksum: device.has(VIRTIO_NET_F_CSUM),
            receive_checksum: device.has(VIRTIO_NET_F_GUEST_CSUM),
        };
        let net = Self {
            device,
            address,
            mtu,
            offload,
            receiver: Lock::new(receiver),
            transmitter: Lock::new(transmitter),
        };
        net.receiver.lock().announce();
        Ok(net)
    }

    /// Whether the link is up, as far as the device knows.
    pub fn link_is_up(&self) -> bool {
        !self.device.has(VIRTIO_NET_F_STATUS)
            || self.device.config16(STATUS) & VIRTIO_NET_S_LINK_UP != 0
    }

    /// Whether the device has broken the rules; it is not used any more then.
    pub fn is_broken(&self) -> bool {
        self.receiver.lock().is_broken() || self.transmitter.lock().is_broken()
    }
}

impl NetDevice for Net {
    fn address(&self) -> [u8; 6] {
        self.address
    }

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn offload(&self) -> Offload {
        self.offload
    }

    fn receive(&self, take: &mut dyn FnMut(Received<'_>)) -> bool {
        receive::receive(&self.receiver, take)
    }

    fn can_send(&self) -> bool {
        self.transmitter.lock().has_room()
    }

    /// Also false for a frame that is longer than the MTU allows, or a checksum that is outside of
    /// it or that the device does not offer to compute.
    fn send(
        &self,
        len: usize,
        checksum: Option<(u16, u16)>,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> bool {
        if let Some((start, offset)) = checksum {
            let inside = usize::from(start) + usize::from(offset) + 2 <= len;
            if !self.offload.send_checksum || !inside {
                return false;
            }
        }
        let end = header::SIZE.saturating_add(len);
        let Some(mut buffer) = self.transmitter.lock().take_buffer(end) else { return false };
        if let Some((head, rest)) = buffer.split_first_chunk_mut() {
            *head = header::Header::emit(checksum);
            fill(rest.get_mut(..len).unwrap_or_default());
        }
        self.transmitter.lock().submit(buffer, end)
    }

    fn flush(&self) {
        self.transmitter.lock().announce();
    }

    fn arm(&self) -> bool {
        self.device.acknowledge();
        let received = self.receiver.lock().arm();
        let room = self.transmitter.lock().arm();
        received || room
    }
}
