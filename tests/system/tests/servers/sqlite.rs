//! SQLite's shell, with its database on a volume of this machine.

use crate::succeeded;
use std::path::Path;
use std::process::Command;
use unilith_harness::{Guest, bounded, tempdir};

const SQLITE: &str = "/usr/bin/sqlite3";

fn guest(volume: &Path, args: &[&str]) -> String {
    let volume = format!("{}:/data", volume.display());
    let guest = Guest::new(SQLITE).timeout(120).options(["-p", "qemu", "-v", &volume]);
    let guest = guest.options(["--include", "/bin/sh", "--include", "/bin/cat"]);
    let ended = guest.args(args.iter().copied()).run();
    ended.expect_status(0);
    String::from_utf8_lossy(ended.stdout()).into_owned()
}

fn host(directory: &Path, args: &[&str]) -> String {
    succeeded(&bounded(Command::new(SQLITE).args(args).current_dir(directory), 60))
}

#[test]
fn ten_thousand_rows_on_a_volume() {
    let directory = tempdir().expect("a directory");
    let path = directory.path();
    let mut script = String::from("create table t (id integer primary key, name text, x real);\n");
    // A hundred transactions of a hundred rows, and what changes them.
    for i in 0..10_000 {
        if i % 100 == 0 {
            script.push_str("begin;\n");
        }
        script.push_str(&format!(
            "insert into t values ({i}, 'name {}', {}.5);\n",
            i * 7919 % 10007,
            i
        ));
        if i % 100 == 99 {
            script.push_str("commit;\n");
        }
    }
    script.push_str("create index names on t (name);\nupdate t set x = x * 2 where id % 2;\n");
    script.push_str("begin; delete from t; rollback;\nvacuum;\n");
    std::fs::write(path.join("load.sql"), &script).expect("a file");
    assert_eq!(guest(path, &["/data/there.db", ".read /data/load.sql"]), "");
    host(path, &["here.db", ".read load.sql"]);
    assert_eq!(host(path, &["there.db", "pragma integrity_check"]), "ok\n");
    for query in ["select count(*), sum(x), min(name), max(name) from t", ".dump"] {
        assert!(host(path, &["there.db", query]) == host(path, &["here.db", query]), "{query}");
    }
    // What the host wrote, the guest reads; in WAL mode, too, where it can have shared memory.
    host(path, &["there.db", "insert into t values (100000, 'host', 1)"]);
    let query = "select name from t where id = 100000; select count(*) from t";
    assert_eq!(guest(path, &["/data/there.db", query]), "host\n10001\n");
    assert!(!path.join("there.db-journal").exists());
}

#[test]
fn the_shell_runs_programs() {
    let directory = tempdir().expect("a directory");
    let said = guest(
        directory.path(),
        &["/data/x.db", "create table t (a)", ".shell echo from a shell; exit 3", "select 1"],
    );
    assert_eq!(said, "from a shell\n1\n");
    let said = guest(
        directory.path(),
        &[
            "/data/x.db",
            ".once /data/out.csv",
            ".mode csv",
            "select 1, 'a b'",
            ".system cat /data/out.csv",
        ],
    );
    assert_eq!(
        said,
        host(
            directory.path(),
            &["y.db", ".once out.csv", ".mode csv", "select 1, 'a b'", ".system cat out.csv"]
        )
    );
}
