//! Programs that go wrong, and runs that cannot be: a status, and a line that says why.

use crate::succeeded;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};
use unilith_harness::{Guest, TempDir, bounded, tempdir, unilith};

/// Compiles a C program for this machine's Linux.
fn compile(directory: &TempDir, source: &str) -> PathBuf {
    let path = directory.path().join("program");
    std::fs::write(directory.path().join("program.c"), source).expect("a file");
    let mut gcc = Command::new("gcc");
    gcc.args(["-O1", "-w", "-pthread", "-o"]).arg(&path).arg(directory.path().join("program.c"));
    succeeded(&bounded(&mut gcc, 60));
    path
}

fn run(source: &str, options: &[&str]) -> unilith_harness::Ended {
    let directory = tempdir().expect("a directory");
    let program = compile(&directory, source);
    Guest::new(program).options(["-p", "qemu"]).options(options.iter().copied()).run()
}

#[test]
fn a_segmentation_fault_is_reported() {
    let ended = run(
        "#include <stdio.h>
         int main(void) { puts(\"before\"); fflush(stdout); *(volatile int *)16 = 1; puts(\"after\"); }",
        &[],
    );
    ended
        .expect_status(139)
        .expect_stdout("before\n")
        .expect_stderr(&["application crash: page fault writing to 0x10"]);
    // In another thread, and as a jump to nowhere.
    let ended = run(
        "#include <pthread.h>
         #include <unistd.h>
         static void *work(void *p) { ((void (*)(void))0x1234)(); return p; }
         int main(void) { pthread_t t; pthread_create(&t, 0, work, 0); pthread_join(t, 0); }",
        &[],
    );
    ended.expect_status(139).expect_stdout("").expect_stderr(&["application crash", "0x1234"]);
    let ended = run("int main(void) { __builtin_trap(); }", &[]);
    ended.expect_status(132).expect_stderr(&["application crash"]);
    let ended = run("int main(int n, char **v) { volatile int z = n - 1; return 10 / z; }", &[]);
    ended.expect_status(136).expect_stderr(&["application crash"]);
    let ended = run(
        "#include <stdlib.h>
         int main(void) { abort(); }",
        &[],
    );
    ended.expect_status(134);
    let ended = run(
        "int f(int n) { char a[4096]; a[n % 7] = n; return f(n + 1) + a[n % 5]; }
         int main(void) { return f(0); }",
        &[],
    );
    ended.expect_status(139).expect_stderr(&["application crash: page fault"]);
}

#[test]
fn memory_that_ends_is_a_clear_line() {
    // What cannot be had is refused; what was promised, and is not there, ends the program.
    let ended = run(
        "#include <errno.h>
         #include <stdlib.h>
         #include <string.h>
         int main(void) {
             for (;;) {
                 char *p = malloc(1 << 20);
                 if (!p) return errno == ENOMEM ? 3 : 4;
                 memset(p, 1, 1 << 20);
             }
         }",
        &["-m", "64"],
    );
    ended.expect_status(3);
    let ended = run(
        "#include <sys/mman.h>
         int main(void) {
             int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
             char *p = mmap(0, 200 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
             if (p == MAP_FAILED) return 1;
             for (int i = 0; i < 200 << 20; i += 4096) p[i] = 1;
         }",
        &["-m", "64"],
    );
    ended.expect_status(137).expect_stdout("").expect_stderr(&["out of memory", "-m"]);
}

/// What the kernel holds for a program is refused while there is still memory for the program itself:
/// it hears of it, gives something back, and goes on.
#[test]
fn memory_that_the_kernel_would_hold_ends_with_an_error() {
    // Files, twice: what is deleted is free again.
    let ended = run(
        "#include <errno.h>
         #include <fcntl.h>
         #include <stdio.h>
         #include <unistd.h>
         static char block[1 << 16];
         int main(void) {
             for (int round = 0; round < 2; round++) {
                 int fd = open(\"/tmp/file\", O_CREAT | O_WRONLY | O_TRUNC, 0600);
                 long count, total = 0;
                 while ((count = write(fd, block, sizeof block)) > 0) total += count;
                 printf(\"%d %d\\n\", total > 20 << 20, errno == ENOSPC);
                 close(fd);
                 unlink(\"/tmp/file\");
             }
             return 0;
         }",
        &["-m", "64"],
    );
    ended.expect_status(0).expect_stdout("1 1\n1 1\n");
    // What is written and not yet read.
    let ended = run(
        "#define _GNU_SOURCE
         #include <errno.h>
         #include <fcntl.h>
         #include <stdio.h>
         #include <sys/socket.h>
         #include <unistd.h>
         static char block[1 << 16];
         int main(void) {
             int p[2], full = 0;
             for (int sockets = 0; sockets < 2; sockets++) {
                 int made = 0;
                 while (made++ < 400) {
                     if (sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, p) : pipe(p)) return 1;
                     fcntl(p[1], F_SETFL, O_NONBLOCK);
                     if (!sockets) fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
                     while (write(p[1], block, sizeof block) > 0) {}
                     if (errno != EAGAIN) break;
                 }
                 printf(\"%d\\n\", made > 20 && errno == (sockets ? ENOBUFS : ENOMEM));
                 for (int fd = 3; fd < 1024; fd++) close(fd);
             }
             return 0;
         }",
        &["-m", "64"],
    );
    ended.expect_status(0).expect_stdout("1\n1\n");
    // Threads, which touch their stacks only later; twice.
    let ended = run(
        "#include <errno.h>
         #include <pthread.h>
         #include <stdio.h>
         #include <unistd.h>
         static int p[2];
         static void *work(void *a) { char c; read(p[0], &c, 1); return a; }
         static pthread_t t[20000];
         int main(void) {
             for (int round = 0; round < 2; round++) {
                 int error = 0, many = 0;
                 pipe(p);
                 while (!error && many < 20000) {
                     error = pthread_create(&t[many], 0, work, 0);
                     many += !error;
                 }
                 printf(\"%d %d\\n\", many > 300, error == EAGAIN);
                 close(p[1]);
                 for (int i = 0; i < many; i++) pthread_join(t[i], 0);
                 close(p[0]);
             }
             return 0;
         }",
        &["-m", "64"],
    );
    ended.expect_status(0).expect_stdout("1 1\n1 1\n");
}

/// A server that has no descriptor for a connection hears EMFILE, and takes the connection, which
/// has waited, when it has one; nothing else is lost by the refusals.
#[test]
fn a_connection_waits_for_a_descriptor() {
    let ended = run(
        "#include <arpa/inet.h>
         #include <errno.h>
         #include <fcntl.h>
         #include <stdio.h>
         #include <sys/epoll.h>
         #include <sys/eventfd.h>
         #include <sys/resource.h>
         #include <sys/signalfd.h>
         #include <sys/socket.h>
         #include <sys/timerfd.h>
         #include <unistd.h>
         #define REFUSED(call) (errno = 0, (call) == -1 && errno == EMFILE)
         int main(void) {
             int l = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
             int fd, last = -1, p[2];
             sigset_t set;
             sigemptyset(&set);
             struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(99)};
             a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
             bind(l, (void *)&a, sizeof a);
             listen(l, 16);
             if (connect(c, (void *)&a, sizeof a)) return 1;
             struct rlimit limit;
             getrlimit(RLIMIT_NOFILE, &limit);
             limit.rlim_cur = 20;
             if (setrlimit(RLIMIT_NOFILE, &limit)) return 2;
             while ((fd = open(\"/dev/null\", O_RDONLY)) >= 0) last = fd;
             printf(\"%d\\n\", last);
             for (int i = 0; i < 3; i++) {
                 printf(\"%d\", REFUSED(accept(l, 0, 0)));
                 printf(\"%d\", REFUSED(epoll_create1(0)));
                 printf(\"%d\", REFUSED(eventfd(0, 0)));
                 printf(\"%d\", REFUSED(timerfd_create(CLOCK_MONOTONIC, 0)));
                 printf(\"%d\", REFUSED(signalfd(-1, &set, 0)));
                 printf(\"%d\\n\", REFUSED(open(\"/proc/self/maps\", O_RDONLY)));
             }
             close(last);
             // One is not enough for these, and none is lost by them.
             printf(\"%d\", REFUSED(pipe(p)));
             printf(\"%d\\n\", REFUSED(socketpair(AF_UNIX, SOCK_STREAM, 0, p)));
             int s = accept(l, 0, 0);
             char byte = 0;
             write(c, \"x\", 1);
             read(s, &byte, 1);
             printf(\"%d %c\\n\", s == last, byte);
             return 0;
         }",
        &[],
    );
    ended.expect_status(0).expect_stdout("19\n111111\n111111\n111111\n11\n1 x\n");
}

#[test]
fn descriptors_that_end_are_emfile() {
    let ended = run(
        "#include <errno.h>
         #include <fcntl.h>
         #include <stdio.h>
         #include <sys/socket.h>
         #include <unistd.h>
         int main(void) {
             int n = 0, fd, last = -1, p[2];
             while ((fd = open(\"/dev/null\", O_RDONLY)) >= 0) { n++; last = fd; }
             printf(\"%d %d\\n\", n, errno == EMFILE);
             printf(\"%d %d\\n\", socket(AF_INET, SOCK_STREAM, 0), errno == EMFILE);
             printf(\"%d %d\\n\", pipe(p), errno == EMFILE);
             printf(\"%d %d\\n\", dup(0), errno == EMFILE);
             close(last);
             printf(\"%d\\n\", open(\"/dev/null\", O_RDONLY) == last);
             return 0;
         }",
        &[],
    );
    ended.expect_status(0).expect_stdout("1021 1\n-1 1\n-1 1\n-1 1\n1\n");
}

#[test]
fn a_library_that_is_missing_is_named_with_its_package() {
    let directory = tempdir().expect("a directory");
    // What dpkg knows of a library that no machine has.
    let database = directory.path().join("dpkg");
    std::fs::create_dir_all(database.join("info")).expect("a directory");
    std::fs::write(database.join("info/libq6.shlibs"), "libq 6 libq6 (>= 6.1)\n").expect("a file");
    let text = |path: &str| {
        let mut run = unilith(["run", "-p", "qemu"]);
        let output = bounded(run.arg(path).env("DPKG_ADMINDIR", &database), 60);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    // A library whose file is gone, but whose package is known.
    let program = compile(&directory, "int main(void) { return 0; }");
    let mut bytes = std::fs::read(&program).expect("a program");
    let at = bytes.windows(10).position(|text| text == b"libc.so.6\0").expect("its C library");
    bytes[at..at + 9].copy_from_slice(b"libq.so.6");
    std::fs::write(&program, bytes).expect("a file");
    let said = text(program.to_str().expect("text"));
    assert!(said.contains("needs libq.so.6"), "{said}");
    assert!(said.contains("it is part of libq6: apt-get install libq6"), "{said}");
}

#[test]
fn a_port_in_use_and_a_volume_that_is_not_there() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let redis = "/usr/bin/redis-server";
    let publish = format!("{port}:6379");
    let output = bounded(&mut unilith(["run", redis, "--publish", &publish]), 60);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("port {port}/tcp of this machine: in use by")), "{said}");
    let output = bounded(&mut unilith(["run", redis, "-v", "/no/such/place:/data"]), 60);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("there is no directory /no/such/place; make it first"), "{said}");
}

/// The second run of a program packs nothing: it takes 250 ms to the start of the monitor.
#[test]
fn a_second_run_starts_at_once() {
    const LIMIT: Duration = Duration::from_millis(250);
    let python = ["/usr/bin/python3.11", "--include", "/usr/lib/python3.11"];
    for program in [&["/usr/bin/redis-server"][..], &python, &["/usr/bin/sqlite3"]] {
        let dry = || {
            let start = Instant::now();
            let mut run = unilith(["run", "-q", "-p", "qemu", "--dry-run", "--net", "user"]);
            succeeded(&bounded(run.args(program), 400));
            start.elapsed()
        };
        let first = dry();
        // A machine that does something else meanwhile can spoil some.
        let best = (0..5).map(|_| dry()).min().expect("a time");
        println!("{}: {first:.0?}, then {best:.0?} to the start of the monitor", program[0]);
        assert!(best < LIMIT, "{}: {best:.0?}", program[0]);
    }
}

/// Threads that end while others wait give back all that they had.
#[test]
fn threads_that_end_leave_nothing() {
    let ended = run(
        "#include <pthread.h>
         #include <stdio.h>
         #include <unistd.h>
         enum { MANY = 50 };
         static int p[2];
         static void *work(void *a) { char c; read(p[0], &c, 1); return a; }
         static long available(void) {
             char line[200];
             long kib = 0;
             FILE *f = fopen(\"/proc/meminfo\", \"r\");
             while (fgets(line, sizeof line, f) && sscanf(line, \"MemFree: %ld\", &kib) != 1) {}
             fclose(f);
             return kib;
         }
         int main(void) {
             long first = 0, last = 0;
             char bytes[MANY] = {0};
             pipe(p);
             for (int round = 0; round < 8; round++) {
                 pthread_t t[MANY];
                 for (int i = 0; i < MANY; i++) pthread_create(&t[i], 0, work, 0);
                 write(p[1], bytes, MANY);
                 for (int i = 0; i < MANY; i++) pthread_join(t[i], 0);
                 last = available();
                 if (round == 1) first = last;
             }
             printf(\"%d %ld KiB, then %ld KiB\\n\", first - last > 256, first, last);
             return 0;
         }",
        &["-m", "128"],
    );
    ended.expect_status(0);
    let said = String::from_utf8_lossy(ended.stdout()).into_owned();
    assert!(said.starts_with("0 "), "{said}");
}
