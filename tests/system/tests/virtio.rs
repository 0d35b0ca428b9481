//! Every virtio device of QEMU, on every machine: found, driven, and heard when it interrupts.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use unilith_harness::{json, tempdir};
use unilith_system_tests::{MODERN, launch};
use unilith_vmm::qemu::Machine;

const SECTORS: usize = 600;

/// A device that has nothing more for a while: who waits for it halts, and is woken only by its
/// interrupt.
const SLOW_RANDOM: &str = "-device virtio-rng-BUS,max-bytes=1000,period=20";

/// What the guest says on a machine with these devices, written as for PCI: to standard output,
/// and to standard error.
#[track_caller]
fn run(machine: Machine, memory_kib: u64, options: &[String]) -> (String, String) {
    run_configured(&[], machine, memory_kib, options)
}

/// The same with further options of `unilith build`.
#[track_caller]
fn run_configured(
    build: &[&str],
    machine: Machine,
    memory_kib: u64,
    options: &[String],
) -> (String, String) {
    let words = ["build", "tests/guests/virtio", "--json"].iter().chain(build);
    let launch = launch(machine, &json(words), memory_kib, "unilith.framed", &options.join(" "));
    let (outcome, out, err) = unilith_system_tests::run(&launch);
    let errors = outcome.monitor_error;
    assert_eq!(outcome.status, Some(0), "{machine} {options:?}\n{out}\n{err}\n{errors}");
    eprintln!("{machine}: {err}");
    (out, err)
}

fn medium() -> Vec<u8> {
    (0..SECTORS * 512).map(|i| (i * 7 + i / 512) as u8).collect()
}

fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum: u32, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
}

fn disk(path: &Path, more: &str) -> String {
    let path = path.display();
    format!("-drive if=none,id=d,format=raw,file={path}{more} -device virtio-blk-BUS,drive=d")
}

#[test]
fn all_devices_work_on_all_machines() {
    let directory = tempdir().expect("a directory");
    for machine in Machine::ALL {
        let path = directory.path().join("disk");
        std::fs::write(&path, medium()).expect("a disk");
        let (text, _) = run(
            machine,
            4096,
            &[
                MODERN.into(),
                SLOW_RANDOM.into(),
                disk(&path, ""),
                "-netdev user,id=n -device virtio-net-BUS,netdev=n,mac=52:54:00:12:34:56".into(),
                format!(
                    "-fsdev local,id=f,path={},security_model=none",
                    directory.path().display()
                ),
                "-device virtio-9p-BUS,fsdev=f,mount_tag=data".into(),
            ],
        );
        let lines = [
            "rng: 1000 bytes, and 1000 others".to_owned(),
            format!("blk: {SECTORS} sectors, read only: false, sum {:#x}", sum(&medium())),
            "blk: written: Ok(()), reads back: Ok(true)".into(),
            "blk: past the end: Err(Invalid)".into(),
            // QEMU's user networking computes no checksums for the guest.
            "net: [52, 54, 0, 12, 34, 56], mtu 1500, Offload { send_checksum: false, \
             receive_checksum: false }"
                .into(),
            "net: link is up: true".into(),
            "net: 2000 replies, gateway Some([52, 55, a, 0, 2, 2])".into(),
            // Rversion: 64 KiB, the version.
            r"9p: data: \x15\x00\x00\x00e\xff\xff\x00\x00\x01\x00\x08\x009P2000.L".into(),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), lines, "{machine}");
        let written: Vec<u8> = medium().iter().map(|byte| !byte).collect();
        let back = std::fs::read(&path).expect("the disk");
        assert!(back[..512] == medium()[..512] && back[512..] == written[512..]);
    }
}

/// The variants of one machine: without EVENT_IDX and mergeable buffers, modern only, behind a
/// bridge, read only, with a larger MTU; and with a scheduler of several threads.
#[test]
fn variants_of_the_devices_work() {
    let directory = tempdir().expect("a directory");
    let path = directory.path().join("disk");
    std::fs::write(&path, medium()).expect("a disk");
    let (text, _) = run_configured(
        &["--set", "SCHED_COOP=y"],
        Machine::Q35,
        4096,
        &[
            format!("-device pcie-root-port,id=bridge {SLOW_RANDOM},bus=bridge"),
            disk(&path, ",readonly=on"),
            "-netdev user,id=n -device virtio-net-BUS,netdev=n,mac=52:54:00:12:34:56,\
             disable-legacy=on,event_idx=off,mrg_rxbuf=off,host_mtu=9000"
                .into(),
        ],
    );
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[0], "rng: 1000 bytes, and 1000 others");
    assert!(lines[1].contains("read only: true"), "{text}");
    assert_eq!(lines[2], "blk: written: Err(ReadOnly), reads back: Ok(false)");
    assert!(lines[4].contains("mtu 9000"), "{text}");
    assert!(lines[6].starts_with("net: 2000 replies"), "{text}");
    assert!(std::fs::read(&path).expect("the disk") == medium());
}

