//! A directory of the host in a guest, through QEMU's own 9P server.

use std::path::Path;
use unilith_harness::{json, tempdir};
use unilith_system_tests::{MODERN, launch};
use unilith_vmm::qemu::Machine;

/// Exit status, standard output and standard error of the guest that has `directory` as the
/// volume `data`, which it mounts as `word` says.
fn run(machine: Machine, directory: &Path, word: &str) -> (Option<i32>, String, String) {
    let built = json(["build", "tests/guests/volume", "--json"]);
    let devices = format!(
        "{MODERN} -fsdev local,id=f,path={},security_model=none \
         -device virtio-9p-BUS,fsdev=f,mount_tag=data",
        directory.display()
    );
    let command_line = format!("unilith.framed 9p.mount={word}");
    let launch = launch(machine, &built, 16 * 1024, &command_line, &devices);
    let (outcome, out, err) = unilith_system_tests::run(&launch);
    (outcome.status.map(i32::from), out, err)
}

#[test]
fn a_guest_changes_files_of_the_host() {
    for machine in Machine::ALL {
        let directory = tempdir().expect("a directory");
        let path = directory.path().join("share");
        std::fs::create_dir_all(path.join("data/many")).expect("made");
        std::fs::write(path.join("data/host"), b"from the host").expect("written");
        for i in 0..2000 {
            std::fs::write(path.join(format!("data/many/a-longer-name-{i:04}")), b"")
                .expect("made");
        }
        let (status, out, err) = run(machine, &path, "data:/");
        let lines = [
            "read: from the host",
            "written: 300000",
            "reads back: true",
            "without a name: before and after",
            "links: 0",
            "second name: Ok(()), links: 2",
            "listed: 2000 names of 36000 bytes",
            "missing: true",
        ];
        assert_eq!(out.lines().collect::<Vec<_>>(), lines, "{machine}: {err}");
        assert_eq!(status, Some(0), "{machine}");
        let file = std::fs::read(path.join("data/dir/renamed")).expect("there");
        assert_eq!((file.len(), &file[..16]), (200_000, &b"after the rename"[..]));
        assert!(!path.join("data/journal").exists() && path.join("data/second").exists());
    }
}

#[test]
fn a_volume_that_is_not_there_ends_the_image() {
    let directory = tempdir().expect("a directory");
    for (word, why) in [
        ("other:/", "the machine has no volume with this tag"),
        ("data", "should be TAG:/path"),
        ("data:relative", "should be TAG:/path"),
    ] {
        let (status, out, err) = run(Machine::Microvm, directory.path(), word);
        let line = format!("unilith: 9p.mount={word}: {why}\n");
        assert_eq!((status, out.as_str(), err), (Some(1), "", line));
    }
}
