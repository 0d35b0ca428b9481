//! A directory of the host in a guest, through QEMU's own 9P server.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use unilith_harness::{json, tempdir};
use unilith_vmm::qemu::{Accel, Machine};
use unilith_vmm::{Input, Launch, Monitor};

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("a buffer")).into_owned()
    }
}

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a buffer").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Exit status, standard output and standard error of the guest that has `directory` as the
/// volume `data`, which it mounts as `word` says.
fn run(machine: Machine, directory: &Path, word: &str) -> (Option<i32>, String, String) {
    let image = json(["build", "tests/guests/volume", "--json"])["image"].clone();
    let bus = if machine == Machine::Microvm { "device" } else { "pci" };
    let options = format!(
        "-global virtio-mmio.force-legacy=false \
         -fsdev local,id=f,path={},security_model=none -device virtio-9p-{bus},fsdev=f,mount_tag=data",
        directory.display()
    );
    let launch = Launch {
        monitor: Monitor::Qemu { machine, accel: Accel::Tcg },
        image: image.as_str().expect("a path").into(),
        memory_kib: 16 * 1024,
        initrd: None,
        command_line: format!("unilith.framed 9p.mount={word}"),
        timeout: Some(Duration::from_secs(60)),
        devices: Default::default(),
        extra: options.split_whitespace().map(OsString::from).collect(),
    };
    let (out, err) = (Buffer::default(), Buffer::default());
    let input = Input::Bytes(vec![]);
    let outcome = unilith_vmm::run(&launch, input, Box::new(out.clone()), Box::new(err.clone()))
        .expect("QEMU starts");
    (outcome.status.map(i32::from), out.text(), err.text())
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
