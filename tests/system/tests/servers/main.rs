//! Debian's servers and programs, unmodified, as guests in QEMU.
//!
//! Packages that this needs: `unilith test` installs them.

mod flood;
mod hostile;
mod nginx;
mod python;
mod redis;
mod sqlite;
mod trouble;

use std::process::Output;

/// Standard output of a program that must have succeeded.
#[track_caller]
fn succeeded(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{}\n{out}\n{err}", output.status);
    out
}

/// Bytes without a pattern that a mistake could keep.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}
