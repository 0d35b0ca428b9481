//! Room for connections that nobody has accepted yet.
//!
//! QEMU's user network listens at published ports with a backlog of one (libslirp, `listen(s, 1)`).
//! Where several clients connect at once, Linux then drops handshakes, and clients wait seconds for
//! their own repetitions. The backlog of a socket can be changed by whoever has it, so the runner
//! borrows QEMU's sockets for the time of one call.

use crate::Protocol;
use crate::devices::{Devices, Network};
use std::net::SocketAddrV4;
use std::process::Child;

/// Connections that may wait at a published port; the host has a limit of its own
/// (`net.core.somaxconn`).
#[cfg(target_os = "linux")]
const BACKLOG: i32 = 4096;

/// The addresses at which the monitor listens for connections.
pub fn addresses(devices: &Devices) -> Vec<SocketAddrV4> {
    let Some(Network::User(published)) = &devices.network else { return vec![] };
    let tcp = published.iter().filter(|one| one.protocol == Protocol::Tcp);
    tcp.map(|one| SocketAddrV4::new(one.address, one.host)).collect()
}

/// Gives the sockets of `monitor` that listen at `addresses` a longer backlog, and says how many
/// there were. Without the right to do that, or on another system than Linux, it is none: then
/// clients wait as they would without us.
#[cfg(target_os = "linux")]
pub fn widen(monitor: i32, addresses: &[SocketAddrV4]) -> usize {
    use rustix::net::{getsockname, listen, sockopt};
    use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

    let process = Pid::from_raw(monitor).and_then(|id| pidfd_open(id, PidfdFlags::empty()).ok());
    let (Some(process), false) = (process, addresses.is_empty()) else { return 0 };
    let files = std::fs::read_dir(format!("/proc/{monitor}/fd")).into_iter().flatten().flatten();
    let numbers = files.filter_map(|file| file.file_name().to_str()?.parse().ok());
    let listens = |number: i32| {
        let socket = pidfd_getfd(&process, number, PidfdGetfdFlags::empty()).ok()?;
        let address = getsockname(&socket).ok()?;
        let here = addresses.iter().any(|&at| address == rustix::net::SocketAddrAny::from(at));
        let tcp = sockopt::socket_acceptconn(&socket).unwrap_or(false);
        (here && tcp).then_some(())?;
        listen(&socket, BACKLOG).ok()
    };
    numbers.filter_map(listens).count()
}

/// See above.
#[cfg(not(target_os = "linux"))]
pub fn widen(_: i32, _: &[SocketAddrV4]) -> usize {
    0
}

/// What is to be done once the monitor has opened its ports.
pub fn when_open(child: &Child, devices: &Devices) -> impl FnOnce() + Send + use<> {
    let (monitor, addresses) = (child.id() as i32, addresses(devices));
    move || {
        widen(monitor, &addresses);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    #[test]
    fn a_listener_gets_a_longer_backlog() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let Ok(SocketAddr::V4(address)) = listener.local_addr() else { panic!("no address") };
        rustix::net::listen(&listener, 1).expect("a shorter backlog");
        let connect = || TcpStream::connect_timeout(&address.into(), Duration::from_millis(300));
        let waiting: Vec<_> = (0..8).map_while(|_| connect().ok()).collect();
        assert!(waiting.len() < 8, "the backlog is longer than one");
        let me = std::process::id() as i32;
        assert_eq!(widen(me, &[]), 0);
        assert_eq!(widen(me, &[address]), 1);
        let more: Vec<_> = (0..8).map_while(|_| connect().ok()).collect();
        assert_eq!(more.len(), 8);
    }

    #[test]
    fn only_connections_at_published_ports_are_meant() {
        let publish = |text: &str| text.parse().expect("ports");
        let network = Network::User(vec![publish("8080:80"), publish("5353:53/udp")]);
        let devices = Devices { network: Some(network), ..Devices::default() };
        assert_eq!(addresses(&devices), ["127.0.0.1:8080".parse().expect("an address")]);
        assert_eq!(addresses(&Devices::default()), []);
    }
}
