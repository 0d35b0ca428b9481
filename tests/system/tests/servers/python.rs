//! CPython with its standard library, beside itself under Linux.

use crate::{noise, succeeded};
use std::process::Command;
use unilith_harness::{Guest, bounded, tempdir};

const PYTHON: &str = "/usr/bin/python3.11";
const SCRIPT: &str = include_str!("script.py");

fn python() -> Guest {
    Guest::new(PYTHON).timeout(300).options(["--include", "/usr/lib/python3.11"])
}

#[test]
fn the_standard_library_does_what_it_does_on_linux() {
    let directory = tempdir().expect("a directory");
    let script = directory.path().join("script.py");
    std::fs::write(&script, SCRIPT).expect("a file");
    let empty = directory.path().join("place");
    std::fs::create_dir(&empty).expect("a directory");
    let mut here = Command::new(PYTHON);
    here.arg("-B").arg(&script).arg(&empty).env_clear().env("LANG", "C.UTF-8");
    let here = succeeded(&bounded(&mut here, 120));
    let include = format!("{}:/srv/script.py", script.display());
    let place = format!("{}:/srv/place", empty.display());
    let guest = python()
        .options(["-p", "qemu", "-e", "LANG=C.UTF-8", "--include", &include, "--include", &place])
        .options(["--include", "/bin/sh", "--include", "/bin/cat", "--include", "/usr/bin/sort"])
        .args(["-B", "/srv/script.py", "/srv/place"])
        .run();
    guest.expect_status(0);
    let there = String::from_utf8_lossy(guest.stdout()).into_owned();
    let lines = here.lines().zip(there.lines());
    let different: Vec<_> = lines.filter(|(here, there)| here != there).collect();
    assert!(different.is_empty(), "here and there: {different:#?}\n{there}");
    assert_eq!(there, here);
}

#[test]
fn http_server_answers() {
    let directory = tempdir().expect("a directory");
    for (name, len) in [("small", 100), ("large", 3_000_000)] {
        std::fs::write(directory.path().join(name), noise(len)).expect("a file");
    }
    let server = python()
        .options(["--include", &format!("{}:/srv/www", directory.path().display())])
        .args(["-u", "-m", "http.server", "8000", "--directory", "/srv/www"])
        .serve(8000, b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.0 200 OK");
    let get = |name: &str| {
        let mut curl = Command::new("curl");
        curl.args(["-sS", &format!("http://127.0.0.1:{}/{name}", server.port())]);
        let output = bounded(&mut curl, 60);
        succeeded(&output);
        output.stdout
    };
    for name in ["small", "large"] {
        let file = std::fs::read(directory.path().join(name)).expect("a file");
        assert!(get(name) == file, "{name}");
    }
    let list = String::from_utf8_lossy(&get("")).into_owned();
    assert!(list.contains("<a href=\"small\">"), "{list}");
    assert!(String::from_utf8_lossy(&get("nothing")).contains("Error code: 404"));
    for _ in 0..100 {
        assert_eq!(get("small").len(), 100);
    }
    // SIGTERM ends it as it ends any python.
    server.stop().expect_status(143);
}
