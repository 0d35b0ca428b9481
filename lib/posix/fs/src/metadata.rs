//! Changing permissions, owners and times.

use crate::place::{Place, node_at, node_of};
use unilith_fs_api::{MetadataChange, Node, Timestamp};
use unilith_posix_abi::raw::general::{AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, UTIME_NOW, UTIME_OMIT};
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, syscall};

fn change_mode(node: &dyn Node, mode: u32) -> Result<()> {
    let permissions = Some(mode & 0o7777);
    Ok(node.set_metadata(&MetadataChange { permissions, ..Default::default() })?)
}

/// -1 leaves an owner as it is.
fn change_owner(node: &dyn Node, uid: u32, gid: u32) -> Result<()> {
    let given = |id| (id != u32::MAX).then_some(id);
    let (uid, gid) = (given(uid), given(gid));
    Ok(node.set_metadata(&MetadataChange { uid, gid, ..Default::default() })?)
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// chmod(2)
    pub fn chmod[__NR_chmod](path: UserPtr, mode: u32) -> Result<()> {
        change_mode(&*Place::read(Fd::CWD, path)?.node(true)?, mode)
    }
}

syscall! {
    /// fchmod(2)
    pub fn fchmod[__NR_fchmod](fd: Fd, mode: u32) -> Result<()> {
        change_mode(&*node_of(fd)?, mode)
    }
}

syscall! {
    /// fchmodat(2), the call, which has no flags.
    pub fn fchmodat[__NR_fchmodat](dir: Fd, path: UserPtr, mode: u32) -> Result<()> {
        change_mode(&*Place::read(dir, path)?.node(true)?, mode)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// chown(2)
    pub fn chown[__NR_chown](path: UserPtr, uid: u32, gid: u32) -> Result<()> {
        change_owner(&*Place::read(Fd::CWD, path)?.node(true)?, uid, gid)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// lchown(2)
    pub fn lchown[__NR_lchown](path: UserPtr, uid: u32, gid: u32) -> Result<()> {
        change_owner(&*Place::read(Fd::CWD, path)?.node(false)?, uid, gid)
    }
}

syscall! {
    /// fchown(2)
    pub fn fchown[__NR_fchown](fd: Fd, uid: u32, gid: u32) -> Result<()> {
        change_owner(&*node_of(fd)?, uid, gid)
    }
}

syscall! {
    /// fchownat(2)
    pub fn fchownat[__NR_fchownat](
        dir: Fd,
        path: UserPtr,
        uid: u32,
        gid: u32,
        flags: u32,
    ) -> Result<()> {
        if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
            return Err(Errno::EINVAL);
        }
        let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
        change_owner(&*node_at(dir, path, follow, flags & AT_EMPTY_PATH != 0)?, uid, gid)
    }
}

/// A time that is to be set, if it is.
fn read_time(from: UserPtr, now: Timestamp) -> Result<Option<Timestamp>> {
    let (seconds, nanoseconds) = (from.read_u64()? as i64, from.add(8).read_u64()?);
    match u32::try_from(nanoseconds) {
        Ok(UTIME_NOW) => Ok(Some(now)),
        Ok(UTIME_OMIT) => Ok(None),
        Ok(nanoseconds) if nanoseconds < 1_000_000_000 => {
            Ok(Some(Timestamp { seconds, nanoseconds }))
        }
        _ => Err(Errno::EINVAL),
    }
}

/// Sets both times of the file at a path; both now if `times` is null.
#[cfg(target_arch = "x86_64")]
fn set_times(
    dir: Fd,
    path: UserPtr,
    times: UserPtr,
    read: impl Fn(UserPtr) -> Result<[Timestamp; 2]>,
) -> Result<()> {
    let now = Timestamp::from_ns(unilith_platform::realtime_ns());
    let [accessed, modified] = if times.is_null() { [now, now] } else { read(times)? };
    let (accessed, modified) = (Some(accessed), Some(modified));
    let node = match path.is_null() {
        true => node_of(dir)?,
        false => Place::read(dir, path)?.node(true)?,
    };
    Ok(node.set_metadata(&MetadataChange { accessed, modified, ..Default::default() })?)
}

/// Reads two `struct timeval`. EINVAL if they are none.
#[cfg(target_arch = "x86_64")]
fn read_timevals(from: UserPtr) -> Result<[Timestamp; 2]> {
    let read = |from: UserPtr| match u32::try_from(from.add(8).read_u64()?) {
        Ok(micros @ 0..1_000_000) => {
            Ok(Timestamp { seconds: from.read_u64()? as i64, nanoseconds: micros * 1000 })
        }
        _ => Err(Errno::EINVAL),
    };
    Ok([read(from)?, read(from.add(16))?])
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// utime(2)
    pub fn utime[__NR_utime](path: UserPtr, times: UserPtr) -> Result<()> {
        set_times(Fd::CWD, path, times, |from| {
            let seconds = [from.read_u64()?, from.add(8).read_u64()?];
            Ok(seconds.map(|seconds| Timestamp { seconds: seconds as i64, nanoseconds: 0 }))
        })
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// utimes(2)
    pub fn utimes[__NR_utimes](path: UserPtr, times: UserPtr) -> Result<()> {
        set_times(Fd::CWD, path, times, read_timevals)
    }
}

#[cfg(target_arch = "x86_64")]
syscall! {
    /// futimesat(2)
    pub fn futimesat[__NR_futimesat](dir: Fd, path: UserPtr, times: UserPtr) -> Result<()> {
        set_times(dir, path, times, read_timevals)
    }
}

syscall! {
    /// utimensat(2): without a path the times of `dir` itself are set, without times it is now.
    pub fn utimensat[__NR_utimensat](
        dir: Fd,
        path: UserPtr,
        times: UserPtr,
        flags: u32,
    ) -> Result<()> {
        if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
            return Err(Errno::EINVAL);
        }
        let now = Timestamp::from_ns(unilith_platform::realtime_ns());
        let (accessed, modified) = match times.is_null() {
            true => (Some(now), Some(now)),
            false => (read_time(times, now)?, read_time(times.add(16), now)?),
        };
        let node = match path.is_null() {
            true => node_of(dir)?,
            false => {
                let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
                node_at(dir, path, follow, flags & AT_EMPTY_PATH != 0)?
            }
        };
        if accessed.is_none() && modified.is_none() {
            return Ok(());
        }
        Ok(node.set_metadata(&MetadataChange { accessed, modified, ..Default::default() })?)
    }
}
