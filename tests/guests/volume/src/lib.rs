//! Changes files of the host, which are mounted at /data, as a database would.
#![no_std]

extern crate alloc;

use alloc::vec;
use alloc::vec::Vec;
use unilith_fs_api::{FsError, NodeRef, Result};
use unilith_print::println;
use unilith_vfs::vfs;

/// Called once the image has booted.
pub fn main() -> i32 {
    match vfs().root().and_then(|root| use_volume(&root)) {
        Ok(()) => 0,
        Err(error) => {
            println!("{error}");
            1
        }
    }
}

fn contents(file: &NodeRef) -> Result<Vec<u8>> {
    let mut bytes = vec![0; file.metadata().size as usize + 1];
    let len = file.read_at(0, &mut bytes)?;
    bytes.truncate(len);
    Ok(bytes)
}

fn use_volume(root: &NodeRef) -> Result<()> {
    let from_host = vfs().lookup(root, b"/data/host", true)?;
    println!("read: {}", contents(&from_host)?.escape_ascii());

    let file = vfs().create(root, b"/data/db", 0o600)?;
    let data: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
    println!("written: {}", file.write_at(0, &data)?);
    file.truncate(200_000)?;
    println!("reads back: {}", contents(&file)? == data[..200_000]);

    let journal = vfs().create(root, b"/data/journal", 0o600)?;
    journal.write_at(0, b"before")?;
    journal.sync()?;
    vfs().unlink(root, b"/data/journal")?;
    journal.write_at(6, b" and after")?;
    println!("without a name: {}", contents(&journal)?.escape_ascii());
    println!("links: {}", journal.metadata().links);

    vfs().create_dir(root, b"/data/dir", 0o755)?;
    vfs().rename((root, b"/data/db"), (root, b"/data/dir/renamed"), false)?;
    file.write_at(0, b"after the rename")?;
    file.sync()?;
    vfs().lookup(root, b"/data/dir", true)?.sync()?;
    let link = vfs().link(&file, root, b"/data/second");
    println!("second name: {link:?}, links: {}", file.metadata().links);

    let many = vfs().lookup(root, b"/data/many", true)?;
    let (mut count, mut names) = (0, 0);
    vfs().read_dir(&many, 0, &mut |entry| {
        count += 1;
        names += entry.name.len();
        true
    })?;
    println!("listed: {count} names of {names} bytes");
    let gone = vfs().lookup(root, b"/data/gone", true).map(drop);
    println!("missing: {:?}", gone == Err(FsError::NotFound));
    Ok(())
}
