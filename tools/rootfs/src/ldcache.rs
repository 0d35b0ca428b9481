//! `/etc/ld.so.cache`, which `ldconfig` makes: where libraries are, by name
//! (glibc, `sysdeps/generic/dl-cache.h`: the format "glibc-ld.so.cache1.1").

use std::path::PathBuf;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0\0";
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// Bytes of the header: magic, two counts, flags, three words of padding, an offset.
const HEADER: usize = 48;
const ENTRY: usize = 24;
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
/// FLAG_ELF_LIBC6 | FLAG_X8664_LIB64.
const X86_64: u32 = 0x0303;

/// The paths of libraries called `name`, in the order in which the linker tries them.
pub(crate) fn lookup(cache: &[u8], name: &str) -> Vec<PathBuf> {
    entries(cache)
        .filter(|(key, _)| *key == name.as_bytes())
        .filter_map(|(_, value)| Some(PathBuf::from(std::str::from_utf8(value).ok()?)))
        .collect()
}

/// Names and paths of all libraries for x86-64; none if the cache is damaged.
fn entries(cache: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    // An older format may stand before this one.
    let start = match cache.strip_prefix(OLD_MAGIC) {
        Some(_) => {
            let count = word(cache, OLD_MAGIC.len()).unwrap_or(0) as usize;
            count.saturating_mul(OLD_ENTRY).saturating_add(OLD_HEADER).next_multiple_of(8)
        }
        None => 0,
    };
    let cache = cache.get(start..).filter(|rest| rest.starts_with(MAGIC)).unwrap_or_default();
    let count = word(cache, MAGIC.len()).unwrap_or(0) as usize;
    let most = cache.len() / ENTRY;
    (0..count.min(most)).filter_map(move |i| {
        let at = HEADER + i * ENTRY;
        if word(cache, at)? != X86_64 {
            return None;
        }
        Some((text(cache, at + 4)?, text(cache, at + 8)?))
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// The string whose offset stands at `at`.
fn text(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let rest = bytes.get(word(bytes, at)? as usize..)?;
    rest.split(|&byte| byte == 0).next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A cache with these libraries; `older` entries of the old format before it.
    fn cache(libraries: &[(u32, &str, &str)], older: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        if older > 0 {
            bytes.extend_from_slice(OLD_MAGIC);
            bytes.extend_from_slice(&(older as u32).to_le_bytes());
            bytes.resize((OLD_HEADER + older * OLD_ENTRY).next_multiple_of(8), 0xee);
        }
        let mut body = [MAGIC, &(libraries.len() as u32).to_le_bytes()].concat();
        body.resize(HEADER, 0);
        let mut strings = Vec::new();
        let base = HEADER + libraries.len() * ENTRY;
        for (flags, name, path) in libraries {
            body.extend_from_slice(&flags.to_le_bytes());
            for text in [name, path] {
                body.extend_from_slice(&((base + strings.len()) as u32).to_le_bytes());
                strings.extend_from_slice(text.as_bytes());
                strings.push(0);
            }
            body.extend_from_slice(&[0; 12]);
        }
        [bytes, body, strings].concat()
    }

    #[test]
    fn libraries_are_found_by_name_and_machine() {
        for older in [0, 3] {
            let libraries = [
                (3, "libx.so.1", "/lib32/libx.so.1"),
                (X86_64, "libx.so.1", "/lib/v3/libx.so.1"),
                (X86_64, "liby.so.1", "/lib/liby.so.1"),
                (X86_64, "libx.so.1", "/lib/libx.so.1"),
            ];
            let cache = cache(&libraries, older);
            let want = ["/lib/v3/libx.so.1", "/lib/libx.so.1"].map(PathBuf::from);
            assert_eq!(lookup(&cache, "libx.so.1"), want);
            assert!(lookup(&cache, "libz.so.1").is_empty());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
            let mut bytes = cache(&[(X86_64, "a", "/b"), (X86_64, "c", "/d")], 1);
            let n = bytes.len();
            bytes[at.index(n)] = byte;
            bytes.truncate(cut.index(n) + 1);
            let _ = lookup(&bytes, "a");
        }
    }
}
