//! The block device against one in software.

use std::cell::RefCell;
use std::rc::Rc;
use unilith_block_api::{BlockDevice, BlockError};
use unilith_virtio::Error;
use unilith_virtio_blk::Disk;
use unilith_virtio_model::{Model, on_block, on_probe};

const SIZE_MAX: u64 = 1 << 1;
const RO: u64 = 1 << 5;
const FLUSH: u64 = 1 << 9;

const SECTORS: usize = 1000;

/// The medium, and the kinds of requests that came.
#[derive(Clone)]
struct Medium {
    bytes: Rc<RefCell<Vec<u8>>>,
    requests: Rc<RefCell<Vec<(u32, u64, usize)>>>,
}

/// A disk of 1000 sectors, each filled with its number, whose device answers while one waits.
fn disk(features: u64, segment: u32) -> (Model, Medium, Disk) {
    let mut config = (SECTORS as u64).to_le_bytes().to_vec();
    config.extend(segment.to_le_bytes());
    let model = Model::new(2, features, &config, 1, 128);
    let bytes = (0..SECTORS).flat_map(|sector| [sector as u8; 512]).collect();
    let medium = Medium { bytes: Rc::new(RefCell::new(bytes)), requests: Rc::default() };
    let (device, served) = (model.clone(), medium.clone());
    on_block(move || {
        device.serve(0, |request, room| serve(&served, &request, room));
    });
    let disk = Disk::new(model.transport()).unwrap();
    (model, medium, disk)
}

fn serve(medium: &Medium, request: &[u8], room: usize) -> Vec<u8> {
    let kind = u32::from_le_bytes(request[..4].try_into().unwrap());
    let sector = u64::from_le_bytes(request[8..16].try_into().unwrap());
    let data = &request[16..];
    medium.requests.borrow_mut().push((kind, sector, data.len().max(room - 1)));
    let start = sector as usize * 512;
    let mut bytes = medium.bytes.borrow_mut();
    match kind {
        0 => [&bytes[start..start + room - 1], &[0]].concat(),
        1 => {
            assert_eq!(room, 1);
            bytes[start..start + data.len()].copy_from_slice(data);
            vec![0]
        }
        4 => vec![0],
        _ => vec![2],
    }
}

#[test]
fn what_was_written_is_read_back() {
    let (_model, medium, disk) = disk(FLUSH, 0);
    assert_eq!((disk.sectors(), disk.is_read_only()), (1000, false));
    let mut sectors = [0; 1024];
    disk.read(7, &mut sectors).unwrap();
    assert_eq!((sectors[..512] == [7; 512], sectors[512..] == [8; 512]), (true, true));
    let data: Vec<u8> = (0..1536u32).map(|i| (i % 253) as u8).collect();
    disk.write(997, &data).unwrap();
    disk.flush().unwrap();
    let mut back = vec![0; 1536];
    disk.read(997, &mut back).unwrap();
    assert_eq!(back, data);
    assert_eq!(medium.bytes.borrow()[997 * 512..], data);
    disk.read(996, &mut back[..512]).unwrap();
    assert_eq!(back[..512], [(996 % 256) as u8; 512]);
    let kinds: Vec<u32> = medium.requests.borrow().iter().map(|request| request.0).collect();
    assert_eq!(kinds, [0, 1, 4, 0, 0]);
}

#[test]
fn long_ones_become_several_requests() {
    let (_model, medium, disk) = disk(0, 0);
    let mut all = vec![0; SECTORS * 512];
    disk.read(0, &mut all).unwrap();
    assert!(all == *medium.bytes.borrow());
    assert_eq!(medium.requests.borrow().len(), (SECTORS * 512usize).div_ceil(65536));
    all.reverse();
    disk.write(0, &all).unwrap();
    assert!(all == *medium.bytes.borrow());

    // As the device wants them: 4 KiB with header or status are too much for it.
    let (_model, medium, disk) = self::disk(SIZE_MAX, 4096);
    disk.read(0, &mut all[..8192]).unwrap();
    let lens: Vec<usize> = medium.requests.borrow().iter().map(|request| request.2).collect();
    assert_eq!(lens, [3584, 3584, 1024]);
    let model = Model::new(2, SIZE_MAX, &[0; 16], 1, 128);
    assert_eq!(Disk::new(model.transport()).err(), Some(Error::Unsupported));
}

#[test]
fn what_is_not_on_the_disk_is_refused() {
    let (_model, medium, disk) = disk(0, 0);
    let mut buffer = [0; 1024];
    for (sector, len) in [(999, 1024), (1000, 512), (u64::MAX, 1024), (0, 511), (1001, 0)] {
        assert_eq!(disk.read(sector, &mut buffer[..len]), Err(BlockError::Invalid));
        assert_eq!(disk.write(sector, &buffer[..len]), Err(BlockError::Invalid));
    }
    assert_eq!(disk.read(1000, &mut []), Ok(()));
    assert!(medium.requests.borrow().is_empty());
}

#[test]
fn a_disk_that_cannot_be_written_to_is_not() {
    let (_model, medium, disk) = disk(RO, 0);
    assert!(disk.is_read_only());
    assert_eq!(disk.write(0, &[0; 512]), Err(BlockError::ReadOnly));
    // Without a cache there is nothing to flush.
    assert_eq!(disk.flush(), Ok(()));
    assert!(medium.requests.borrow().is_empty());
}

#[test]
fn failures_of_the_device_are_errors() {
    let (model, _medium, disk) = disk(0, 0);
    let mut buffer = [0; 512];
    // A medium error, an unknown request, no status, a status too early.
    let answers: [(&[u8], _); 4] = [
        (&[1; 513], BlockError::Io),
        (&[2; 513], BlockError::Unsupported),
        (&[], BlockError::Io),
        (&[0; 512], BlockError::Io),
    ];
    for (answer, error) in answers {
        let device = model.clone();
        on_block(move || {
            device.serve(0, |_, _| answer.to_vec());
        });
        assert_eq!(disk.read(0, &mut buffer), Err(error));
    }
    on_block(move || {
        model.push(0, 999, 0);
    });
    assert_eq!(disk.read(0, &mut buffer), Err(BlockError::Io));
    assert_eq!(disk.write(0, &buffer), Err(BlockError::Io));
}

#[test]
fn a_disk_that_does_not_answer_is_given_up() {
    let (_model, _medium, disk) = disk(0, 0);
    on_block(|| {});
    assert_eq!(disk.read(0, &mut [0; 512]), Err(BlockError::Io));
}

#[test]
fn the_poller_looks_at_disks_in_use() {
    (unilith_virtio_blk::POLLER.run)();
    assert_eq!((unilith_virtio_blk::POLLER.arm)(), u64::MAX);
    on_probe(|device_type| {
        let disks = if device_type == 2 { 2 } else { 0 };
        (0..disks).map(|_| Model::new(2, 0, &[1; 16], 1, 128).transport()).collect()
    });
    assert_eq!(unilith_virtio_blk::disks().len(), 2);
    (unilith_virtio_blk::POLLER.run)();
    assert_eq!((unilith_virtio_blk::POLLER.arm)(), u64::MAX);
}
