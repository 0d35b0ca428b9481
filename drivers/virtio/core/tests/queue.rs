//! Virtqueues against a device in software.

use std::ops::Range;
use unilith_virtio::{Device, DmaBuffer, Error, Queue, feature, status};
use unilith_virtio_model::{Model, has_memory};

const EVENT_IDX: u64 = feature::EVENT_IDX;

fn started(features: u64, size: u16) -> (Model, Device, Queue) {
    let model = Model::new(1, features, &[], 1, size);
    let device = Device::start(model.transport(), features).unwrap();
    let queue = device.queue(0, size).unwrap();
    device.ready();
    (model, device, queue)
}

/// One range, not the numbers in it.
fn vec_of(range: Range<usize>) -> Vec<Range<usize>> {
    std::iter::once(range).collect()
}

fn submit(queue: &mut Queue, tag: u16, question: &[u8], room: usize) -> Result<(), Error> {
    let mut buffer = DmaBuffer::new(question.len() + room).unwrap();
    buffer[..question.len()].copy_from_slice(question);
    let end = question.len();
    let ranges = |range: Range<usize>| if range.is_empty() { vec![] } else { vec_of(range) };
    let (readable, writable) = (ranges(0..end), ranges(end..end + room));
    queue.submit(buffer, tag, &readable, &writable).map_err(|rejected| rejected.error)
}

#[test]
fn the_steps_of_initialisation_are_those_of_the_specification() {
    let (model, device, _queue) = started(EVENT_IDX | 1, 8);
    assert_eq!(model.accepted(), feature::VERSION_1 | EVENT_IDX | 1);
    assert!(device.has(1) && !device.has(2));
    assert_eq!(model.statuses(), [0, 1, 3, 11, 15]);
}

#[test]
fn features_that_nobody_asked_for_are_not_accepted() {
    let model = Model::new(1, u64::MAX, &[], 1, 8);
    Device::start(model.transport(), 4).unwrap();
    let ours = feature::VERSION_1 | EVENT_IDX | feature::ACCESS_PLATFORM;
    assert_eq!(model.accepted(), ours | 4);
}

#[test]
fn a_device_that_cannot_be_used_is_refused() {
    let old = Model::new(1, 0, &[], 1, 8).without(feature::VERSION_1);
    assert_eq!(Device::start(old.transport(), 0).err(), Some(Error::Unsupported));
    assert_eq!(old.statuses().last().unwrap() & status::FAILED, status::FAILED);

    let stubborn = Model::new(1, 0, &[], 1, 8);
    stubborn.refuse_features();
    assert_eq!(Device::start(stubborn.transport(), 0).err(), Some(Error::Unsupported));

    let dead = Model::new(1, 0, &[], 1, 8);
    dead.transport().set_status(1);
    dead.never_reset();
    assert_eq!(Device::start(dead.transport(), 0).err(), Some(Error::Broken));

    let empty = Model::new(1, 0, &[], 0, 8);
    let device = Device::start(empty.transport(), 0).unwrap();
    assert_eq!(device.queue(0, 8).err(), Some(Error::NoQueue));
}

#[test]
fn buffers_go_there_and_come_back() {
    for features in [0, EVENT_IDX] {
        let (model, _device, mut queue) = started(features, 8);
        // Several times around the ring, and past the end of its indices.
        for round in 0..70_000u32 {
            let question = round.to_le_bytes();
            submit(&mut queue, round as u16, &question, 4).unwrap();
            assert!(queue.complete().unwrap().is_none());
            let reverse = |mut bytes: Vec<u8>, room| {
                assert_eq!((&bytes[..], room), (&question[..], 4));
                bytes.reverse();
                bytes
            };
            assert_eq!(model.serve(0, reverse), 1);
            let back = queue.complete().unwrap().unwrap();
            assert_eq!((back.tag, back.written), (round as u16, 4));
            assert_eq!(back.buffer[4..], round.to_be_bytes());
        }
        assert_eq!((queue.free(), queue.in_flight()), (8, 0));
    }
}

