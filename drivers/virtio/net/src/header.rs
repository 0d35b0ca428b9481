//! What stands before every frame (VIRTIO 1.2, section 5.1.6).

/// Bytes of the header.
pub(crate) const SIZE: usize = 12;

const VIRTIO_NET_HDR_F_NEEDS_CSUM: u8 = 1;
const VIRTIO_NET_HDR_F_DATA_VALID: u8 = 2;
const VIRTIO_NET_HDR_GSO_NONE: u8 = 0;

/// The header of a frame that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The device vouches for the checksums: it has checked them, or the frame comes from the
    /// same host, where nothing can change it.
    pub checksum_ok: bool,
    /// In how many buffers the frame is.
    pub buffers: u16,
}

impl Header {
    /// Reads the header; `None` if there is none, or it says something that was not agreed on.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let &[flags, gso_type, _, _, _, _, _, _, _, _, low, high] = bytes.first_chunk::<SIZE>()?;
        let checked = VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID;
        (gso_type == VIRTIO_NET_HDR_GSO_NONE).then_some(Self {
            checksum_ok: flags & checked != 0,
            buffers: u16::from_le_bytes([low, high]),
        })
    }

    /// The header of a frame to be sent, whose checksum the device fills in: `start` is where the
    /// checksummed part starts, `offset` where in it the checksum stands.
    pub(crate) fn emit(checksum: Option<(u16, u16)>) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        if let Some((start, offset)) = checksum {
            let ([a, b], [c, d]) = (start.to_le_bytes(), offset.to_le_bytes());
            bytes = [VIRTIO_NET_HDR_F_NEEDS_CSUM, 0, 0, 0, 0, 0, a, b, c, d, 0, 0];
        }
        bytes
    }
}
