//! Which of Linux's system calls there are, from their declarations.
//!
//! The rows are computed at compile time and leave the implementations behind: this links without
//! any of the singletons that an image binds.
#![forbid(unsafe_code)]

use std::fmt::Write;
use unilith_posix_abi::Entry;

/// Numbers from here on are not used yet.
const NUMBERS: usize = 512;

/// System calls that have a number, and that Linux (6.12, x86-64) does not have itself: never had,
/// or has no more.
const NOT_IN_LINUX: &[&str] = &[
    "_sysctl",
    "afs_syscall",
    "create_module",
    "epoll_ctl_old",
    "epoll_wait_old",
    "get_kernel_syms",
    "get_thread_area",
    "getpmsg",
    "lookup_dcookie",
    "nfsservctl",
    "putpmsg",
    "query_module",
    "security",
    "set_thread_area",
    "tuxcall",
    "vserver",
];

/// What is said of a system call.
#[derive(Clone, Copy)]
struct Row {
    name: &'static str,
    library: &'static str,
    arguments: &'static [(&'static str, &'static str)],
    doc: &'static [&'static str],
}

/// Every family, by its directory in lib/posix.
const FAMILIES: &[(&str, &[Entry])] = &[
    ("event", unilith_posix_event::SYSCALLS),
    ("exec", unilith_posix_exec::SYSCALLS),
    ("fd", unilith_posix_fd::SYSCALLS),
    ("fs", unilith_posix_fs::SYSCALLS),
    ("futex", unilith_posix_futex::SYSCALLS),
    ("mm", unilith_posix_mm::SYSCALLS),
    ("net", unilith_posix_net::SYSCALLS),
    ("pipe", unilith_posix_pipe::SYSCALLS),
    ("process", unilith_posix_process::SYSCALLS),
    ("time", unilith_posix_time::SYSCALLS),
];

static ROWS: [Option<Row>; NUMBERS] = rows();

/// The directories of the families.
pub static LIBRARIES: [&str; FAMILIES.len()] = libraries();

const fn libraries() -> [&'static str; FAMILIES.len()] {
    let mut libraries = [""; FAMILIES.len()];
    let mut family = 0;
    while family < FAMILIES.len() {
        libraries[family] = FAMILIES[family].0;
        family += 1;
    }
    libraries
}

const fn rows() -> [Option<Row>; NUMBERS] {
    let mut rows = [None; NUMBERS];
    let mut family = 0;
    while family < FAMILIES.len() {
        let (library, entries) = FAMILIES[family];
        let mut at = 0;
        while at < entries.len() {
            let Entry { number, name, arguments, doc, .. } = entries[at];
            assert!(rows[number].is_none(), "two libraries have the same system call");
            rows[number] = Some(Row { name, library, arguments, doc });
            at += 1;
        }
        family += 1;
    }
    rows
}

/// The first sentence of a doc comment, without the name of the call that it starts with.
fn summary(name: &str, doc: &[&str]) -> String {
    let lines = doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
    let text = lines.collect::<Vec<_>>().join(" ");
    let rest = text.strip_prefix(&format!("{name}(2)")).unwrap_or(&text);
    let rest = rest.trim_start_matches([':', '.', ',', ' ']);
    let ends = rest.match_indices(". ").map(|(at, _)| at + 1);
    let mut ends =
        ends.filter(|&end| !rest[..end].ends_with("e.g.") && !rest[..end].ends_with("i.e."));
    let sentence = ends.next().map_or(rest, |end| &rest[..end]);
    sentence.replace('|', "\\|").replace('<', "&lt;")
}

/// docs/syscalls.md.
pub fn document() -> String {
    let mut table = String::new();
    let (mut known, mut there, mut absent) = (0, 0, 0);
    let mut by_library = vec![0; LIBRARIES.len()];
    for (number, row) in ROWS.iter().enumerate() {
        let name = unilith_syscall::name(number);
        let Some(name) = name.or(row.map(|row| row.name)) else { continue };
        known += 1;
        let (library, arguments, says) = match row {
            Some(row) => {
                there += 1;
                let family = LIBRARIES.iter().position(|name| *name == row.library);
                by_library[family.unwrap_or_default()] += 1;
                let names = row.arguments.iter().map(|(name, _)| *name);
                let arguments = format!("`({})`", names.collect::<Vec<_>>().join(", "));
                (row.library, arguments, summary(row.name, row.doc))
            }
            None if NOT_IN_LINUX.contains(&name) => {
                absent += 1;
                ("", String::new(), "*Linux has none either*".to_owned())
            }
            None => ("", String::new(), "**missing**".to_owned()),
        };
        let _ = writeln!(table, "| {number} | {name} | {library} | {arguments} | {says} |");
    }
    let missing = known - there - absent;
    let each = LIBRARIES.iter().zip(&by_library).map(|(name, count)| format!("{name} {count}"));
    let each = each.collect::<Vec<_>>().join(", ");
    format!(
        "# System calls

**{there} of the {} system calls of Linux on x86-64 are there**, {missing} are missing; {absent} more numbers are
taken that Linux itself does nothing for. By library in `lib/posix`: {each}.

A missing call is ENOSYS, and is named when the image ends. A call is there if the image has its library:
`unilith libs APP` tells. Being there does not mean every flag: what a call does not do is an error, and its
comment says so.

This file is made from the declarations (`syscall!`) by a test, which fails when they differ; to make it
again: `UPDATE=1 cargo test -p unilith-coverage`.

| | call | lib/posix/ | arguments | |
|---|---|---|---|---|
{table}",
        known - absent
    )
}