#[test]
fn they_may_come_back_in_any_order() {
    let (model, _device, mut queue) = started(0, 8);
    for tag in 0..4 {
        submit(&mut queue, tag, &[tag as u8], 1).unwrap();
    }
    assert_eq!(queue.free(), 0);
    assert_eq!(submit(&mut queue, 9, &[], 1), Err(Error::Full));
    let chains: Vec<_> = std::iter::from_fn(|| model.pop(0)).collect();
    for &index in &[2, 0, 3, 1] {
        let chain = &chains[index];
        assert_eq!(model.read(chain), [index as u8]);
        model.push(0, chain.head.into(), 1);
        assert_eq!(queue.complete().unwrap().unwrap().tag, index as u16);
    }
    assert_eq!(queue.free(), 8);
    // The free descriptors are in another order now; chains are whole even so.
    for tag in 0..4 {
        submit(&mut queue, tag, &[tag as u8; 3], 2).unwrap();
    }
    let chains: Vec<_> = std::iter::from_fn(|| model.pop(0)).collect();
    for (tag, chain) in chains.iter().enumerate() {
        assert_eq!((model.read(chain), chain.room()), (vec![tag as u8; 3], 2));
    }
}

#[test]
fn ranges_must_be_in_the_buffer() {
    let (_model, _device, mut queue) = started(0, 8);
    let mut try_ranges = |readable: &[_], writable: &[_]| {
        let buffer = DmaBuffer::new(100).unwrap();
        queue.submit(buffer, 0, readable, writable).map_err(|rejected| rejected.error)
    };
    #[expect(clippy::reversed_empty_ranges)]
    for range in [0..101, 100..101, 5..5, 7..6, usize::MAX - 1..usize::MAX] {
        assert_eq!(try_ranges(&vec_of(range.clone()), &[]), Err(Error::Invalid));
        assert_eq!(try_ranges(&vec_of(0..1), &vec_of(range)), Err(Error::Invalid));
    }
    assert_eq!(try_ranges(&[], &[]), Err(Error::Invalid));
    assert_eq!(try_ranges(&vec_of(0..100), &[]), Ok(()));
}

#[test]
fn a_device_that_looks_by_itself_is_not_notified() {
    // Without EVENT_IDX by a flag.
    let (model, _device, mut queue) = started(0, 8);
    submit(&mut queue, 0, &[1], 0).unwrap();
    queue.notify();
    queue.notify();
    assert_eq!(model.notified(0), 1);
    model.want_notifications(0, false);
    submit(&mut queue, 0, &[1], 0).unwrap();
    queue.notify();
    assert_eq!(model.notified(0), 1);

    // With it by an index: the device has taken one and wants to hear of the second.
    let (model, _device, mut queue) = started(EVENT_IDX, 8);
    submit(&mut queue, 0, &[1], 0).unwrap();
    queue.notify();
    assert_eq!(model.notified(0), 1);
    submit(&mut queue, 0, &[1], 0).unwrap();
    queue.notify();
    assert_eq!(model.notified(0), 1, "it has not yet looked at the first");
    model.pop(0);
    model.pop(0);
    submit(&mut queue, 0, &[1], 0).unwrap();
    submit(&mut queue, 0, &[1], 0).unwrap();
    queue.notify();
    assert_eq!(model.notified(0), 2, "one notification for both");
}

#[test]
fn interrupts_come_only_when_asked_for() {
    for features in [0, EVENT_IDX] {
        let (model, _device, mut queue) = started(features, 8);
        let answer = |queue: &mut Queue| {
            submit(queue, 0, &[], 1).unwrap();
            let head = model.pop(0).unwrap().head;
            model.push(0, head.into(), 1)
        };
        // The first entry of the used ring is where a new event index points to.
        answer(&mut queue);
        queue.complete().unwrap().unwrap();
        assert!(!answer(&mut queue));
        queue.complete().unwrap().unwrap();
        assert!(!queue.arm());
        assert!(answer(&mut queue), "armed");
        assert!(queue.complete().unwrap().is_some());
        assert!(!answer(&mut queue), "one interrupt for each arming");
        assert!(queue.arm(), "something has arrived before");
    }
}

