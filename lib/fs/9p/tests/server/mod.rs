//! A 9P2000.L server over a directory of the host, as QEMU's local file system driver is: what is
//! open is a file, every other fid is a path, which follows when something is renamed.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};
use unilith_p9_api::{Channel, ChannelError};

struct Mounts;

impl unilith_fakes::Machine for Mounts {
    fn command_line() -> &'static [u8] {
        b"9p.mount=data:/a/b 9p.mount=none:/c"
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Mounts>);

/// A directory that is removed with what is in it.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("unilith-9p-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a new directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

enum Open {
    No,
    File(File),
    Directory(Vec<(u64, u8, Vec<u8>)>),
}

struct Fid {
    path: PathBuf,
    open: Open,
}

#[derive(Default)]
struct State {
    fids: BTreeMap<u32, Fid>,
    msize: usize,
}

pub struct Server {
    root: PathBuf,
    pub limit: usize,
    /// Large, like those of ext4.
    pub large_offsets: bool,
    /// What no correct client says is a failure of the test.
    pub strict: bool,
    state: Mutex<State>,
    pub exchanges: AtomicUsize,
    pub syncs: AtomicUsize,
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn bytes(&mut self, len: usize) -> &'a [u8] {
        let (bytes, rest) = self.0.split_at(len);
        self.0 = rest;
        bytes
    }
    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.bytes(2).try_into().expect("two bytes"))
    }
    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.bytes(4).try_into().expect("four bytes"))
    }
    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes(8).try_into().expect("eight bytes"))
    }
    fn string(&mut self) -> &'a str {
        let len = self.u16();
        std::str::from_utf8(self.bytes(len.into())).expect("text")
    }
}

fn qid(out: &mut Vec<u8>, about: &fs::Metadata) {
    let kind = match about.file_type() {
        kind if kind.is_dir() => 0x80,
        kind if kind.is_symlink() => 2,
        _ => 0,
    };
    out.push(kind);
    out.extend((about.mtime() as u32).to_le_bytes());
    out.extend(about.ino().to_le_bytes());
}

/// Inode numbers, types and names.
fn listing(path: &Path) -> io::Result<Vec<(u64, u8, Vec<u8>)>> {
    let own = fs::metadata(path)?.ino();
    let mut entries = vec![(own, 4, b".".to_vec()), (own, 4, b"..".to_vec())];
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let about = entry.metadata()?;
        let name = entry.file_name().into_encoded_bytes();
        entries.push((about.ino(), (about.mode() >> 12) as u8, name));
    }
    Ok(entries)
}

fn number(error: &io::Error) -> u32 {
    error.raw_os_error().unwrap_or(5) as u32
}

