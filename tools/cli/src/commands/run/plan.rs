//! The devices of a run: what the command line and the application ask for, and whether this
//! machine and the image have it.

use super::root::absolute;
use crate::args::Run;
use crate::error::{Error, Result};
use std::path::Path;
use unilith_image::app::App;
use unilith_image::compose::Configuration;
use unilith_vmm::devices::{USER_ADDRESS, USER_DNS, USER_GATEWAY, USER_PREFIX};
use unilith_vmm::{Devices, Network, Publish, Volume, host};

/// What was asked for, and what comes of it.
pub struct Plan {
    /// The network that was asked for; `None` if nobody said anything.
    net: Option<Net>,
    publish: Vec<Publish>,
    /// Words about the address on a TAP interface.
    address: Vec<String>,
    /// What the machine will have.
    pub devices: Devices,
}

#[derive(Clone, PartialEq, Eq)]
enum Net {
    User,
    Tap(String),
    None,
}

impl Plan {
    /// Reads what was asked for; the command line adds to the application's lists.
    pub fn new(args: &Run, app: &App) -> Result<Self> {
        let net = args.net.as_deref().or(app.net.as_deref()).map(net).transpose()?;
        // The application's ports are for the network that it expects; another makes them moot.
        let other = args.net.is_some() && net != Some(Net::User);
        let own = if other { &[][..] } else { &app.publish };
        let publish = published(own, &args.publish).map_err(Error::usage)?;
        for (i, one) in publish.iter().enumerate() {
            let same = |other: &&Publish| {
                (other.protocol, other.address, other.host) == (one.protocol, one.address, one.host)
            };
            if publish[..i].iter().any(|other| same(&other)) {
                let port = one.host;
                return Err(Error::usage(format!(
                    "port {port} of this machine is published twice"
                )));
            }
        }
        if net.is_some() && net != Some(Net::User) && !publish.is_empty() {
            return Err(Error::usage(
                "ports are published on the monitor's own network; with another, the guest has an address of its own: leave out --publish or --net",
            ));
        }
        let own = app.volumes.iter().map(|text| volume(text, &app.directory));
        let volumes = own.chain(args.volume.iter().map(|text| volume(text, Path::new(""))));
        let volumes: Vec<Volume> = volumes.collect::<Result<_>>()?;
        for (i, one) in volumes.iter().enumerate() {
            if volumes[..i].iter().any(|other| other.guest == one.guest) {
                return Err(Error::usage(format!("two volumes at {}", one.guest)));
            }
        }
        let mut address = Vec::new();
        if let Some(ip) = &args.ip {
            if !matches!(net, Some(Net::Tap(_))) {
                return Err(Error::usage("--ip is for --net tap=IFNAME: elsewhere it is fixed"));
            }
            let sound = ip.split_once('/').is_some_and(|(ip, len)| {
                ip.parse::<std::net::Ipv4Addr>().is_ok()
                    && len.parse::<u8>().is_ok_and(|len| len <= 32)
            });
            if !sound {
                return Err(Error::usage(format!("--ip {ip}: give ADDR/LEN, such as 10.0.0.2/24")));
            }
            address.push(format!("net.ip={ip}"));
            address.extend(args.gateway.map(|gateway| format!("net.gateway={gateway}")));
        }
        let devices = Devices { volumes, ..Devices::default() };
        Ok(Self { net, publish, address, devices })
    }

    /// Whether more was asked for than files.
    pub fn serves(&self) -> bool {
        let net = self.net.as_ref().is_some_and(|net| *net != Net::None);
        net || !self.publish.is_empty() || !self.devices.volumes.is_empty()
    }

    /// Decides what the machine has, for an image of this configuration.
    pub fn settle(&mut self, configuration: &Configuration) -> Result<()> {
        let process = configuration.value("PLATFORM") == "linux";
        if process && self.serves() {
            return Err(Error::usage(
                "a network and volumes are for virtual machines; run with -p qemu",
            ));
        }
        let has = |symbol: &str| configuration.is_set(symbol) && !process;
        // A driver that could be in the image, and is not.
        let lacks = |symbol: &str| configuration.tree.symbol(symbol).is_some() && !has(symbol);
        let wanted = match &self.net {
            Some(net) => net.clone(),
            None if !self.publish.is_empty() || has("VIRTIO_NET") => Net::User,
            None => Net::None,
        };
        if wanted != Net::None && lacks("VIRTIO_NET") {
            return Err(Error::usage(
                "the image has no network; set VIRTIO_NET=y and a network stack, or take profile = \"server\"",
            ));
        }
        if !self.devices.volumes.is_empty() && lacks("VIRTIO_9P") {
            return Err(Error::usage(
                "the image has no file system for volumes; set VIRTIO_9P=y and FS_9P=y, or take profile = \"server\"",
            ));
        }
        self.devices.network = match wanted {
            Net::User => Some(Network::User(self.publish.clone())),
            Net::Tap(name) => {
                host::tap(&name).map_err(|why| Error::usage(format!("--net tap={name}: {why}")))?;
                Some(Network::Tap(name))
            }
            Net::None => None,
        };
        self.devices.entropy = has("VIRTIO_RNG");
        Ok(())
    }