/// Without any device nothing is used, and nothing goes wrong.
#[test]
fn no_devices_are_no_error() {
    for machine in Machine::ALL {
        assert_eq!(run(machine, 2048, &[]).0, "");
    }
}

/// A microvm's devices are legacy ones unless one says otherwise: then the remedy is named, once.
#[test]
fn legacy_devices_are_refused_with_the_remedy() {
    let (out, err) = run(Machine::Microvm, 2048, &["-device virtio-rng-BUS".into()]);
    assert_eq!(out, "");
    assert_eq!(err.matches("virtio-mmio.force-legacy=false").count(), 1, "{err}");
}

/// A service right on the device: thousands of datagrams come back as they were.
#[test]
fn udp_is_served_without_a_stack() {
    let built = json(["build", "apps/udp-echo", "--json"]);
    for machine in Machine::ALL {
        // A port that was free a moment ago.
        let free =
            UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
        let devices = format!(
            "{MODERN} -netdev user,id=n,hostfwd=udp:{free}-:7 -device virtio-net-BUS,netdev=n"
        );
        let mut launch = launch(machine, &built, 2048, "", &devices);
        launch.timeout = None;
        let line = launch.command();
        let mut qemu = Command::new(line.program)
            .args(line.args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("QEMU starts");
        let result = std::panic::catch_unwind(|| echo(free));
        qemu.kill().expect("QEMU is still there");
        qemu.wait().expect("QEMU ends");
        let (echoed, wrong) = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        assert_eq!(wrong, 0, "{machine}");
        assert_eq!(echoed, DATAGRAMS, "{machine}");
    }
}

const DATAGRAMS: usize = 3000;
const FLOOD_AT: usize = 1000;

/// Sends datagrams of all lengths one after the other, again while no answer comes, and a flood in
/// between; how many came back, and how many of them changed.
fn echo(to: SocketAddr) -> (usize, usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(to).expect("an address");
    socket.set_read_timeout(Some(Duration::from_millis(500))).expect("a time");
    let (mut echoed, mut wrong) = (0, 0);
    for number in 0..DATAGRAMS {
        if number == FLOOD_AT {
            // More than any ring holds. Most are lost; what comes afterwards is not.
            let flood = [0xff; 1000];
            let sent = (0..5000).filter(|_| socket.send(&flood).is_ok()).count();
            assert!(sent > 1000, "{sent}");
        }
        let mut datagram = number.to_le_bytes().to_vec();
        datagram.extend((0..number % 1465).map(|i| (i * number) as u8));
        let mut buffer = [0; 2048];
        for _ in 0..100 {
            // Late answers to what was sent again are passed over.
            let mut receive = || loop {
                let len = socket.recv(&mut buffer)?;
                if buffer[..8] == datagram[..8] {
                    return Ok(len);
                }
            };
            match socket.send(&datagram).and_then(|_| receive()) {
                Ok(len) => {
                    echoed += 1;
                    wrong += usize::from(buffer[..len] != datagram);
                    break;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // Refused: QEMU does not listen yet.
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }
    (echoed, wrong)
}

/// A machine without PCI needs no code for it.
#[test]
fn a_transport_that_is_not_selected_leaves_no_symbol() {
    let names = ["unilith_virtio_mmio", "unilith_virtio_pci"];
    let built = |options: &[&str]| {
        let words = ["build", "tests/guests/virtio", "--json"].iter().chain(options);
        let symbols = json(words)["symbols"].as_str().expect("a path").to_owned();
        let text = std::fs::read_to_string(symbols).expect("the symbols");
        names.map(|name| text.contains(name))
    };
    assert_eq!(built(&["--set", "VIRTIO_PCI=n"]), [true, false]);
    assert_eq!(built(&["--set", "VIRTIO_MMIO=n"]), [false, true]);
}