#[test]
fn a_device_that_lies_is_broken() {
    type Lie = fn(&Model, u16);
    let lies: [(&str, Lie); 6] = [
        ("an index that is no descriptor", |model, _| _ = model.push(0, 8, 0)),
        ("a huge index", |model, head| _ = model.push(0, 0x1_0000 | u32::from(head), 0)),
        ("a descriptor that is no head", |model, head| {
            _ = model.push(0, u32::from(head) + 1, 0);
        }),
        ("more than there was room for", |model, head| _ = model.push(0, head.into(), 5)),
        ("more buffers than it had", |model, _| model.set_used_index(0, 2)),
        ("an index that goes back", |model, _| model.set_used_index(0, u16::MAX)),
    ];
    for (what, lie) in lies {
        let (model, _device, mut queue) = started(0, 8);
        submit(&mut queue, 0, &[1], 4).unwrap();
        lie(&model, model.pop(0).unwrap().head);
        assert_eq!(queue.complete().err(), Some(Error::Broken), "{what}");
        assert!(queue.is_broken());
        assert_eq!(queue.complete().err(), Some(Error::Broken));
        assert_eq!(submit(&mut queue, 0, &[1], 0), Err(Error::Broken));
        assert!(!queue.arm(), "nobody should wait for it");
    }
    // The same buffer twice.
    let (model, _device, mut queue) = started(0, 8);
    submit(&mut queue, 0, &[1], 4).unwrap();
    submit(&mut queue, 1, &[1], 4).unwrap();
    let head = model.pop(0).unwrap().head;
    model.push(0, head.into(), 0);
    model.push(0, head.into(), 0);
    assert!(queue.complete().is_ok());
    assert_eq!(queue.complete().err(), Some(Error::Broken));
}

#[test]
fn memory_is_given_back_when_the_device_has_stopped_and_only_then() {
    has_memory(100);
    let free = || unilith_mem_api::free_pages();
    let (model, device, mut queue) = started(0, 8);
    submit(&mut queue, 0, &[1; 5000], 0).unwrap();
    assert_eq!(free(), 97);
    drop((queue, device));
    assert_eq!(free(), 100);
    assert_eq!(model.statuses().last(), Some(&0));

    let (model, device, mut queue) = started(0, 8);
    submit(&mut queue, 0, &[1; 5000], 0).unwrap();
    model.never_reset();
    drop((queue, device));
    assert_eq!(free(), 97, "the device may still write there");
}

#[test]
fn no_memory_is_an_error() {
    has_memory(0);
    let model = Model::new(1, 0, &[], 1, 8);
    let device = Device::start(model.transport(), 0).unwrap();
    assert_eq!(device.queue(0, 8).err(), Some(Error::NoMemory));
    assert!(DmaBuffer::new(1).is_none());
    assert!(DmaBuffer::new(0).is_none());
    assert!(DmaBuffer::several(usize::MAX, 64).is_none());
}

#[test]
fn buffers_do_not_overlap() {
    has_memory(1);
    let mut buffers = DmaBuffer::several(40, 100).map_or(vec![], |_| panic!("needs two pages"));
    assert!(buffers.is_empty());
    buffers = DmaBuffer::several(32, 100).unwrap();
    for (tag, buffer) in buffers.iter_mut().enumerate() {
        buffer.fill(tag as u8);
    }
    for (tag, buffer) in buffers.iter().enumerate() {
        assert_eq!(buffer[..], [tag as u8; 100]);
    }
    drop(buffers);
    assert_eq!(unilith_mem_api::free_pages(), 1);
}