    /// Whether the ports are free.
    pub fn check_ports(&self) -> Result<()> {
        self.publish.iter().try_for_each(Publish::check).map_err(Error::failed)
    }

    /// What the guest must know: words of its command line.
    pub fn words(&self) -> Vec<String> {
        let mut words = match &self.devices.network {
            Some(Network::User(_)) => vec![
                format!("net.ip={USER_ADDRESS}/{USER_PREFIX}"),
                format!("net.gateway={USER_GATEWAY}"),
                format!("net.dns={USER_DNS}"),
            ],
            // Without an address, the guest asks for one by DHCP.
            Some(Network::Tap(_)) => self.address.clone(),
            None => vec![],
        };
        for (i, volume) in self.devices.volumes.iter().enumerate() {
            let ro = if volume.read_only { ":ro" } else { "" };
            words.push(format!("9p.mount=vol{i}:{}{ro}", volume.guest));
        }
        words
    }
}

/// The ports of the application, and those that were asked for: of these, one that leads to the
/// same port of the guest takes the place of the application's.
fn published(own: &[String], asked: &[String]) -> std::result::Result<Vec<Publish>, String> {
    let parse = |list: &[String]| -> std::result::Result<Vec<Publish>, String> {
        list.iter().map(|text| text.parse()).collect()
    };
    let (mut all, asked) = (parse(own)?, parse(asked)?);
    let same = |a: &Publish, b: &Publish| (a.protocol, a.guest) == (b.protocol, b.guest);
    all.retain(|own| !asked.iter().any(|other| same(own, other)));
    all.extend(asked);
    Ok(all)
}

fn net(text: &str) -> Result<Net> {
    match (text, text.strip_prefix("tap=")) {
        ("user", _) => Ok(Net::User),
        ("none", _) => Ok(Net::None),
        (_, Some(name)) => Ok(Net::Tap(name.to_owned())),
        _ => Err(Error::usage(format!("--net {text}: give user, tap=IFNAME or none"))),
    }
}

/// `DIR:GUESTPATH[:ro]`, where a relative directory is of `base`.
fn volume(text: &str, base: &Path) -> Result<Volume> {
    let wrong = |why: &str| Err(Error::usage(format!("--volume {text}: {why}")));
    let (rest, read_only) = match text.strip_suffix(":ro") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let Some((directory, guest)) = rest.rsplit_once(':').filter(|(dir, _)| !dir.is_empty()) else {
        return wrong("give DIR:GUESTPATH[:ro], such as ./data:/data");
    };
    if !guest.starts_with('/') || guest.split('/').any(|part| part == "..") || guest == "/" {
        return wrong("the guest's path starts with /, has no .., and is not / itself");
    }
    let path = base.join(directory);
    match path.metadata() {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return wrong(&format!("{} is no directory", path.display())),
        Err(_) => {
            return wrong(&format!("there is no directory {}; make it first", path.display()));
        }
    }
    let guest = guest.trim_end_matches('/').to_owned();
    Ok(Volume { host: absolute(&path)?, guest, read_only })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_asked_for_takes_the_place_of_the_applications() {
        let own = ["8080:80".to_owned(), "53:53/udp".to_owned(), "53:53".to_owned()];
        let hosts = |asked: &[&str]| -> Vec<u16> {
            let asked: Vec<String> = asked.iter().map(|text| (*text).to_owned()).collect();
            let all = published(&own, &asked).expect("ports");
            all.iter().map(|one| one.host).collect()
        };
        assert_eq!(hosts(&[]), [8080, 53, 53]);
        assert_eq!(hosts(&["9000:80", "9001:80", "1:1"]), [53, 53, 9000, 9001, 1]);
        assert_eq!(hosts(&["9000:53"]), [8080, 53, 9000]);
        assert!(published(&own, &["x".to_owned()]).is_err());
    }

    #[test]
    fn volumes_are_two_paths() {
        let found = volume("bin:/opt/x/", Path::new("/usr")).expect("it is there");
        let want = Volume { host: "/usr/bin".into(), guest: "/opt/x".into(), read_only: false };
        assert_eq!(found, want);
        assert!(volume("/usr:/data:ro", Path::new("")).expect("it").read_only);
        for bad in ["/usr", "/usr:data", "/usr:/", "/nowhere:/x", "/bin/sh:/x", ":/x", "/usr:/../x"]
        {
            assert!(volume(bad, Path::new("")).is_err(), "{bad}");
        }
    }
}
