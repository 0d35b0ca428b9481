//! The entropy device against one in software.

use unilith_virtio::Error;
use unilith_virtio_model::{Model, on_block, on_probe};
use unilith_virtio_rng::Rng;

/// A device that gives bytes that count up, at most `most` at a time.
fn rng(most: usize) -> (Model, Rng) {
    let model = Model::new(4, 0, &[], 1, 8);
    let (device, mut next) = (model.clone(), 0u8);
    on_block(move || {
        device.serve(0, |_, room| {
            let count = room.min(most) as u8;
            next = next.wrapping_add(count);
            (0..count).map(|i| next.wrapping_sub(count - i)).collect()
        });
    });
    let rng = Rng::new(model.transport()).unwrap();
    (model, rng)
}

#[test]
fn bytes_are_gathered_until_there_are_enough() {
    for most in [1, 7, 200] {
        let (_model, rng) = rng(most);
        let mut bytes = [0; 1000];
        rng.fill(&mut bytes).unwrap();
        let expected: Vec<u8> = (0..1000).map(|i| i as u8).collect();
        assert_eq!(bytes[..], expected);
        rng.fill(&mut []).unwrap();
    }
}

#[test]
fn a_device_that_gives_nothing_is_an_error() {
    let (model, rng) = rng(0);
    assert_eq!(rng.fill(&mut [0; 4]), Err(Error::Broken));
    on_block(|| {});
    assert_eq!(rng.fill(&mut [0; 4]), Err(Error::TimedOut));
    on_block(move || {
        model.push(0, 0, u32::MAX);
    });
    assert_eq!(rng.fill(&mut [0; 4]), Err(Error::Broken));
}

#[test]
fn the_first_that_works_is_taken() {
    on_probe(|device_type| match device_type {
        4 => vec![Model::new(4, 0, &[], 0, 8).transport(), Model::new(4, 0, &[], 1, 8).transport()],
        _ => vec![],
    });
    assert!(unilith_virtio_rng::first().is_some());
    (unilith_virtio_rng::POLLER.run)();
    assert_eq!((unilith_virtio_rng::POLLER.arm)(), u64::MAX);
}
