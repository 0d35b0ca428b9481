//! What is known about a file system.

use crate::place::{Place, node_of};
use unilith_fs_api::{NAME_MAX, Node};
use unilith_posix_abi::raw::general::statfs as Statfs;
use unilith_posix_abi::{Fd, Result, UserPtr, encode, syscall};

/// ST_RDONLY and ST_VALID of statfs(2).
const ST_RDONLY: u32 = 0x1;
const ST_VALID: u32 = 0x20;

fn write_statfs(node: &dyn Node, to: UserPtr) -> Result<()> {
    let about = node.statfs();
    to.copy_out(&encode!(Statfs {
        f_type: about.magic,
        f_bsize: about.block_size,
        f_blocks: about.blocks,
        f_bfree: about.free_blocks,
        f_bavail: about.free_blocks,
        f_files: about.nodes,
        f_ffree: about.free_nodes,
        f_namelen: NAME_MAX,
        f_frsize: about.block_size,
        f_flags: ST_VALID | if about.read_only { ST_RDONLY } else { 0 },
    }))
}

syscall! {
    /// statfs(2)
    pub fn statfs[__NR_statfs](path: UserPtr, to: UserPtr) -> Result<()> {
        write_statfs(&*Place::read(Fd::CWD, path)?.node(true)?, to)
    }
}

syscall! {
    /// fstatfs(2)
    pub fn fstatfs[__NR_fstatfs](fd: Fd, to: UserPtr) -> Result<()> {
        write_statfs(&*node_of(fd)?, to)
    }
}
