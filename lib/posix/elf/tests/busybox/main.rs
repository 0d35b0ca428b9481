//! Debian's unmodified busybox under these libraries, beside itself under Linux.
//!
//! Each case is run twice, with the same files: by the host's kernel in a directory, and by this
//! very program as a guest with an archive of that directory (see `host.rs`). Output, errors and
//! status must be the same, byte by byte.
//!
//! `cargo test -p unilith-elf --test busybox -- sort text/numbers` runs one command as a guest.

mod host;
mod tree;

use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};

static SYSCALLS: unilith_syscall::Table = unilith_syscall::Table::new(&[
    unilith_posix_fd::SYSCALLS,
    unilith_posix_fs::SYSCALLS,
    unilith_posix_mm::SYSCALLS,
    unilith_posix_process::SYSCALLS,
    unilith_posix_time::SYSCALLS,
]);

fn syscall(call: &unilith_syscall::SyscallArgs) -> isize {
    SYSCALLS.call(call)
}

/// What the composition root of an image says.
fn guest(initrd: &Path, command_line: String) -> ! {
    let initrd = std::fs::read(initrd).expect("the archive");
    let _ = host::INITRD.set(initrd);
    let _ = host::COMMAND_LINE.set(command_line.into_bytes());
    unilith_vfs::try_mount(b"/", unilith_cpio::root(unilith_platform::initrd()));
    unilith_vfs::mount(b"/tmp", unilith_ramfs::root(0o1777));
    unilith_vfs::mount(b"/dev", unilith_devfs::root());
    unilith_syscall::report_at_exit();
    unilith_exit::exit(unilith_elf::main(syscall))
}

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
    (&["ls", "-lR", "text", "bin", "etc", "empty", "link"], ""),
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
    (&["yes"], "HEAD"), // see `run`
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

fn word(word: &str) -> String {
    if word.is_empty() {
        return "%".into();
    }
    word.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

const BUSYBOX: &str = "/bin/busybox";

/// A program and its arguments: another one than busybox if the first word is its path.
fn split<'a, 'b>(words: &'a [&'b str]) -> (&'b str, &'a [&'b str]) {
    match words {
        [program, args @ ..] if program.starts_with('/') => (program, args),
        _ => (BUSYBOX, words),
    }
}

struct Setup {
    root: PathBuf,
    initrd: PathBuf,
}

const ENVIRONMENT: [(&str, &str); 3] =
    [("GREETING", "hello world"), ("LANG", "C"), ("PATH", "/bin")];

impl Setup {
    fn guest(&self, args: &[&str]) -> Command {
        let (program, args) = split(args);
        let mut line = format!("unilith.program={program}");
        if program == BUSYBOX {
            line += " unilith.argv0=busybox";
        }
        for (name, value) in ENVIRONMENT {
            line += &format!(" env.{name}={}", word(value));
        }
        line += " --";
        for arg in args {
            line = line + " " + &word(arg);
        }
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.arg("--guest").arg(&self.initrd).arg(line);
        command
    }

    fn host(&self, args: &[&str]) -> Command {
        let (program, args) = split(args);
        let mut command = Command::new(program);
        if program == BUSYBOX {
            command.arg0("busybox");
        }
        command.args(args).env_clear().envs(ENVIRONMENT).current_dir(&self.root);
        command
    }
}

fn run(command: &mut Command, input: &str) -> io::Result<Output> {
    if input == "HEAD" {
        // Endless output: the reader goes away.
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let mut start = [0; 100];
        io::Read::read_exact(child.stdout.as_mut().expect("piped"), &mut start)?;
        child.kill()?;
        let status = child.wait()?;
        return Ok(Output { status, stdout: start.to_vec(), stderr: vec![] });
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    child.wait_with_output()
}

/// The status as a shell tells it.
fn status(output: &Output) -> i32 {
    let status = output.status;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// Lines in order: a directory has no order of its own.
fn sorted(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|&byte| byte == b'\n').collect();
    lines.sort();
    lines
}

fn same(args: &[&str], host: &Output, guest: &Output) -> bool {
    let by_directory = matches!(args[0], "find" | "du" | "tar");
    let output = match args[0] {
        "tar" => host.stdout.len() == guest.stdout.len(),
        _ if by_directory => sorted(&host.stdout) == sorted(&guest.stdout),
        _ => host.stdout == guest.stdout,
    };
    // The messages of the guest's kernel are its own; there must be none.
    output && host.stderr == guest.stderr && status(host) == status(guest)
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, initrd, line] = &args[..]
        && flag == "--guest"
    {
        guest(Path::new(initrd), line.clone());
    }
    let temporary = std::env::temp_dir().join(format!("unilith-busybox-{}", std::process::id()));
    let setup = Setup { root: temporary.join("root"), initrd: temporary.join("root.cpio") };
    let made = tree::make(&setup.root)
        .and_then(|()| tree::archive(&setup.root))
        .and_then(|bytes| std::fs::write(&setup.initrd, bytes));
    if let Err(error) = made {
        eprintln!("cannot set up: {error}");
        return ExitCode::FAILURE;
    }
    let words: Vec<&str> =
        args.iter().map(String::as_str).filter(|a| !a.starts_with("--")).collect();
    let mut failed = 0;
    if words.is_empty() {
        for (args, input) in CASES {
            let host = run(&mut setup.host(args), input).expect("busybox runs");
            let guest = run(&mut setup.guest(args), input).expect("the guest runs");
            if !same(args, &host, &guest) {
                failed += 1;
                eprintln!("--- {args:?}: not as on Linux");
                show("host", &host);
                show("guest", &guest);
            }
        }
        println!("busybox: {} commands as on Linux, {failed} not", CASES.len() - failed);
    } else {
        failed = usize::from(!setup.guest(&words).status().expect("the guest runs").success());
    }
    let _ = std::fs::remove_dir_all(temporary);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn show(who: &str, output: &Output) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(1500)]).into_owned();
    eprintln!("{who}: status {}", status(output));
    eprintln!("{}{}", text(&output.stdout), text(&output.stderr));
}