impl Server {
    pub fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            limit: 64 * 1024,
            large_offsets: false,
            strict: true,
            state: Mutex::default(),
            exchanges: AtomicUsize::new(0),
            syncs: AtomicUsize::new(0),
        }
    }

    /// Fids that the client holds.
    pub fn fids(&self) -> usize {
        self.state.lock().expect("not poisoned").fids.len()
    }

    fn walk(&self, from: &Path, name: &str) -> PathBuf {
        match name {
            ".." if from == self.root => from.to_owned(),
            ".." => from.parent().expect("below the root").to_owned(),
            name => from.join(name),
        }
    }

    fn answer(&self, kind: u8, input: &mut Input<'_>, out: &mut Vec<u8>) -> io::Result<()> {
        let mut state = self.state.lock().expect("not poisoned");
        let bad = || io::Error::from_raw_os_error(9);
        if kind == 100 {
            let msize = input.u32();
            assert_eq!(input.string(), "9P2000.L");
            *state = State { msize: msize as usize, ..State::default() };
            out.extend(msize.to_le_bytes());
            out.extend(8u16.to_le_bytes());
            out.extend(b"9P2000.L");
            return Ok(());
        }
        let number = input.u32();
        if kind == 104 {
            assert_eq!(input.u32(), u32::MAX);
            let fid = Fid { path: self.root.clone(), open: Open::No };
            assert!(state.fids.insert(number, fid).is_none(), "the fid is in use");
            qid(out, &fs::symlink_metadata(&self.root)?);
            return Ok(());
        }
        if kind == 120 {
            return state.fids.remove(&number).map(drop).ok_or_else(bad);
        }
        let path = state.fids.get(&number).ok_or_else(bad)?.path.clone();
        match kind {
            8 => {
                out.extend([0x0102_1994u32, 4096].map(u32::to_le_bytes).concat());
                out.extend([100u64, 50, 40, 9, 8, 7].map(u64::to_le_bytes).concat());
                out.extend(255u32.to_le_bytes());
            }
            12 => {
                let flags = input.u32();
                let about = fs::metadata(&path)?;
                let open = if about.is_dir() {
                    Open::Directory(listing(&path)?)
                } else {
                    assert!(flags & !3 == 0 || !self.strict);
                    let mut options = OpenOptions::new();
                    options.read(flags & 3 != 1).write(flags & 3 != 0);
                    Open::File(options.open(&path)?)
                };
                qid(out, &about);
                out.extend(0u32.to_le_bytes());
                state.fids.get_mut(&number).ok_or_else(bad)?.open = open;
            }
            14 => {
                let path = path.join(input.string());
                let (flags, mode) = (input.u32(), input.u32());
                assert_eq!(flags, 0o302);
                let mut options = OpenOptions::new();
                let file =
                    options.read(true).write(true).create_new(true).mode(mode).open(&path)?;
                qid(out, &file.metadata()?);
                out.extend(0u32.to_le_bytes());
                state.fids.insert(number, Fid { path, open: Open::File(file) });
            }
            16 => {
                let path = path.join(input.string());
                std::os::unix::fs::symlink(input.string(), &path)?;
                qid(out, &fs::symlink_metadata(&path)?);
            }
            22 => {
                let target = fs::read_link(&path)?.into_os_string().into_encoded_bytes();
                out.extend((target.len() as u16).to_le_bytes());
                out.extend(target);
            }
            24 => {
                let about = fs::symlink_metadata(&path)?;
                out.extend(0x7ffu64.to_le_bytes());
                qid(out, &about);
                out.extend([about.mode(), about.uid(), about.gid()].map(u32::to_le_bytes).concat());
                out.extend(
                    [about.nlink(), about.rdev(), about.len(), about.blksize(), about.blocks()]
                        .map(u64::to_le_bytes)
                        .concat(),
                );
                for (seconds, nanoseconds) in [
                    (about.atime(), about.atime_nsec()),
                    (about.mtime(), about.mtime_nsec()),
                    (about.ctime(), about.ctime_nsec()),
                    (0, 0),
                ] {
                    out.extend([seconds, nanoseconds].map(i64::to_le_bytes).concat());
                }
                out.extend([0; 16]);
            }
            26 => {
                let valid = input.u32();
                let (mode, _uid, _gid, size) = (input.u32(), input.u32(), input.u32(), input.u64());
                if valid & 1 != 0 {
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
                }
                if valid & 8 != 0 {
                    OpenOptions::new().write(true).open(&path)?.set_len(size)?;
                }
                let _accessed = (input.u64(), input.u64());
                let modified = Duration::new(input.u64(), input.u64() as u32);
                if valid & 0x120 == 0x120 || valid & 0x100 != 0 {
                    let times = FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + modified);
                    File::open(&path)?.set_times(times)?;
                }
            }
            40 => {
                let (offset, count) = (input.u64(), input.u32() as usize);
                let fid = state.fids.get_mut(&number).ok_or_else(bad)?;
                let Open::Directory(entries) = &mut fid.open else { return Err(bad()) };
                if offset == 0 {
                    *entries = listing(&path)?; // rewinddir(3)
                }
                let base = if self.large_offsets { 1 << 62 } else { 0 };
                let first = offset.saturating_sub(base) as usize;
                let mut data = Vec::new();
                for (index, (inode, kind, name)) in entries.iter().enumerate().skip(first) {
                    if data.len() + 24 + name.len() > count {
                        break;
                    }
                    data.extend([0; 5]);
                    data.extend(inode.to_le_bytes());
                    data.extend((base + index as u64 + 1).to_le_bytes());
                    data.push(*kind);
                    data.extend((name.len() as u16).to_le_bytes());
                    data.extend(name);
                }
                out.extend((data.len() as u32).to_le_bytes());
                out.extend(data);
            }
            50 => match &state.fids.get(&number).ok_or_else(bad)?.open {
                Open::No => return Err(bad()),
                Open::File(file) => {
                    file.sync_all()?;
                    self.syncs.fetch_add(1, Relaxed);
                }
                Open::Directory(_) => {
                    self.syncs.fetch_add(1, Relaxed);
                }
            },
            70 => {
                let file = state.fids.get(&input.u32()).ok_or_else(bad)?.path.clone();
                fs::hard_link(file, path.join(input.string()))?;
            }
            72 => {
                let path = path.join(input.string());
                fs::DirBuilder::new().mode(input.u32()).create(&path)?;
                qid(out, &fs::symlink_metadata(&path)?);
            }
            74 => {
                let from = path.join(input.string());
                let dir = state.fids.get(&input.u32()).ok_or_else(bad)?.path.clone();
                let to = dir.join(input.string());
                fs::rename(&from, &to)?;
                for fid in state.fids.values_mut() {
                    if let Ok(rest) = fid.path.strip_prefix(&from) {
                        fid.path = if rest == Path::new("") { to.clone() } else { to.join(rest) };
                    }
                }
            }
            76 => {
                let path = path.join(input.string());
                match input.u32() {
                    0 => fs::remove_file(path)?,
                    _ => fs::remove_dir(path)?,
                }
            }
            110 => {
                let new = input.u32();
                let mut path = path;
                let count = input.u16();
                let mut qids = Vec::new();
                for _ in 0..count {
                    path = self.walk(&path, input.string());
                    qid(&mut qids, &fs::symlink_metadata(&path)?);
                }
                out.extend(count.to_le_bytes());
                out.extend(qids);
                let fid = Fid { path, open: Open::No };
                let old = state.fids.insert(new, fid);
                assert!(old.is_none() || !self.strict, "the fid is in use");
            }
            116 => {
                let (offset, count) = (input.u64(), input.u32() as usize);
                assert!(count + 24 <= state.msize);
                let Some(Fid { open: Open::File(file), .. }) = state.fids.get(&number) else {
                    return Err(bad());
                };
                let mut data = vec![0; count];
                let got = file.read_at(&mut data, offset)?;
                out.extend((got as u32).to_le_bytes());
                out.extend(&data[..got]);
            }
            118 => {
                let (offset, count) = (input.u64(), input.u32() as usize);
                let Some(Fid { open: Open::File(file), .. }) = state.fids.get(&number) else {
                    return Err(bad());
                };
                let put = file.write_at(input.bytes(count), offset)?;
                out.extend((put as u32).to_le_bytes());
            }
            kind => panic!("message {kind} is not used"),
        }
        Ok(())
    }
}

impl Channel for Server {
    fn limit(&self) -> usize {
        self.limit
    }

    fn exchange(&self, request: &[u8], reply: &mut [u8]) -> Result<usize, ChannelError> {
        self.exchanges.fetch_add(1, Relaxed);
        assert!(request.len() <= self.limit && reply.len() <= self.limit);
        assert_eq!(
            request.len(),
            u32::from_le_bytes(request[..4].try_into().expect("four")) as usize
        );
        let (kind, tag) = (request[4], &request[5..7]);
        let mut body = Vec::new();
        let answer = match self.answer(kind, &mut Input(&request[7..]), &mut body) {
            Ok(()) => kind + 1,
            Err(error) => {
                body = number(&error).to_le_bytes().to_vec();
                7
            }
        };
        let size = 7 + body.len();
        let into = reply.get_mut(..size).ok_or(ChannelError::TooLong)?;
        into[..4].copy_from_slice(&(size as u32).to_le_bytes());
        into[4] = answer;
        into[5..7].copy_from_slice(tag);
        into[7..].copy_from_slice(&body);
        Ok(size)
    }
}
