//! The network device against one in software.

use proptest::prelude::*;
use unilith_net_api::{Device as _, Offload};
use unilith_virtio::{Error, feature};
use unilith_virtio_model::{Chain, Model, free_pages, has_memory, on_probe};
use unilith_virtio_net::Net;

const CSUM: u64 = 1 << 0;
const GUEST_CSUM: u64 = 1 << 1;
const MTU: u64 = 1 << 3;
const MAC: u64 = 1 << 5;
const MRG_RXBUF: u64 = 1 << 15;
const STATUS: u64 = 1 << 16;

const RX: usize = 0;
const TX: usize = 1;
const HEADER: usize = 12;
const RING: usize = 128;

/// Address 52:54:00:12:34:56, link up, one pair of queues, an MTU of 9000.
const CONFIG: [u8; 12] = [0x52, 0x54, 0, 0x12, 0x34, 0x56, 1, 0, 1, 0, 0x28, 0x23];

fn model(features: u64) -> Model {
    Model::new(1, features, &CONFIG, 2, 256)
}

fn started(features: u64) -> (Model, Net) {
    let model = model(features);
    let net = Net::new(model.transport()).unwrap();
    (model, net)
}

/// The device receives a frame.
fn arrives(model: &Model, flags: u8, frame: &[u8]) -> bool {
    let chain = model.pop(RX).expect("a buffer");
    let mut bytes = vec![flags, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    bytes.extend(frame);
    let len = model.write(&chain, &bytes);
    assert_eq!(len as usize, bytes.len(), "too small a buffer");
    model.push(RX, chain.head.into(), len)
}

fn next(net: &Net) -> Option<(Vec<u8>, bool)> {
    let mut got = None;
    let any = net.receive(&mut |received| {
        got = Some((received.frame.to_vec(), received.checksum_ok));
    });
    assert_eq!(any, got.is_some());
    got
}

fn send(net: &Net, frame: &[u8]) -> bool {
    net.send(frame.len(), None, &mut |room| room.copy_from_slice(frame))
}

fn sent(model: &Model) -> Option<(Chain, Vec<u8>)> {
    let chain = model.pop(TX)?;
    assert_eq!(chain.room(), 0);
    let bytes = model.read(&chain);
    Some((chain, bytes))
}

#[test]
fn the_configuration_is_the_devices() {
    let (model, net) = started(MAC | STATUS | CSUM | GUEST_CSUM | MTU);
    assert_eq!(net.address(), [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    assert_eq!(net.mtu(), 9000);
    assert_eq!(net.offload(), Offload { send_checksum: true, receive_checksum: true });
    assert!(net.link_is_up());
    model.set_config(&[0; 12]);
    assert!(!net.link_is_up());

    let (_, net) = started(0);
    assert_eq!((net.mtu(), net.offload()), (1500, Offload::default()));
    assert_eq!(net.address()[0] & 3, 2, "unicast, locally administered");
    assert!(net.link_is_up());
}

#[test]
fn an_mtu_that_makes_no_sense_is_refused() {
    let model = model(MTU);
    model.set_config(&[0; 12]);
    assert_eq!(Net::new(model.transport()).err(), Some(Error::Broken));
}

#[test]
fn features_that_are_not_understood_are_not_accepted() {
    let (model, _net) = started(u64::MAX);
    let ours = CSUM | GUEST_CSUM | MTU | MAC | MRG_RXBUF | STATUS;
    let queues = feature::VERSION_1 | feature::EVENT_IDX | feature::ACCESS_PLATFORM;
    assert_eq!(model.accepted(), ours | queues);
}

#[test]
fn frames_arrive_with_what_is_known_of_their_checksums() {
    let (model, net) = started(MAC | GUEST_CSUM);
    assert_eq!(model.notified(RX), 1, "of the first buffers");
    assert_eq!(next(&net), None);
    for (flags, ok) in [(0, false), (1, true), (2, true)] {
        let frame = vec![flags; 60 + usize::from(flags)];
        arrives(&model, flags, &frame);
        assert_eq!(next(&net), Some((frame, ok)));
        assert_eq!(next(&net), None);
    }
}

#[test]
fn buffers_never_run_out_and_are_announced_in_batches() {
    let (model, net) = started(MAC);
    for round in 0..20_000u32 {
        for part in 0..50 {
            arrives(&model, 0, &(round + part).to_le_bytes());
        }
        for part in 0..50 {
            assert_eq!(next(&net).unwrap().0, (round + part).to_le_bytes());
        }
        if round % 100 == 0 {
            let before = model.notified(RX);
            assert_eq!(next(&net), None);
            assert!(model.notified(RX) - before <= 1);
        }
    }
    // A notification for at least 16 buffers.
    assert!(model.notified(RX) <= 20_000 * 50 / 16 + 1000, "{}", model.notified(RX));
}

#[test]
fn the_ring_holds_as_many_frames_as_configured() {
    let (model, net) = started(MAC);
    let mut buffers = 0;
    while let Some(chain) = model.pop(RX) {
        assert_eq!(chain.room(), 2048);
        buffers += 1;
    }
    assert_eq!(buffers, RING);
    drop(net);
}

#[test]
fn frames_in_several_buffers_are_put_together() {
    let (model, net) = started(MAC | MTU | MRG_RXBUF);
    let frame: Vec<u8> = (0..9014u32).map(|i| (i % 251) as u8).collect();
    for _ in 0..100 {
        let mut bytes = vec![2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0];
        bytes.extend(&frame);
        let chains: Vec<_> = bytes
            .chunks(2048)
            .map(|part| {
                let chain = model.pop(RX).unwrap();
                (chain.head, model.write(&chain, part))
            })
            .collect();
        assert_eq!(chains.len(), 5);
        for (head, len) in chains {
            model.push(RX, head.into(), len);
        }
        assert_eq!(next(&net), Some((frame.clone(), true)));
        assert_eq!(next(&net), None);
    }
}

#[test]
fn without_that_buffers_are_large_enough() {
    let (model, net) = started(MAC | MTU);
    let frame = vec![7; 9018];
    arrives(&model, 0, &frame);
    assert_eq!(next(&net), Some((frame, false)));
}

#[test]
fn frames_that_make_no_sense_are_passed_over() {
    let (model, net) = started(MAC | MRG_RXBUF);
    let bad: [&[u8]; 5] = [
        &[],
        &[0; 11],
        // A header without a frame; a kind of segmentation; buffers that are not there.
        &[0; 12],
        &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 9, 9],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 9, 9],
    ];
    for bytes in bad {
        let chain = model.pop(RX).unwrap();
        let len = model.write(&chain, bytes);
        model.push(RX, chain.head.into(), len);
        assert_eq!(next(&net), None, "{bytes:?}");
    }
    for _ in 0..1000 {
        arrives(&model, 0, &[1, 2, 3]);
        assert_eq!(next(&net), Some((vec![1, 2, 3], false)));
    }
}

#[test]
fn frames_are_sent_in_batches() {
    let (model, net) = started(MAC);
    for tag in 0..10u8 {
        assert!(send(&net, &[tag; 60]));
    }
    assert_eq!(model.notified(TX), 0);
    net.flush();
    net.flush();
    assert_eq!(model.notified(TX), 1);
    for tag in 0..10u8 {
        let mut expected = vec![0; HEADER];
        expected.extend([tag; 60]);
        assert_eq!(sent(&model).unwrap().1, expected);
    }
    assert_eq!(sent(&model), None);
}

#[test]
fn the_device_is_asked_to_fill_checksums_in() {
    let (model, net) = started(MAC | CSUM);
    let frame = [5; 60];
    assert!(net.send(60, Some((34, 16)), &mut |room| room.copy_from_slice(&frame)));
    let bytes = sent(&model).unwrap().1;
    assert_eq!(bytes[..HEADER], [1, 0, 0, 0, 0, 0, 34, 0, 16, 0, 0, 0]);
    assert_eq!(bytes[HEADER..], frame);
    // Not outside of the frame, and not if it does not offer to.
    assert!(!net.send(60, Some((50, 9)), &mut |_| panic!("not called")));
    assert!(!net.send(60, Some((u16::MAX, u16::MAX)), &mut |_| panic!("not called")));
    let (_model, net) = started(MAC);
    assert!(!net.send(60, Some((34, 16)), &mut |_| panic!("not called")));
}

#[test]
fn a_full_ring_is_said_and_room_comes_back() {
    for features in [MAC, MAC | feature::EVENT_IDX] {
        let (model, net) = started(features);
        let mut frames = 0u32;
        while send(&net, &frames.to_le_bytes()) {
            frames += 1;
        }
        assert_eq!(frames as usize, RING);
        assert!(!net.can_send());
        assert!(model.notified(TX) > 0, "or there never would be room");
        assert!(!net.arm());
        let (chain, bytes) = sent(&model).unwrap();
        assert_eq!(bytes[HEADER..], 0u32.to_le_bytes());
        assert!(model.push(TX, chain.head.into(), 0), "who waits for room is interrupted");
        assert!(net.can_send());
        assert!(send(&net, &frames.to_le_bytes()));
        assert!(!net.can_send());
        // Everything arrives, in order.
        for frame in 1..=frames {
            let (chain, bytes) = sent(&model).unwrap();
            assert_eq!(bytes[HEADER..], frame.to_le_bytes());
            model.push(TX, chain.head.into(), 0);
        }
        assert!(net.can_send());
    }
}

#[test]
fn a_frame_that_is_too_long_is_not_sent() {
    let (model, net) = started(MAC);
    assert!(send(&net, &[0; 1518]));
    assert!(!net.send(usize::MAX, None, &mut |_| panic!("not called")));
    assert!(!net.send(2048, None, &mut |_| panic!("not called")));
    assert!(net.can_send());
    assert!(sent(&model).is_some());
}

#[test]
fn interrupts_come_only_before_waiting() {
    for features in [MAC, MAC | feature::EVENT_IDX] {
        let (model, net) = started(features);
        arrives(&model, 0, &[1]);
        next(&net).unwrap();
        assert!(!arrives(&model, 0, &[1]));
        assert!(net.arm(), "one has arrived");
        next(&net).unwrap();
        assert!(!net.arm());
        assert!(arrives(&model, 0, &[1]));
        next(&net).unwrap();
        assert!(!arrives(&model, 0, &[1]));
        // Sending wants none at all.
        send(&net, &[1]);
        let head = model.pop(TX).unwrap().head;
        assert!(!model.push(TX, head.into(), 0) || features & feature::EVENT_IDX != 0);
        assert!(model.acknowledged() > 0);
    }
}

#[test]
fn a_broken_device_neither_sends_nor_receives() {
    let (model, net) = started(MAC);
    model.push(RX, 4711, 60);
    assert_eq!(next(&net), None);
    assert!(net.is_broken());
    assert!(!net.arm());
    let (model, net) = started(MAC);
    while send(&net, &[1]) {}
    model.push(TX, 4711, 60);
    assert!(!net.can_send() && !send(&net, &[1]) && !net.arm());
    assert!(net.is_broken());
}

#[test]
fn the_memory_is_what_the_configuration_says() {
    has_memory(10_000);
    let (model, net) = started(MAC);
    let used = 10_000 - free_pages();
    assert_eq!(used, RING / 2 + 2, "buffers for receiving, and the rings");
    while send(&net, &[1]) {}
    assert_eq!(10_000 - free_pages(), RING + 2);
    drop(net);
    assert_eq!(free_pages(), 10_000);
    drop(model);
    has_memory(10);
    assert_eq!(Net::new(self::model(MAC).transport()).err(), Some(Error::NoMemory));
    assert_eq!(free_pages(), 10);
}

#[test]
fn devices_are_found_once() {
    on_probe(|device_type| match device_type {
        1 => vec![model(MAC).without(feature::VERSION_1).transport(), model(MAC).transport()],
        _ => vec![],
    });
    let first = unilith_virtio_net::first().unwrap();
    assert_eq!(first.address(), [0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    assert_eq!(unilith_virtio_net::devices().len(), 1, "the other one is too old");
}

proptest! {
    #[test]
    fn a_hostile_device_does_no_harm(
        frames in proptest::collection::vec((
            proptest::collection::vec(any::<u8>(), 0..64), // what is in the buffer
            prop_oneof![Just(None), any::<u32>().prop_map(Some), (0u32..3000).prop_map(Some)],
            prop_oneof![9 => Just(None), 1 => any::<u32>().prop_map(Some)],
        ), 0..100),
        mergeable: bool,
    ) {
        let (model, net) = started(MAC | if mergeable { MRG_RXBUF } else { 0 });
        for (bytes, len, head) in frames {
            let Some(chain) = model.pop(RX) else { break };
            let written = model.write(&chain, &bytes);
            model.push(RX, head.unwrap_or(chain.head.into()), len.unwrap_or(written));
            let mut shown = 0;
            while net.receive(&mut |received| shown += received.frame.len()) {}
            prop_assert!(shown <= 2048);
            net.arm();
        }
        drop(net);
    }
}
