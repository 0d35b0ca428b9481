//! The smallest guest, on every machine type.

use std::time::Duration;
use unilith_vmm::qemu::{Accel, Machine, floor_image};
use unilith_vmm::{Devices, Input, Launch, Monitor, Network, Volume, host, qemu, run};

fn launch(test: &str, machine: Machine, image: &[u8]) -> Launch {
    if host::find(qemu::PROGRAM).is_none() {
        host::install(&[qemu::PACKAGE], "the tests start virtual machines").expect("QEMU");
    }
    let path =
        std::env::temp_dir().join(format!("unilith-{test}-{}-{machine}", std::process::id()));
    std::fs::write(&path, image).expect("a temporary file");
    Launch {
        monitor: Monitor::Qemu { machine, accel: Accel::Tcg },
        image: path,
        memory_kib: 2048,
        initrd: None,
        command_line: String::new(),
        timeout: Some(Duration::from_secs(30)),
        devices: Devices::default(),
        extra: vec![],
    }
}

#[test]
fn the_floor_guest_ends_every_machine() {
    for machine in Machine::ALL {
        let launch = launch("floor", machine, &floor_image());
        let outcome = run(
            &launch,
            Input::Bytes(vec![]),
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        std::fs::remove_file(&launch.image).expect("the temporary file");
        let outcome = outcome.expect("QEMU starts");
        assert!(!outcome.timed_out, "{machine}: {}", outcome.monitor_error);
        assert_eq!(outcome.status, None, "it tells no status");
    }
}

#[test]
fn a_guest_that_never_ends_is_ended() {
    let mut image = floor_image();
    let out = image.iter().position(|&byte| byte == 0xef).expect("the out instruction");
    image[out] = 0x90; // no operation: halts for ever
    let mut launch = launch("halt", Machine::Microvm, &image);
    launch.timeout = Some(Duration::from_millis(500));
    let outcome =
        run(&launch, Input::Bytes(vec![]), Box::new(std::io::sink()), Box::new(std::io::sink()));
    std::fs::remove_file(&launch.image).expect("the temporary file");
    let outcome = outcome.expect("QEMU starts");
    assert!(outcome.timed_out);
    assert_eq!(outcome.status, Some(124));
    assert!(outcome.total < Duration::from_secs(20));
}

#[test]
fn every_machine_has_every_device() {
    let directory = std::env::temp_dir();
    for machine in Machine::ALL {
        let mut launch = launch("devices", machine, &floor_image());
        launch.devices = Devices {
            network: Some(Network::User(vec![])),
            volumes: vec![Volume { host: directory.clone(), guest: "/v".into(), read_only: true }],
            entropy: true,
        };
        let outcome = run(
            &launch,
            Input::Bytes(vec![]),
            Box::new(std::io::sink()),
            Box::new(std::io::sink()),
        );
        std::fs::remove_file(&launch.image).expect("the temporary file");
        let outcome = outcome.expect("QEMU starts");
        assert!(!outcome.timed_out, "{machine}: {}", outcome.monitor_error);
        assert_eq!(outcome.monitor_error, "", "{machine}");
    }
}
