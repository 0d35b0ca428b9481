//! The files, and answers that are made of them.
//!
//! An answer is three pieces of memory that were there before: what does not depend on the
//! request is written once, when the files are found.

use crate::request::{Persistence, Refusal, Request, decode};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use unilith_cpio::Error;
use unilith_fs_api::{FileType, NodeRef};

/// Directories in directories, at most.
const DEPTH: usize = 32;
/// What a directory's own address shows.
const INDEX: &[u8] = b"index.html";

/// A file.
struct File {
    /// The answer's head, as far as it is the same for all requests.
    head: &'static [u8],
    data: &'static [u8],
}

/// Everything that is served.
pub struct Site {
    /// By path.
    files: BTreeMap<Vec<u8>, File>,
}

impl Site {
    /// The files of an archive, which stay where they are.
    pub fn load(archive: &'static [u8]) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        if !archive.is_empty() {
            walk(&unilith_cpio::root(archive)?, b"/", 0, &mut files);
        }
        Ok(Self { files })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    fn find(&self, path: &[u8]) -> Result<Option<&File>, Refusal> {
        if !path.contains(&b'%') {
            return Ok(self.files.get(path));
        }
        let path = decode(path).ok_or(Refusal::BadRequest)?;
        Ok(self.files.get(&path))
    }

    /// The answer to a request.
    pub fn answer(&self, request: Result<Request<'_>, Refusal>) -> Answer {
        let found = request.and_then(|request| Ok((request, self.find(request.path)?)));
        let (request, file) = match found {
            Ok(found) => found,
            Err(refusal) => return Answer { parts: [refused(refusal), b"", b""], closes: true },
        };
        let (head, body) = file.map_or(NOT_FOUND, |file| (file.head, file.data));
        let rest: &[u8] = match request.persistence {
            Persistence::Close => b"Connection: close\r\n\r\n",
            Persistence::Announce => b"Connection: keep-alive\r\n\r\n",
            Persistence::Keep => b"\r\n",
        };
        Answer {
            parts: [head, rest, if request.head { b"" } else { body }],
            closes: request.persistence == Persistence::Close,
        }
    }
}

fn walk(directory: &NodeRef, path: &[u8], depth: usize, files: &mut BTreeMap<Vec<u8>, File>) {
    let mut names = Vec::new();
    // In memory, nothing fails.
    let _ = directory.read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        true
    });
    for name in names {
        let Ok(node) = directory.lookup(&name) else { continue };
        let full = [path, &name].concat();
        match (node.file_type(), node.in_memory()) {
            (FileType::Directory, _) if depth < DEPTH => {
                walk(&node, &[full.as_slice(), b"/"].concat(), depth + 1, files);
            }
            (_, Some(data)) => {
                let head = head(&name, data.len()).leak().as_bytes();
                if name == INDEX {
                    files.insert(path.to_vec(), File { head, data });
                }
                files.insert(full, File { head, data });
            }
            _ => {}
        }
    }
}

fn head(name: &[u8], len: usize) -> String {
    let kind = media_type(name);
    format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n")
}

/// By the end of the name.
fn media_type(name: &[u8]) -> &'static str {
    match name.rsplit(|&byte| byte == b'.').next().unwrap_or_default() {
        b"html" => "text/html; charset=utf-8",
        b"css" => "text/css; charset=utf-8",
        b"js" => "text/javascript; charset=utf-8",
        b"txt" => "text/plain; charset=utf-8",
        b"json" => "application/json",
        b"svg" => "image/svg+xml",
        b"png" => "image/png",
        b"jpg" | b"jpeg" => "image/jpeg",
        _ => "application/octet-stream",
    }
}

const NOT_FOUND: (&[u8], &[u8]) = (
    b"HTTP/1.1 404 Not Found\r\nContent-Type: text/plain\r\nContent-Length: 22\r\n",
    b"There is nothing here\n",
);

fn refused(refusal: Refusal) -> &'static [u8] {
    macro_rules! head {
        ($status:literal) => {
            concat!("HTTP/1.1 ", $status, "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
                .as_bytes()
        };
    }
    match refusal {
        Refusal::BadRequest => head!("400 Bad Request"),
        Refusal::MethodNotAllowed => head!("405 Method Not Allowed\r\nAllow: GET, HEAD"),
        Refusal::ContentTooLarge => head!("413 Content Too Large"),
        Refusal::HeadTooLarge => head!("431 Request Header Fields Too Large"),
        Refusal::Version => head!("505 HTTP Version Not Supported"),
    }
}

/// What is still to be sent of an answer.
#[derive(Clone, Copy, Default)]
pub struct Answer {
    parts: [&'static [u8]; 3],
    closes: bool,
}

impl Answer {
    /// All of it was sent.
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.is_empty())
    }

    /// It is the last one of its connection.
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Moves as much of it as there is room for; how much.
    pub fn fill(&mut self, mut room: &mut [u8]) -> usize {
        let mut total = 0;
        for part in &mut self.parts {
            let (now, later) = part.split_at(part.len().min(room.len()));
            let (filled, rest) = room.split_at_mut(now.len());
            filled.copy_from_slice(now);
            (*part, room) = (later, rest);
            total += now.len();
        }
        total
    }
}
