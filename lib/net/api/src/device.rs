//! Frames in and out.

/// What a device does to frames, so that nobody else need do it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offload {
    /// It fills in the checksums of TCP and UDP of frames that are sent.
    pub send_checksum: bool,
    /// It says of a received frame whether its checksums are right.
    pub receive_checksum: bool,
}

/// A frame that was received: from the Ethernet header on, without the frame check sequence.
#[derive(Debug)]
pub struct Received<'a> {
    /// Its bytes.
    pub frame: &'a mut [u8],
    /// The device vouches for its checksums, or it never left this host.
    pub checksum_ok: bool,
}

/// A network device. It never waits: a full ring is said, not waited for.
pub trait Device: Send + Sync {
    /// Its Ethernet address.
    fn address(&self) -> [u8; 6];

    /// Bytes of payload in a frame, at most.
    fn mtu(&self) -> usize;

    /// What it does by itself.
    fn offload(&self) -> Offload;

    /// Shows the next received frame to `take`, whose buffer goes back to the device afterwards.
    /// False if there is none.
    fn receive(&self, take: &mut dyn FnMut(Received<'_>)) -> bool;

    /// Whether a frame could be sent now.
    fn can_send(&self) -> bool;

    /// Sends a frame of `len` bytes that `fill` writes. `checksum` asks for the device's help, if
    /// [`offload`](Self::offload) offers it: where the checksummed part starts, and where in it the
    /// checksum stands (as in virtio-net). False, without calling `fill`, if there is no room. The
    /// device need not start before [`flush`](Self::flush).
    fn send(
        &self,
        len: usize,
        checksum: Option<(u16, u16)>,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> bool;

    /// Has the device start with everything that was sent.
    fn flush(&self);

    /// Has it interrupt when a frame arrives; true if one has arrived meanwhile.
    fn arm(&self) -> bool;
}

/// A device that lives as long as the image is one, too.
impl<D: Device + ?Sized> Device for &D {
    fn address(&self) -> [u8; 6] {
        (**self).address()
    }

    fn mtu(&self) -> usize {
        (**self).mtu()
    }

    fn offload(&self) -> Offload {
        (**self).offload()
    }

    fn receive(&self, take: &mut dyn FnMut(Received<'_>)) -> bool {
        (**self).receive(take)
    }

    fn can_send(&self) -> bool {
        (**self).can_send()
    }

    fn send(
        &self,
        len: usize,
        checksum: Option<(u16, u16)>,
        fill: &mut dyn FnMut(&mut [u8]),
    ) -> bool {
        (**self).send(len, checksum, fill)
    }

    fn flush(&self) {
        (**self).flush();
    }

    fn arm(&self) -> bool {
        (**self).arm()
    }
}
