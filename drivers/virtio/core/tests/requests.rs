//! Questions that are waited for.

use unilith_virtio::{Device, Error, Layout, Requests};
use unilith_virtio_model::{Model, has_memory, on_block};

const PATIENCE: u64 = 10_000_000_000;

fn requests(slots: usize) -> (Model, Requests) {
    let model = Model::new(9, 0, &[], 1, 16);
    let device = Device::start(model.transport(), 0).unwrap();
    let queue = device.queue(0, 16).unwrap();
    let requests = Requests::new(device, queue, slots, 64, PATIENCE).unwrap();
    requests.device().ready();
    (model, requests)
}

fn ask(requests: &Requests, question: u8) -> Result<Vec<u8>, Error> {
    let write = |buffer: &mut [u8]| {
        buffer[..4].fill(question);
        Layout { readable: 0..4, writable: 4..12 }
    };
    requests.exchange(write, |bytes, written| bytes[..written].to_vec())
}

#[test]
fn an_answer_comes_while_waiting() {
    let (model, requests) = requests(2);
    let device = model.clone();
    on_block(move || {
        device.serve(0, |question, room| vec![question[0] + 1; room]);
    });
    for question in 0..100 {
        assert_eq!(ask(&requests, question), Ok(vec![question + 1; 8]));
    }
    assert_eq!(model.notified(0), 100);
}

#[test]
fn a_device_that_does_not_answer_is_given_up_after_a_time() {
    let (model, requests) = requests(2);
    on_block(|| {});
    assert_eq!(ask(&requests, 1), Err(Error::TimedOut));
    assert_eq!(ask(&requests, 2), Err(Error::TimedOut));
    // Both buffers are with the device.
    assert_eq!(ask(&requests, 3), Err(Error::TimedOut));
    // It wakes up: the late answers are nobody's, and the next question gets its own.
    on_block(move || {
        model.serve(0, |question, _| question);
    });
    assert_eq!(ask(&requests, 4), Ok(vec![4; 4]));
    assert_eq!(ask(&requests, 5), Ok(vec![5; 4]));
}

#[test]
fn a_broken_device_answers_nobody() {
    let (model, requests) = requests(2);
    on_block(move || {
        if model.pop(0).is_some() {
            model.push(0, 12345, 0);
        }
    });
    assert_eq!(ask(&requests, 1), Err(Error::Broken));
    assert_eq!(ask(&requests, 1), Err(Error::Broken));
    assert!(!requests.arm());
}

#[test]
fn memory_is_taken_when_needed_and_its_lack_is_an_error() {
    has_memory(1);
    let (model, requests) = requests(2);
    assert_eq!(ask(&requests, 1), Err(Error::NoMemory));
    has_memory(1);
    on_block(move || {
        model.serve(0, |question, _| question);
    });
    for question in 0..10 {
        assert_eq!(ask(&requests, question), Ok(vec![question; 4]));
    }
    assert_eq!(unilith_mem_api::free_pages(), 0);
}

#[test]
fn a_layout_outside_of_the_buffer_is_refused() {
    let (_model, requests) = requests(1);
    for layout in [
        Layout { readable: 0..65, writable: 0..0 },
        Layout { readable: 0..1, writable: 64..65 },
        Layout { readable: 0..0, writable: 0..0 },
    ] {
        assert_eq!(requests.exchange(|_| layout, |_, _| ()), Err(Error::Invalid));
    }
}

#[test]
fn interrupts_are_wanted_only_while_somebody_waits() {
    let (model, requests) = requests(1);
    assert!(!requests.arm());
    assert_eq!(model.acknowledged(), 0);
    let (device, requests) = (model.clone(), std::sync::Arc::new(requests));
    let waiting = requests.clone();
    on_block(move || {
        assert!(!waiting.arm());
        let chain = device.pop(0).unwrap();
        assert!(device.push(0, chain.head.into(), 0), "an interrupt ends the halt");
        assert!(waiting.arm(), "it has arrived");
    });
    assert_eq!(ask(&requests, 1), Ok(vec![]));
    assert_eq!(model.acknowledged(), 2);
}
