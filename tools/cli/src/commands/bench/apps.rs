//! `unilith bench apps`: programs beside the same programs on Linux, in the same QEMU, on the same
//! network, in turn.

use super::counter::Counter;
use super::guest::{Guest, Probe};
use super::load::Load;
use super::{finish, job, linux, summary};
use crate::args::{Bench, Cli, Command, Side};
use crate::commands::run::{self, Ready};
use crate::error::{Error, Result};
use crate::output::say;
use crate::project;
use clap::Parser;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::Duration;
use unilith_vmm::devices::{USER_ADDRESS, USER_DNS, USER_GATEWAY, USER_PREFIX};
use unilith_vmm::{Launch, Monitor, Network, Publish, host, qemu};

/// What is measured.
struct App {
    name: &'static str,
    /// Of the requests that were asked for, one in so many is made: it is slow.
    share: u32,
    work: Work,
}

/// What it does.
enum Work {
    /// It serves at a port.
    Serves { port: u16, probe: Probe, loads: &'static [Load] },
    /// It works through a file of statements, and ends.
    Ends { program: &'static str, package: &'static str, load: &'static str },
}

const APPS: [App; 5] = [
    App {
        name: "redis",
        share: 1,
        work: Work::Serves {
            port: 6379,
            probe: Probe { ask: "PING\r\n", answer: "+PONG" },
            // What SET has set, GET gets.
            loads: &[
                Load::Redis { test: "SET", pipeline: 1 },
                Load::Redis { test: "GET", pipeline: 1 },
                Load::Redis { test: "SET", pipeline: 16 },
                Load::Redis { test: "GET", pipeline: 16 },
            ],
        },
    },
    App { name: "nginx", share: 1, work: WEB },
    App { name: "httpd", share: 1, work: WEB },
    App {
        name: "python",
        share: 5,
        work: Work::Serves {
            port: 8000,
            probe: Probe { ask: "GET / HTTP/1.1\r\nHost: test\r\n\r\n", answer: "HTTP/1.0 200" },
            loads: &[Load::Http { keep: false }],
        },
    },
    App {
        name: "sqlite",
        share: 1,
        work: Work::Ends {
            program: "/usr/bin/sqlite3",
            package: "sqlite3",
            load: "INSERT, 100 in a transaction, file in memory",
        },
    },
];

/// What a web server does.
const WEB: Work = Work::Serves {
    port: 80,
    probe: HTTP,
    loads: &[Load::Http { keep: true }, Load::Http { keep: false }],
};

const HTTP: Probe = Probe {
    ask: "GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n",
    answer: "HTTP/1.1 200",
};

/// The interface of the benchmark's own network namespace.
const TAP: &str = "tap0";
/// A server that has not answered by then never will.
const BOOT_LIMIT: Duration = Duration::from_secs(30);
/// No load takes that long.
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// Instructions are counted twice: for all requests, and for one in so many. What does not depend on
/// their number (connections, the load generator's start, waiting) is in both, and in no difference.
const FEWER: u32 = 4;
/// Requests after which a server counts as working in its memory.
const PROOF: u32 = 500;

pub fn apps(args: &Bench) -> Result {
    let root = project::root()?;
    let apps: Vec<&App> =
        APPS.iter().filter(|app| args.app.as_ref().is_none_or(|name| name == app.name)).collect();
    if apps.is_empty() {
        let names = APPS.map(|app| app.name).join(", ");
        return Err(Error::usage(format!("--app: measured are {names}")));
    }
    let mut missing = Vec::new();
    let tools = apps.iter().flat_map(|app| match app.work {
        Work::Serves { loads, .. } => loads.iter().map(|load| load.tool()).collect(),
        Work::Ends { program, package, .. } => vec![(program, package)],
    });
    for (program, package) in tools.chain([(qemu::PROGRAM, qemu::PACKAGE)]) {
        if host::find(program).is_none() && !missing.contains(&package) {
            missing.push(package);
        }
    }
    if args.only != Some(Side::Unilith) && !Path::new("/bin/busybox").exists() {
        missing.push("busybox-static");
    }
    if !missing.is_empty() {
        host::install(&missing, "the benchmark needs them").map_err(Error::failed)?;
    }
    let peers = apps.iter().map(|app| Ok((*app, peers(args, &root, app)?)));
    let peers: Vec<(&App, Vec<Peer>)> = peers.collect::<Result<_>>()?;
    // A thread of its own, for a network namespace belongs to a thread and what it starts.
    let measured = thread::scope(|scope| {
        let work = move || {
            let network = Place::new();
            let mut results = Map::new();
            for (app, peers) in peers {
                results.insert(app.name.to_owned(), measure(args, app, peers, &network)?);
            }
            Ok((network.is_tap(), results))
        };
        scope.spawn(work).join().unwrap_or_else(|_| Err(Error::failed("the benchmark panicked")))
    });
    let (tap, results) = measured?;
    let result = json!({
        "benchmark": "apps",
        "command": "unilith bench apps",
        "accel": "tcg",
        "network": if tap { "tap" } else { "user" },
        "requests": args.requests,
        "apps": results,
    });
    finish(args, &root, "apps", &result, table)
}

/// How the load reaches a guest.
enum Place {
    /// Over a TAP interface in a namespace where nothing else is.
    Tap,
    /// Over a published port.
    User,
}

impl Place {
    fn new() -> Self {
        let made = host::private_network().map_err(|error| error.to_string()).and_then(|()| {
            let mac = Network::Tap(TAP.to_owned()).mac().map(|byte| format!("{byte:02x}"));
            ip("link set lo up")?;
            ip(&format!("tuntap add dev {TAP} mode tap"))?;
            ip(&format!("addr add {USER_GATEWAY}/{USER_PREFIX} dev {TAP}"))?;
            // Who asks for a name is refused at once: to wait for that would be measured.
            ip(&format!("addr add {USER_DNS}/{USER_PREFIX} dev {TAP}"))?;
            ip(&format!("link set {TAP} up"))?;
            // Nobody waits for an answer about the address: one that is late costs a second.
            let mac = mac.join(":");
            ip(&format!("neigh add {USER_ADDRESS} lladdr {mac} dev {TAP} nud permanent"))
        });
        match made {
            Ok(()) => Self::Tap,
            Err(why) => {
                say(format_args!("unilith: no TAP interface ({why}); QEMU's own network instead"));
                Self::User
            }
        }
    }

    fn is_tap(&self) -> bool {
        matches!(self, Self::Tap)
    }

    /// Gives a machine its network: where its `port` is reached.
    fn connect(&self, launch: &mut Launch, port: u16) -> Result<SocketAddr> {
        match self {
            Self::Tap => {
                launch.devices.network = Some(Network::Tap(TAP.to_owned()));
                let address: Ipv4Addr = USER_ADDRESS.parse().map_err(Error::failed)?;
                Ok(SocketAddr::from((address, port)))
            }
            Self::User => {
                let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::failed)?;
                let at = free.local_addr().map_err(Error::failed)?;
                let publish: Publish =
                    format!("{}:{port}", at.port()).parse().map_err(Error::failed)?;
                launch.devices.network = Some(Network::User(vec![publish]));
                Ok(at)
            }
        }
    }
}

fn ip(args: &str) -> std::result::Result<(), String> {
    let output = std::process::Command::new("ip").args(args.split(' ')).output();
    match output.map_err(|error| format!("ip: {error}"))? {
        output if output.status.success() => Ok(()),
        output => Err(format!("ip {args}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

/// One side of a comparison.
struct Peer {
    side: Side,
    launch: Launch,
    bytes: u64,
    /// Steps in which its smallest memory is searched, KiB.
    step: u64,
    boots: Vec<f64>,
    rates: BTreeMap<String, Vec<f64>>,
}

fn peers(args: &Bench, root: &Path, app: &App) -> Result<Vec<Peer>> {
    // What a user would type; the network is replaced by the benchmark's.
    let mut words: Vec<String> =
        ["unilith", "run", "-q", "-p", "qemu", "--accel", "tcg"].map(str::to_owned).into();
    words.push("--dry-run".to_owned());
    match app.work {
        Work::Serves { .. } => {
            words.extend(["--net".to_owned(), "user".to_owned()]);
            words.push(format!("{}", root.join("apps").join(app.name).display()));
        }
        Work::Ends { program, .. } => {
            let script = root.join("build/bench").join(format!("{}.sql", app.name));
            std::fs::create_dir_all(root.join("build/bench")).map_err(Error::failed)?;
            std::fs::write(&script, job::script(app.requests(args))).map_err(Error::failed)?;
            words.extend(["--net", "none", "--include"].map(str::to_owned));
            words.push(format!("{}:/srv/load.sql", script.display()));
            let rest = [program, "--", "/tmp/load.db", ".read /srv/load.sql"];
            words.extend(rest.map(str::to_owned));
        }
    }
    let Command::Run(run) = Cli::parse_from(words).command else {
        return Err(Error::failed("not a run"));
    };
    let ready: Ready = run::prepare(&run)?;
    let bytes = |launch: &Launch| -> Result<u64> {
        let files = std::iter::once(&launch.image).chain(&launch.initrd);
        files.map(|file| Ok(file.metadata().map_err(Error::failed)?.len())).sum()
    };
    let peer = |side, launch: Launch, step| -> Result<Peer> {
        let bytes = bytes(&launch)?;
        Ok(Peer { side, launch, bytes, step, boots: vec![], rates: BTreeMap::new() })
    };
    let mut peers = Vec::new();
    if args.only != Some(Side::Linux) {
        peers.push(peer(Side::Unilith, ready.launch.clone(), 1024)?);
    }
    // What is native has no peer.
    if args.only != Some(Side::Unilith) && ready.program.is_some() {
        let kernel = linux::kernel(&root.join("build/bench"))?;
        let launch = linux::launch(&kernel, &ready, &root.join("build/bench/rootfs"))?;
        peers.push(peer(Side::Linux, launch, 4096)?);
    }
    Ok(peers)
}

impl App {
    /// Requests that are made of it.
    fn requests(&self, args: &Bench) -> u32 {
        (args.requests / self.share).max(FEWER)
    }
}

fn measure(args: &Bench, app: &App, mut peers: Vec<Peer>, place: &Place) -> Result<Value> {
    let requests = app.requests(args);
    let rounds = args.runs.unwrap_or(3);
    for round in 1..=rounds {
        for peer in &mut peers {
            say(format_args!("unilith: {}: {:?}, round {round}", app.name, peer.side));
            peer.round(requests, app, place)?;
        }
    }
    let mut sides = Map::from_iter([("requests".to_owned(), json!(requests))]);
    for peer in &mut peers {
        say(format_args!("unilith: {}: {:?}, instructions", app.name, peer.side));
        let instructions = peer.instructions(requests, rounds, app, place)?;
        say(format_args!("unilith: {}: {:?}, smallest memory", app.name, peer.side));
        let smallest = peer.smallest_memory(requests, app, place)?;
        sides.insert(
            format!("{:?}", peer.side).to_lowercase(),
            json!({
                "machine": match peer.launch.monitor {
                    Monitor::Qemu { machine, .. } => machine.name(),
                    Monitor::Process => "process",
                },
                "image_bytes": peer.bytes,
                "smallest_memory_kib": smallest,
                "boot_to_first_answer_ms": summary(std::mem::take(&mut peer.boots)),
                "requests_per_second": summaries(std::mem::take(&mut peer.rates)),
                "guest_instructions_per_request": summaries(instructions),
            }),
        );
    }
    Ok(Value::Object(sides))
}

fn summaries(all: BTreeMap<String, Vec<f64>>) -> Map<String, Value> {
    all.into_iter().map(|(name, values)| (name, summary(values))).collect()
}

impl Peer {
    fn failed(&self, app: &App, why: &str) -> Error {
        Error::failed(format!("{} on {:?}: {why}", app.name, self.side))
    }

    /// Boots it, puts it under every load, ends it.
    fn round(&mut self, requests: u32, app: &App, place: &Place) -> Result<()> {
        let (port, probe, loads) = match app.work {
            Work::Serves { port, probe, loads } => (port, probe, loads),
            Work::Ends { load, .. } => {
                let done = job::run(&self.launch, requests, LOAD_LIMIT, || Ok(0))
                    .map_err(|error| self.failed(app, &error.to_string()))?;
                self.boots.push(done.boot.as_secs_f64() * 1e3);
                let rate = f64::from(requests) / done.work.as_secs_f64();
                self.rates.entry(load.to_owned()).or_default().push(rate);
                return Ok(());
            }
        };
        let at = place.connect(&mut self.launch, port)?;
        let mut guest = Guest::start(&self.launch)?;
        let Some(boot) = guest.first_answer(at, probe, BOOT_LIMIT) else {
            return Err(self.failed(app, &format!("no answer\n{}", guest.last_words())));
        };
        self.boots.push(boot.as_secs_f64() * 1e3);
        for load in loads {
            let rate = load
                .run(at, requests, LOAD_LIMIT)
                .map_err(|error| self.failed(app, &format!("{error}\n{}", guest.last_words())))?;
            self.rates.entry(load.name()).or_default().push(rate);
        }
        Ok(())
    }

    /// Instructions that the guest executes for a request of each load: all of them, the
    /// program's, the kernel's, and what else it does meanwhile. It executes none while it halts.
    fn instructions(
        &mut self,
        requests: u32,
        rounds: u32,
        app: &App,
        place: &Place,
    ) -> Result<BTreeMap<String, Vec<f64>>> {
        let counter = Counter::new(&project::root()?.join("build/bench"))?;
        let mut launch = Launch { extra: counter.args(), ..self.launch.clone() };
        let mut found: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let (port, probe, loads) = match app.work {
            Work::Serves { port, probe, loads } => (port, probe, loads),
            Work::Ends { load, .. } => {
                for _ in 0..rounds {
                    let done = job::run(&launch, requests, LOAD_LIMIT, || counter.read())
                        .map_err(|error| self.failed(app, &error.to_string()))?;
                    let each = done.counted as f64 / f64::from(requests);
                    found.entry(load.to_owned()).or_default().push(each.round());
                }
                return Ok(found);
            }
        };
        let at = place.connect(&mut launch, port)?;
        let mut guest = Guest::start(&launch)?;
        if guest.first_answer(at, probe, BOOT_LIMIT).is_none() {
            let words = guest.last_words();
            return Err(self.failed(app, &format!("no answer while counted\n{words}")));
        }
        for load in loads {
            let count = |requests| -> Result<f64> {
                let before = counter.read()?;
                load.run(at, requests, LOAD_LIMIT).map_err(|error| {
                    self.failed(app, &format!("{error}\n{}", guest.last_words()))
                })?;
                Ok(counter.read()? as f64 - before as f64)
            };
            let few = requests / FEWER;
            count(few)?; // what happens at first only
            for _ in 0..rounds {
                let each = (count(requests)? - count(few)?) / f64::from(requests - few);
                found.entry(load.name()).or_default().push(each.round());
            }
        }
        Ok(found)
    }

    /// The smallest memory in which it works, KiB, by bisection.
    fn smallest_memory(&mut self, requests: u32, app: &App, place: &Place) -> Result<u64> {
        let slowest = self.boots.iter().copied().fold(0.0, f64::max);
        let limit = Duration::from_secs_f64(slowest * 3.0 / 1e3) + Duration::from_secs(2);
        let mut launch = self.launch.clone();
        let mut works = |kib: u64| -> Result<bool> {
            launch.memory_kib = kib;
            let (port, probe, loads) = match app.work {
                Work::Serves { port, probe, loads } => (port, probe, loads),
                Work::Ends { .. } => {
                    return Ok(job::run(&launch, requests, limit * 2, || Ok(0)).is_ok());
                }
            };
            let at = place.connect(&mut launch, port)?;
            let mut guest = Guest::start(&launch)?;
            if guest.first_answer(at, probe, limit).is_none() {
                return Ok(false);
            }
            let load = loads.first();
            Ok(load.is_none_or(|load| load.run(at, PROOF, Duration::from_secs(20)).is_ok()))
        };
        let (mut fails, mut enough) = (0, self.launch.memory_kib.div_ceil(self.step));
        while enough - fails > 1 {
            let middle = (fails + enough) / 2;
            if works(middle * self.step)? { enough = middle } else { fails = middle }
        }
        Ok(enough * self.step)
    }
}

fn table(result: &Value) -> String {
    let mut text = format!(
        "servers in QEMU ({}, network {}), medians\n\n{:<60} {:>14} {:>14} {:>8}\n",
        result["accel"].as_str().unwrap_or_default(),
        result["network"].as_str().unwrap_or_default(),
        "",
        "unilith",
        "linux",
        "ratio"
    );
    for (name, app) in result["apps"].as_object().into_iter().flatten() {
        let mut row = |what: &str, path: &[&str]| {
            let value = |side: &str| {
                let found = path.iter().try_fold(&app[side], |at, key| at.get(key));
                found.and_then(Value::as_f64)
            };
            let (ours, theirs) = (value("unilith"), value("linux"));
            let show = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.0}"));
            let ratio = ours.zip(theirs).map(|(a, b)| format!("{:.2}", a / b));
            text.push_str(&format!(
                "{:<60} {:>14} {:>14} {:>8}\n",
                format!("{name}: {what}"),
                show(ours),
                show(theirs),
                ratio.unwrap_or_else(|| "-".to_owned())
            ));
        };
        row("image, bytes", &["image_bytes"]);
        row("smallest memory, KiB", &["smallest_memory_kib"]);
        row("boot to first answer, ms", &["boot_to_first_answer_ms", "median"]);
        let sides = ["unilith", "linux"].map(|side| &app[side]["requests_per_second"]);
        let some = sides.into_iter().find_map(Value::as_object);
        for load in some.into_iter().flatten().map(|(load, _)| load) {
            row(&format!("{load}, 1/s"), &["requests_per_second", load, "median"]);
        }
        let counts = ["unilith", "linux"].map(|side| &app[side]["guest_instructions_per_request"]);
        let some = counts.into_iter().find_map(Value::as_object);
        for load in some.into_iter().flatten().map(|(load, _)| load) {
            let path = ["guest_instructions_per_request", load, "median"];
            row(&format!("{load}, instructions"), &path);
        }
    }
    text
}
