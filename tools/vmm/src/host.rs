//! This machine: what it has, and how what is missing gets here.

use std::env;
use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Set to 1, nothing is ever installed.
pub const NO_INSTALL: &str = "UNILITH_NO_INSTALL";

/// Why a system package could not be had.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// The user said no.
    #[error("{packages} is missing and {NO_INSTALL}=1 forbids installing it; run: {command}")]
    Forbidden {
        /// What is missing.
        packages: String,
        /// What would install it.
        command: String,
    },
    /// Neither root nor sudo without a password.
    #[error("{packages} is missing and installing it needs root; run: {command}")]
    NoRight {
        /// What is missing.
        packages: String,
        /// What would install it.
        command: String,
    },
    /// No package manager that we know.
    #[error("{packages} is missing; install it with this system's package manager")]
    NoManager {
        /// What is missing.
        packages: String,
    },
    /// The package manager failed.
    #[error("installing {packages} failed: {output}\nrun it yourself: {command}")]
    Failed {
        /// What is missing.
        packages: String,
        /// What was tried.
        command: String,
        /// What the package manager said last.
        output: String,
    },
}

/// The path of a program, looked up as a shell does.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(program)).find(|file| {
        use std::os::unix::fs::PermissionsExt;
        file.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
    })
}

/// Whether KVM is usable; if not, why.
pub fn kvm() -> Result<(), String> {
    if let Err(error) = OpenOptions::new().read(true).write(true).open("/dev/kvm") {
        return Err(format!("/dev/kvm: {error}"));
    }
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let flags = info.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    if flags.split_whitespace().any(|flag| flag == "vmx" || flag == "svm") {
        Ok(())
    } else {
        Err("/dev/kvm exists, but the processor shows neither vmx nor svm".to_owned())
    }
}

/// Who listens at a port of this machine, as far as the rights to look go.
pub fn port_owner(protocol: crate::Protocol, port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let tables = ["", "6"].map(|version| format!("/proc/net/{protocol}{version}"));
    let mut inodes = Vec::new();
    for table in tables {
        // Number, local address, remote address, state, ..., inode in the tenth column.
        for line in std::fs::read_to_string(table).unwrap_or_default().lines().skip(1) {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let local = columns.get(1).and_then(|address| address.rsplit_once(':'));
            let here = local.is_some_and(|(_, p)| u16::from_str_radix(p, 16) == Ok(port));
            let listens = protocol == crate::Protocol::Udp || columns.get(3) == Some(&LISTEN);
            if here && listens {
                inodes.extend(columns.get(9).map(|inode| format!("socket:[{inode}]")));
            }
        }
    }
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    for process in processes {
        let id = process.file_name().into_string().unwrap_or_default();
        if !id.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        let files = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten();
        let mut targets = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        if targets.any(|target| inodes.iter().any(|inode| target.as_os_str() == inode.as_str())) {
            let name = std::fs::read_to_string(process.path().join("comm")).unwrap_or_default();
            return Some(format!("{} (process {id})", name.trim()));
        }
    }
    None
}

/// Gives the calling thread, and what it starts from now on, a network of its own with nothing in
/// it but a loopback interface that is down.
///
/// # Errors
/// It takes root.
#[cfg(target_os = "linux")]
pub fn private_network() -> std::io::Result<()> {
    // SAFETY: the flag only changes which network interfaces this thread sees; the file descriptor
    // table and memory stay shared with the other threads as they were.
    unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNET) }?;
    Ok(())
}

/// Whether there is such a TAP interface; if not, how to make it.
///
/// # Errors
/// A sentence with the command.
pub fn tap(interface: &str) -> Result<(), String> {
    let place = std::path::Path::new("/sys/class/net").join(interface);
    let make = format!("ip tuntap add dev {interface} mode tap && ip link set {interface} up");
    if interface.is_empty() || interface.contains(['/', ',']) || interface.len() > 15 {
        return Err(format!("{interface:?} is no name of a network interface"));
    }
    // sysfs shows the network namespace that it was mounted in; procfs the one of who asks.
    let known = std::fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
    let mut names = known.lines().filter_map(|line| Some(line.split_once(':')?.0.trim()));
    match (names.any(|name| name == interface), place.exists(), place.join("tun_flags").exists()) {
        (true, true, false) => Err(format!("{interface} is no TAP interface")),
        (true, ..) => Ok(()),
        (false, ..) => Err(format!("there is no interface {interface}; make it, as root: {make}")),
    }
}

/// The command that would install `packages` with this system's package manager.
fn manager(packages: &[&str]) -> Option<Vec<String>> {
    let known: [(&str, &[&str]); 4] = [
        ("apt-get", &["install", "-y", "--no-install-recommends"]),
        ("dnf", &["install", "-y"]),
        ("pacman", &["-S", "--noconfirm"]),
        ("zypper", &["--non-interactive", "install"]),
    ];
    let (program, args) = known.iter().find(|(program, _)| find(program).is_some())?;
    let words =
        std::iter::once(*program).chain(args.iter().copied()).chain(packages.iter().copied());
    Some(words.map(str::to_owned).collect())
}

/// Whether [`install`] could work now; if not, why.
pub fn can_install(packages: &[&str]) -> Result<Vec<String>, InstallError> {
    let names = packages.join(" ");
    let Some(command) = manager(packages) else {
        return Err(InstallError::NoManager { packages: names });
    };
    let root = rustix::process::geteuid().is_root();
    // What a person would type.
    let by_hand = match command.join(" ") {
        line if root => line,
        line if find("sudo").is_some() => format!("sudo {line}"),
        line => format!("su -c '{line}'"),
    };
    if env::var_os(NO_INSTALL).is_some_and(|v| v == "1") {
        return Err(InstallError::Forbidden { packages: names, command: by_hand });
    }
    if root {
        return Ok(command);
    }
    let sudo = Command::new("sudo")
        .args(["-n", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if sudo.is_ok_and(|status| status.success()) {
        return Ok(["sudo", "-n"].into_iter().map(str::to_owned).chain(command).collect());
    }
    Err(InstallError::NoRight { packages: names, command: by_hand })
}

/// Installs system packages, after one line on standard error that says what and why.
pub fn install(packages: &[&str], why: &str) -> Result<(), InstallError> {
    let command = can_install(packages)?;
    let names = packages.join(" ");
    eprintln!("unilith: installing {names}: {why}");
    let attempt = || execute(&command);
    let mut result = attempt();
    if result.is_err() && command.iter().any(|word| word == "apt-get") {
        // A machine that never had its package lists has no packages.
        let at = command.iter().position(|word| word == "apt-get").unwrap_or(0);
        let mut update = command[..=at].to_vec();
        update.push("update".to_owned());
        result = execute(&update).and_then(|()| attempt());
    }
    result.map_err(|output| InstallError::Failed {
        packages: names,
        command: command.join(" "),
        output,
    })
}

/// Runs a command; its last words if it fails.
fn execute(command: &[String]) -> Result<(), String> {
    let (program, args) = command.split_first().ok_or("empty command")?;
    let output = Command::new(OsStr::new(program))
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().rev().take(5).collect();
    Err(lines.into_iter().rev().collect::<Vec<_>>().join("\n"))
}
