//! Servers that lie: no panic, no endless loop.

use proptest::prelude::*;
use server::{Scratch, Server};
use std::sync::Arc;
use std::sync::Mutex;
use unilith_fs_api::{MetadataChange, NodeRef};
use unilith_p9_api::{Channel, ChannelError};

mod server;

/// Exchanges after which the server does not answer any more. Only so many that a loop shows.
const PATIENCE: usize = 20_000;

/// Does to the answers of an honest server what the bytes say.
struct Liar {
    server: Server,
    lies: Mutex<Vec<u8>>,
    exchanges: Mutex<usize>,
}

impl Channel for Liar {
    fn limit(&self) -> usize {
        8192
    }

    fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError> {
        *self.exchanges.lock().expect("not poisoned") += 1;
        assert!(*self.exchanges.lock().expect("not poisoned") < PATIENCE, "it goes on for ever");
        // The session itself is set up honestly: else nothing of it is tested.
        let honest = matches!(request[4], 100 | 104);
        let lie = if honest { None } else { self.lies.lock().expect("not poisoned").pop() };
        let len = self.server.exchange(request, reply)?;
        let random = || self.lies.lock().expect("not poisoned").pop().unwrap_or(7) as usize;
        match lie {
            Some(0..=15) => Err(ChannelError::Broken),
            Some(16..=31) => Ok(random()),
            Some(32..=63) => {
                // Lengths, counts and numbers are in the first bytes.
                let at = 7 + random() % len.saturating_sub(7).clamp(1, 40);
                if at < len {
                    reply[at] ^= 1 << (random() % 8);
                }
                Ok(len)
            }
            Some(64..=79) => {
                let at = random() % len;
                reply[at] = random() as u8;
                Ok(len)
            }
            Some(80..=95) => {
                reply[..len].iter_mut().skip(7).for_each(|byte| *byte = random() as u8);
                Ok(len)
            }
            Some(96..=103) => {
                // An answer to something else, of the right form otherwise.
                reply[4] = reply[4].wrapping_add((random() as u8) & 0xfe);
                Ok(len)
            }
            Some(104..=111) => {
                let len = len + random() % 64;
                let len = len.min(reply.len());
                reply[..4].copy_from_slice(&(len as u32).to_le_bytes());
                Ok(len)
            }
            _ => Ok(len),
        }
    }
}

fn use_it(root: &NodeRef) {
    let list = |node: &NodeRef| {
        let mut names = Vec::new();
        let _ = node.read_dir(0, &mut |entry| {
            names.push(entry.name.to_vec());
            names.len() < 10_000
        });
    };
    let _ = root.metadata();
    let _ = root.create_dir(b"d", 0o755);
    let _ = root.create_symlink(b"l", b"target");
    if let Ok(file) = root.create(b"f", 0o644) {
        let _ = file.write_at(3, &[7; 20_000]);
        let _ = file.read_at(0, &mut [0; 30_000]);
        let _ = file.sync();
        let _ = file.truncate(5);
        let _ = file.set_metadata(&MetadataChange::default());
        let _ = file.metadata();
        let _ = root.link(b"g", &file);
        let _ = root.unlink(b"f");
        let _ = (file.metadata(), file.statfs());
    }
    for name in [&b"d"[..], b"l", b"f", b"g", b"x"] {
        let Ok(node) = root.lookup(name) else { continue };
        let _ = (node.metadata(), node.read_link(), node.read_at(0, &mut [0; 10]));
        list(&node);
        let _ = node.parent().map(|parent| parent.id());
        let vfs = unilith_vfs::Vfs::new();
        vfs.mount(b"/", root.clone()).expect("mounted");
        let _ = vfs.path_of(&node);
    }
    list(root);
    let _ = root.rename(b"g", root, b"h", true);
    let _ = root.rename(b"d", root, b"e", false);
    let _ = root.remove_dir(b"e");
    let _ = root.unlink(b"h");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    #[test]
    fn no_lie_panics(lies in prop::collection::vec(any::<u8>(), 0..300)) {
        let scratch = Scratch::new();
        let mut server = Server::new(&scratch.0);
        server.strict = false;
        let liar = Liar { server, lies: Mutex::new(lies), exchanges: Mutex::new(0) };
        if let Ok(root) = unilith_9p::root(Arc::new(liar)) {
            use_it(&root);
        }
    }

    #[test]
    fn no_noise_panics(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        struct Noise(Mutex<Vec<u8>>);
        impl Channel for Noise {
            fn limit(&self) -> usize {
                4096
            }
            fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError> {
                let mut noise = self.0.lock().expect("not poisoned");
                let len = noise.pop().ok_or(ChannelError::Broken)? as usize;
                reply[..7].copy_from_slice(&request[..7]);
                reply[4] += 1;
                for byte in &mut reply[7..len.max(7)] {
                    *byte = noise.pop().unwrap_or(0);
                }
                reply[..4].copy_from_slice(&(len as u32).to_le_bytes());
                Ok(len)
            }
        }
        if let Ok(root) = unilith_9p::root(Arc::new(Noise(Mutex::new(noise)))) {
            use_it(&root);
        }
    }
}

/// A directory in which each answer says that it goes on.
#[test]
fn a_listing_ends() {
    struct Endless(Server, Mutex<usize>);
    impl Channel for Endless {
        fn limit(&self) -> usize {
            8192
        }
        fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError> {
            if request[4] != 40 {
                return self.0.exchange(request, reply);
            }
            let mut count = self.1.lock().expect("not poisoned");
            *count += 1;
            let name = format!("{}", *count);
            let size = 7 + 4 + 24 + name.len();
            let mut out = (size as u32).to_le_bytes().to_vec();
            out.push(41);
            out.extend(&request[5..7]);
            out.extend((24 + name.len() as u32).to_le_bytes());
            out.extend([0; 5]);
            out.extend((*count as u64).to_le_bytes());
            out.extend((*count as u64).to_le_bytes());
            out.push(8);
            out.extend((name.len() as u16).to_le_bytes());
            out.extend(name.bytes());
            reply[..size].copy_from_slice(&out);
            Ok(size)
        }
    }
    let scratch = Scratch::new();
    let endless = Endless(Server::new(&scratch.0), Mutex::new(0));
    let root = unilith_9p::root(Arc::new(endless)).expect("a server");
    assert_eq!(root.read_dir(0, &mut |_| true), Err(unilith_fs_api::FsError::Io));
}
