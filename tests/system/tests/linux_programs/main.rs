//! Debian's unmodified busybox, and other programs of the host, beside themselves under Linux.
//!
//! Each command is run by the host's kernel in a directory, and as a guest whose root file system
//! is that directory. Output, errors and status must be the same, byte by byte.

mod tree;

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use unilith_harness::{Ended, Guest};

/// The commands: words, and what they read. `sh` runs builtins only, as there is no fork.
const CASES: &[(&[&str], &str)] = &[
    (&["echo", "hello", "", "world  x"], ""),
    (&["echo", "-e", r"a\tb\0101%20\n"], ""),
    (&["true"], ""),
    (&["false"], ""),
    (&["cat", "text/words", "text/with space"], ""),
    (&["cat"], "from standard input\nand more"),
    (&["cat", "nothing"], ""),
    (&["cat", "text"], ""),
    (&["ls"], ""),
    (&["ls", "-lR", "text", "etc", "empty", "link"], ""),
    (&["ls", "-la", "text"], ""),
    (&["ls", "-l", "nothing", "loop/x", "text/words/x"], ""),
    (&["ls", "-1F", "text/deep/up/deep"], ""),
    (&["sha256sum", "text/numbers", "text/deep/binary", "bin/busybox"], ""),
    (&["md5sum", "text/numbers"], ""),
    (&["sha1sum"], "abc"),
    (&["cksum", "text/numbers"], ""),
    (&["sort", "-n", "text/numbers"], ""),
    (&["sort", "-u", "-k2"], "b 2\na 1\nc 1\n"),
    (&["wc", "text/numbers", "text/words", "text/deep/binary"], ""),
    (&["head", "-n", "3", "text/numbers"], ""),
    (&["head", "-c", "100", "text/deep/binary"], ""),
    (&["tail", "-n", "2", "text/numbers"], ""),
    (&["tail", "-c", "10"], "0123456789abcdef"),
    (&["env"], ""),
    (&["printenv", "GREETING"], ""),
    (&["date", "-u", "-d", "@1234567890"], ""),
    (&["date", "+%Y-%m"], ""),
    (&["date", "-r", "text/words", "+%s"], ""),
    (&["find", "text", "-name", "*e*", "-type", "f", "-size", "-2"], ""),
    (&["find", ".", "-type", "l"], ""),
    (&["find", "empty", "-perm", "2750"], ""),
    (&["grep", "-rn", "lazy", "text/words", "etc"], ""),
    (&["grep", "-c", "^7", "text/numbers"], ""),
    (&["grep", "absent", "text/words"], ""),
    (&["expr", "6", "*", "7"], ""),
    (&["expr", "1", "/", "0"], ""),
    (&["printf", "%5.2f|%-4s|%x|%c\\n", "3.14159", "ab", "255", "z"], ""),
    (&["cut", "-d", " ", "-f", "2-3", "text/words"], ""),
    (&["tr", "a-z", "A-Z"], "lower case"),
    (&["sed", "-e", "s/line/row/;3q", "text/numbers"], ""),
    (
        &[
            "awk",
            "{ s += $1; n++ } END { print s, n, s / n; printf \"%.3f\\n\", sin(1) }",
            "text/numbers",
        ],
        "",
    ),
    (&["awk", "BEGIN { while ((getline line < \"text/words\") > 0) print length(line) }"], ""),
    (&["basename", "/a/b.c", ".c"], ""),
    (&["dirname", "/a/b.c"], ""),
    (&["seq", "3", "2", "11"], ""),
    (&["stat", "-c", "%n %s %b %h %a %F %Y", "text/words", "text", "link", "empty"], ""),
    (&["du", "text"], ""),
    (&["readlink", "link"], ""),
    (&["readlink", "-f", "/dev/../tmp/./"], ""),
    (&["test", "-d", "text"], ""),
    (&["test", "-x", "text/words"], ""),
    (&["[", "-L", "link", "]"], ""),
    (&["od", "-A", "x", "-t", "x1z", "text/words"], ""),
    (&["hexdump", "-C", "text/deep/binary"], ""),
    (&["xxd", "text/words"], ""),
    (&["uniq", "-c"], "a\na\nb\n"),
    (&["tac", "text/words"], ""),
    (&["rev", "text/words"], ""),
    (&["nl", "text/words"], ""),
    (&["fold", "-w", "7", "text/words"], ""),
    (&["paste", "text/words", "text/words"], ""),
    (&["comm", "text/words", "text/words.again"], ""),
    (&["cmp", "text/words", "text/numbers"], ""),
    (&["diff", "text/words", "text/with space"], ""),
    (&["base64", "text/words"], ""),
    (&["strings", "text/deep/binary"], ""),
    (&["gzip", "-c", "text/numbers"], ""),
    (&["bzip2", "-c", "text/words"], ""),
    (&["tar", "-c", "text"], ""),
    (&["factor", "1234567890"], ""),
    (&["bc"], "2^100\nscale=20\n1/7\n"),
    (&["dc"], "2 3 + p\n"),
    (&["cal", "7", "2024"], ""),
    (&["id"], ""),
    (&["id", "-un"], ""),
    (&["sleep", "0.01"], ""),
    (&["usleep", "1"], ""),
    (&["tty"], ""),
    (&["dd", "if=text/deep/binary", "bs=512", "skip=3", "count=5", "status=none"], ""),
    (&["dd", "if=/dev/zero", "bs=64k", "count=2", "status=none"], ""),
    (&["dd", "if=/dev/full", "of=/dev/full", "bs=1", "count=1"], ""),
    (&["cat", "/dev/null"], ""),
    (&["cp", "-r", "text", "tmp/copy"], ""),
    (&["touch", "tmp/new"], ""),
    (&["mkdir", "-p", "tmp/a/b/c"], ""),
    (&["rm", "-f", "tmp/nothing"], ""),
    (&["rmdir", "tmp/nothing"], ""),
    (&["mktemp", "-u", "tmp/prefix.XXXXXX", "-q", "-p", "/nowhere", "x"], ""),
    (&["sh", "-c", "echo $((6*7)); for i in a b; do echo $i; done; exit 3"], ""),
    (&["sh", "-c", "cd text; echo *; test -f words && echo yes; read x < words; echo $x"], ""),
    (&["sh", "-c", "cd text/deep/up; cd ..; echo \"$PWD\" > /dev/null; echo $?"], ""),
    (
        &[
            "sh",
            "-c",
            "echo one > tmp/f; echo two >> tmp/f; while read l; do echo \"<$l>\"; done < tmp/f",
        ],
        "",
    ),
    (
        &[
            "sh",
            "-c",
            "printf '%s\\n' b a > tmp/u; exec 3< tmp/u; read x <&3; read y <&3; echo $y$x; umask",
        ],
        "",
    ),
    (&["sh", "-c", "kill -0 $$ && echo alive; trap 'echo bye' EXIT; ulimit -c 0; ulimit -c"], ""),
    (&["sh", "-c", "kill -TERM $$; echo not reached"], ""),
    // Other programs: position-independent without an interpreter, and with one.
    (&["/sbin/ldconfig", "--version"], ""),
    (&["/usr/bin/seq", "-w", "8", "11"], ""),
    (&["/usr/bin/sha256sum", "text/numbers"], ""),
    (&["/usr/bin/env"], ""),
    (&["sh"], "x=5\necho $x\ntype echo\n"),
];

