//! Whatever a device writes to the rings: no panic, no endless loop, no memory lost or used twice.

use proptest::prelude::*;
use std::collections::BTreeSet;
use unilith_virtio::{Device, DmaBuffer, Queue, feature};
use unilith_virtio_model::{Model, has_memory};

#[derive(Clone, Debug)]
enum Step {
    Submit(usize),
    Notify,
    Arm,
    Complete,
    Answer,
    Push(u32, u32),
    UsedIndex(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0usize..3).prop_map(Step::Submit),
        1 => Just(Step::Notify),
        1 => Just(Step::Arm),
        4 => Just(Step::Complete),
        4 => Just(Step::Answer),
        1 => (prop_oneof![0u32..10, any::<u32>()], prop_oneof![0u32..10, any::<u32>()])
            .prop_map(|(head, len)| Step::Push(head, len)),
        1 => any::<u16>().prop_map(Step::UsedIndex),
    ]
}

fn submit(queue: &mut Queue, tag: u16, readable: usize) {
    let Some(buffer) = DmaBuffer::new(8) else { return };
    let ranges = [0..2, 2..4];
    let _ = queue.submit(buffer, tag, &ranges[..readable], std::slice::from_ref(&(4..8)));
}

proptest! {
    #[test]
    fn a_hostile_device_only_breaks_itself(
        steps in proptest::collection::vec(step(), 1..200),
        event_idx: bool,
    ) {
        has_memory(1000);
        let features = if event_idx { feature::EVENT_IDX } else { 0 };
        let model = Model::new(1, features, &[], 1, 8);
        let device = Device::start(model.transport(), 0).unwrap();
        let mut queue = device.queue(0, 8).unwrap();
        device.ready();
        let (mut tag, mut out) = (0, BTreeSet::new());
        for step in steps {
            match step {
                Step::Submit(readable) => {
                    let before = queue.in_flight();
                    submit(&mut queue, tag, readable);
                    if queue.in_flight() > before {
                        out.insert(tag);
                        tag += 1;
                    }
                }
                Step::Notify => queue.notify(),
                Step::Arm => _ = queue.arm(),
                Step::Complete => {
                    if let Ok(Some(back)) = queue.complete() {
                        prop_assert!(out.remove(&back.tag), "a buffer came back twice");
                        prop_assert!(back.written <= 4);
                        prop_assert_eq!(back.buffer.len(), 8);
                    }
                }
                // A chain that was damaged by wrong pushes is the device's own problem.
                Step::Answer => _ = model.pop(0).map(|c| model.push(0, c.head.into(), 4)),
                Step::Push(head, len) => _ = model.push(0, head, len),
                Step::UsedIndex(index) => model.set_used_index(0, index),
            }
            prop_assert_eq!(usize::from(queue.in_flight()), out.len());
        }
        drop((queue, device));
        prop_assert_eq!(unilith_mem_api::free_pages(), 1000);
    }
}
