//! The 9P transport against a device in software.

use unilith_p9_api::{Channel, ChannelError};
use unilith_virtio_9p::Server;
use unilith_virtio_model::{Model, free_pages, has_memory, on_block, on_probe};

const MOUNT_TAG: u64 = 1;

fn model() -> Model {
    Model::new(9, MOUNT_TAG, b"\x04\x00data", 1, 128)
}

/// A server that answers while one waits: the request backwards, in as much room as there is.
fn server() -> (Model, Server) {
    let model = model();
    let device = model.clone();
    on_block(move || {
        device.serve(0, |mut request, _| {
            request.reverse();
            request
        });
    });
    let server = Server::new(model.transport()).unwrap();
    (model, server)
}

#[test]
fn it_has_a_tag() {
    let (_model, server) = server();
    assert_eq!(server.tag(), b"data");
    let nameless = Model::new(9, 0, &[], 1, 128);
    assert_eq!(Server::new(nameless.transport()).unwrap().tag(), b"");
}

#[test]
fn messages_are_answered() {
    let (_model, server) = server();
    assert_eq!(server.limit(), 65536);
    for len in [7, 100, 4096, 65536] {
        let request: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
        let mut reply = vec![0; 65536];
        assert_eq!(server.exchange(&request, &mut reply), Ok(len));
        reply.truncate(len);
        reply.reverse();
        assert!(reply == request);
    }
}

#[test]
fn the_room_for_a_reply_is_the_callers() {
    let (model, server) = server();
    on_block(move || {
        model.serve(0, |_, room| vec![9; room]);
    });
    let mut reply = vec![0; 100_000];
    assert_eq!(server.exchange(&[1; 7], &mut reply[..50]), Ok(50));
    assert_eq!(reply[49..51], [9, 0]);
    assert_eq!(server.exchange(&[1; 7], &mut reply), Ok(65536));
}

#[test]
fn messages_of_a_wrong_length_are_refused() {
    let (model, server) = server();
    let mut reply = [0; 100];
    assert_eq!(server.exchange(&[0; 65537], &mut reply), Err(ChannelError::TooLong));
    assert_eq!(model.notified(0), 0);
    // A reply that is no message.
    on_block(move || {
        model.serve(0, |_, _| vec![1; 6]);
    });
    assert_eq!(server.exchange(&[0; 7], &mut reply), Err(ChannelError::Broken));
}

#[test]
fn a_server_that_is_broken_or_silent_is_said_to_be() {
    let (model, server) = server();
    let mut reply = [0; 100];
    on_block(|| {});
    assert_eq!(server.exchange(&[0; 7], &mut reply), Err(ChannelError::Broken));
    on_block(move || {
        model.push(0, 77, 7);
    });
    assert_eq!(server.exchange(&[0; 7], &mut reply), Err(ChannelError::Broken));
    assert_eq!(server.exchange(&[0; 7], &mut reply), Err(ChannelError::Broken));
}

#[test]
fn memory_is_taken_by_the_first_message() {
    has_memory(100);
    let (_model, server) = server();
    assert!(free_pages() >= 99);
    server.exchange(&[0; 7], &mut [0; 100]).unwrap();
    server.exchange(&[0; 7], &mut [0; 100]).unwrap();
    assert!(free_pages() >= 67);
}

#[test]
fn servers_are_found_by_their_tags() {
    on_probe(|device_type| match device_type {
        9 => vec![model().transport()],
        _ => vec![],
    });
    assert!(unilith_virtio_9p::channel(b"other").is_none());
    let channel = unilith_virtio_9p::channel(b"data").unwrap();
    assert_eq!(channel.limit(), 65536);
    (unilith_virtio_9p::POLLER.run)();
    assert_eq!((unilith_virtio_9p::POLLER.arm)(), u64::MAX);
}