const BUSYBOX: &str = "/bin/busybox";
const ENVIRONMENT: [(&str, &str); 3] =
    [("GREETING", "hello world"), ("LANG", "C"), ("PATH", "/bin")];

/// A program and its arguments: another one than busybox if the first word is its path.
fn split<'a, 'b>(words: &'a [&'b str]) -> (&'b str, &'a [&'b str]) {
    match words {
        [program, args @ ..] if program.starts_with('/') => (program, args),
        _ => (BUSYBOX, words),
    }
}

fn guest(plat: &str, root: &Path, words: &[&str], input: &str) -> Ended {
    let (program, args) = split(words);
    let root = root.to_str().expect("a path of the harness");
    let env = ENVIRONMENT.map(|(name, value)| format!("-e{name}={value}"));
    Guest::new(program)
        .options(["-p", plat, "--rootfs", root])
        .options(env)
        .args(args.iter().copied())
        .input(input)
        .run()
}

struct Host {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    /// As a shell tells it.
    status: i32,
}

fn host(root: &Path, words: &[&str], input: &str) -> Host {
    use std::io::Write;
    let (program, args) = split(words);
    let mut command = Command::new(program);
    command.args(args).env_clear().envs(ENVIRONMENT).current_dir(root);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    // The program need not read all of it.
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("the program ends");
    let status = output.status.code().unwrap_or(128 + output.status.signal().unwrap_or(0));
    Host { stdout: output.stdout, stderr: output.stderr, status }
}

/// Lines in order: a directory has no order of its own.
fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    lines.sort();
    lines
}

fn same(words: &[&str], host: &Host, guest: &Ended) -> bool {
    let output = match words[0] {
        "tar" => host.stdout.len() == guest.stdout().len(),
        "find" | "du" => sorted(&host.stdout) == sorted(guest.stdout()),
        _ => host.stdout == guest.stdout(),
    };
    // The messages of the guest's kernel are its own; there must be none.
    output && host.stderr == guest.stderr() && host.status == guest.status()
}

fn compare(plat: &str) {
    let root = unilith_harness::tempdir().expect("a directory");
    tree::make(root.path()).expect("the tree");
    let mut different = 0;
    for (words, input) in CASES {
        // What one command leaves behind is no business of the next.
        std::fs::remove_dir_all(root.path().join("tmp")).expect("tmp");
        std::fs::create_dir(root.path().join("tmp")).expect("tmp");
        let guest = guest(plat, root.path(), words, input);
        let host = host(root.path(), words, input);
        if !same(words, &host, &guest) {
            different += 1;
            let text = |bytes: &[u8]| {
                String::from_utf8_lossy(&bytes[..bytes.len().min(1500)]).into_owned()
            };
            println!("--- {words:?}: not as on Linux");
            println!("host: {}\n{}{}", host.status, text(&host.stdout), text(&host.stderr));
            println!("guest: {}\n{}{}", guest.status(), text(guest.stdout()), text(guest.stderr()));
        }
    }
    assert_eq!(different, 0, "of {} commands", CASES.len());
}

#[test]
fn programs_on_qemu_behave_as_on_linux() {
    compare("qemu");
}

#[test]
fn programs_in_a_process_behave_as_on_linux() {
    compare("linux");
}
