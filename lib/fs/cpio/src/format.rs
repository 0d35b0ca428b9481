//! The newc format: one entry after another, each a header of hexadecimal digits, a name, and the
//! contents.

use core::fmt;

/// Bytes in a header: a magic of 6, then 13 numbers of 8 digits.
const HEADER: usize = 6 + 13 * 8;
/// The name of the last entry of an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Bytes that a path may have (PATH_MAX).
const PATH_MAX: usize = 4096;

/// What is wrong with an archive, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes from the start of the archive to the entry that is wrong.
    pub offset: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What can be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// There is no archive at all.
    Empty,
    /// It ends in the middle of an entry, or without a trailer.
    Truncated,
    /// Neither 070701 nor 070702: not this format.
    Magic,
    /// It is compressed.
    Compressed,
    /// A number has a character that is no hexadecimal digit.
    Number,
    /// The contents do not have the checksum that a 070702 header tells.
    Checksum,
    /// A name is empty, too long, has a NUL in it or a component `..`.
    Name,
    /// The mode tells no kind of file.
    Type,
    /// A file would have entries, or a directory would become a file.
    NotDirectory,
    /// More entries than can be numbered.
    TooMany,
    /// No memory for the index.
    Memory,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.problem {
            Problem::Empty => return f.write_str("there is no initial RAM disk"),
            Problem::Truncated => "it is cut off",
            Problem::Magic => "not a cpio archive in newc format",
            Problem::Compressed => "it is compressed; give it unpacked",
            Problem::Number => "a header is broken",
            Problem::Checksum => "a checksum is wrong",
            Problem::Name => "a name is empty, too long, or has NUL or .. in it",
            Problem::Type => "an entry has no type",
            Problem::NotDirectory => "an entry is both a file and a directory",
            Problem::TooMany => "it has too many entries",
            Problem::Memory => "not enough memory for its index; give the machine more",
        };
        write!(f, "cpio archive: {what} (at byte {})", self.offset)
    }
}

impl core::error::Error for Error {}

/// One entry as it stands in the archive.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Where its header is.
    pub offset: usize,
    /// Its path, without leading slashes and never empty; `.` is the root.
    pub path: &'static [u8],
    /// Its contents, or the target of a symbolic link.
    pub data: &'static [u8],
    pub inode: u32,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub links: u32,
    pub modified: u32,
    /// Major and minor number of the device that the inode was on.
    pub device: (u32, u32),
    /// Major and minor number, if it is a device.
    pub device_number: (u32, u32),
}

/// What follows in an archive.
#[derive(Clone, Copy, Debug)]
pub enum Item {
    /// An entry.
    Entry(Entry),
    /// The end of one archive; another may follow.
    Trailer,
}

/// Reads archives that lie behind each other.
pub struct Reader {
    bytes: &'static [u8],
    offset: usize,
    /// Between two archives, where padding is allowed.
    between: bool,
    found: bool,
}

impl Reader {
    pub fn new(bytes: &'static [u8]) -> Self {
        Self { bytes, offset: 0, between: true, found: false }
    }

    /// The next item; `None` after the last archive.
    pub fn next(&mut self) -> Result<Option<Item>, Error> {
        if self.between {
            let rest = self.bytes.get(self.offset..).unwrap_or_default();
            match rest.iter().position(|&byte| byte != 0) {
                Some(padding) => self.offset += padding,
                None if self.found => return Ok(None),
                None => return Err(Error { offset: 0, problem: Problem::Empty }),
            }
            self.found = true;
        }
        let start = self.offset;
        let (item, len) = self.read().map_err(|problem| Error { offset: start, problem })?;
        self.offset += len;
        self.between = matches!(item, Item::Trailer);
        Ok(Some(item))
    }

    fn read(&self) -> Result<(Item, usize), Problem> {
        let bytes = self.bytes.get(self.offset..).unwrap_or_default();
        let header = bytes.get(..HEADER);
        let checked = match bytes {
            [b'0', b'7', b'0', b'7', b'0', b'1', ..] => false,
            [b'0', b'7', b'0', b'7', b'0', b'2', ..] => true,
            // gzip, zstd, xz, lz4
            [0x1f, 0x8b, ..] | [0x28, 0xb5, ..] | [0xfd, b'7', ..] | [0x04, 0x22, ..] => {
                return Err(Problem::Compressed);
            }
            _ if b"070701".starts_with(bytes) => return Err(Problem::Truncated),
            _ => return Err(Problem::Magic),
        };
        let header = header.ok_or(Problem::Truncated)?;
        let mut numbers = [0u32; 13];
        for (number, digits) in numbers.iter_mut().zip(header[6..].chunks_exact(8)) {
            *number = hexadecimal(digits).ok_or(Problem::Number)?;
        }
        let [inode, mode, uid, gid, links, modified, size, ..] = numbers;
        let [.., dev_major, dev_minor, rdev_major, rdev_minor, name_len, sum] = numbers;

        // Header and name together, then the contents, are padded to four bytes.
        let name_end = HEADER + name_len as usize;
        let name = bytes.get(HEADER..name_end).ok_or(Problem::Truncated)?;
        let data_start = name_end.next_multiple_of(4);
        let data_end = data_start.checked_add(size as usize).ok_or(Problem::Truncated)?;
        let data = bytes.get(data_start..data_end).ok_or(Problem::Truncated)?;
        // The very last padding may be missing.
        let len = data_end.next_multiple_of(4).min(bytes.len());

        let [name @ .., 0] = name else { return Err(Problem::Name) };
        // More NULs may follow: padding, so that the contents start where they can be mapped.
        let end = name.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        let path = name.get(..end).unwrap_or_default();
        if path == TRAILER {
            return Ok((Item::Trailer, len));
        }
        if checked && sum != data.iter().fold(0u32, |sum, &byte| sum.wrapping_add(byte.into())) {
            return Err(Problem::Checksum);
        }
        Ok((
            Item::Entry(Entry {
                offset: self.offset,
                path: check_path(path)?,
                data,
                inode,
                mode,
                uid,
                gid,
                links,
                modified,
                device: (dev_major, dev_minor),
                device_number: (rdev_major, rdev_minor),
            }),
            len,
        ))
    }
}

/// An absolute path means the same as a relative one: the archive's root is `/`.
fn check_path(path: &'static [u8]) -> Result<&'static [u8], Problem> {
    let bad = |name: &[u8]| name == b".." || name.len() > unilith_fs_api::NAME_MAX;
    if path.is_empty()
        || path.len() >= PATH_MAX
        || path.contains(&0)
        || path.split(|&byte| byte == b'/').any(bad)
    {
        return Err(Problem::Name);
    }
    Ok(path)
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits
        .iter()
        .try_fold(0u32, |number, &digit| Some(number << 4 | char::from(digit).to_digit(16)?))
}
