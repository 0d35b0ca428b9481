//! What is read of a request, in pieces of all sizes.

use httpd::request::{HEAD_MAX, Persistence, Reader, Refusal, Request, decode};

type Seen = Result<(bool, Vec<u8>, Persistence), Refusal>;

fn own(request: Result<Request<'_>, Refusal>) -> Seen {
    request.map(|request| (request.head, request.path.to_vec(), request.persistence))
}

/// What a stream says that arrives in pieces of `piece` bytes.
fn read(stream: &[u8], piece: usize) -> Vec<Seen> {
    let (mut reader, mut seen) = (Reader::default(), vec![]);
    for mut bytes in stream.chunks(piece) {
        while !bytes.is_empty() {
            let (taken, request) = reader.read(bytes, own);
            assert!((1..=bytes.len()).contains(&taken), "{taken}");
            bytes = &bytes[taken..];
            seen.extend(request);
        }
    }
    seen
}

#[test]
fn requests_are_the_same_however_they_are_cut() {
    let stream = b"GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n\r\nHEAD / HTTP/1.0\nConnection: Keep-Alive\n\n\
        GET http://h HTTP/1.1\r\nhost:\r\nconnection: foo, Close\r\n\r\nPUT / HTTP/1.1\r\nHost: x\r\n\r\n";
    let expected = vec![
        Ok((false, b"/a".to_vec(), Persistence::Keep)),
        Ok((true, b"/".to_vec(), Persistence::Announce)),
        Ok((false, b"/".to_vec(), Persistence::Close)),
        Err(Refusal::MethodNotAllowed),
    ];
    for piece in 1..=stream.len() {
        assert_eq!(read(stream, piece), expected, "{piece}");
    }
}

#[test]
fn a_head_has_a_limit() {
    let head = |len: usize| {
        let start = b"GET / HTTP/1.1\r\nHost: ".to_vec();
        let fill = vec![b'x'; len - start.len() - 4];
        [start, fill, b"\r\n\r\n".to_vec()].concat()
    };
    for piece in [1, 1000, HEAD_MAX - 1, HEAD_MAX, 2 * HEAD_MAX] {
        assert!(read(&head(HEAD_MAX), piece)[0].is_ok(), "{piece}");
        assert_eq!(read(&head(HEAD_MAX + 1), piece)[0], Err(Refusal::HeadTooLarge), "{piece}");
    }
}

/// Every change of one byte, and every cut, gives an answer or none, and no panic.
#[test]
fn hostile_bytes_are_refused() {
    let good = b"GET /%41 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    for at in 0..good.len() {
        for byte in 0..=255 {
            let mut bad = good.to_vec();
            bad[at] = byte;
            for piece in [7, bad.len()] {
                for (_, path, _) in read(&bad, piece).into_iter().flatten() {
                    assert!(path.starts_with(b"/"));
                    let _ = decode(&path);
                }
            }
        }
    }
    assert_eq!(decode(b"/%41%2f%zz"), None);
    assert_eq!(decode(b"/%4"), None);
    assert_eq!(decode(b"/%41%2fx"), Some(b"/A/x".to_vec()));
}
