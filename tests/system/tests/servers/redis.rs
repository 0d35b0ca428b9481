//! redis-server, as its own tools see it.

use crate::succeeded;
use std::process::Command;
use std::time::{Duration, Instant};
use unilith_harness::{Guest, Server, bounded};

pub fn start(options: &[&str], args: &[&str]) -> Server {
    start_for(300, options, args)
}

/// Runs for so many seconds at most.
fn start_for(seconds: u64, options: &[&str], args: &[&str]) -> Server {
    let own = ["--save", "", "--appendonly", "no", "--protected-mode", "no"];
    let guest = Guest::new("/usr/bin/redis-server").timeout(seconds);
    let guest = guest.options(options.iter().copied());
    guest.args(own.iter().chain(args).copied()).serve(6379, b"PING\r\n", b"+PONG\r\n")
}

/// What `redis-cli` prints for a command.
#[track_caller]
pub fn redis(server: &Server, command: &[&str]) -> String {
    let mut cli = Command::new("redis-cli");
    cli.args(["-p", &server.port().to_string()]).args(command);
    succeeded(&bounded(&mut cli, 60)).trim_end().to_owned()
}

/// A number of `INFO`.
#[track_caller]
pub fn info(server: &Server, name: &str) -> u64 {
    let all = redis(server, &["INFO", "everything"]);
    let line = all.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}:")));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name}: {all}"))
}

/// Runs `redis-benchmark`: every test ends, without an error.
#[track_caller]
pub fn benchmark(server: &Server, seconds: u64, args: &[&str]) {
    let mut command = Command::new("redis-benchmark");
    command.args(["-p", &server.port().to_string(), "--csv"]).args(args);
    let output = bounded(&mut command, seconds);
    let text = succeeded(&output);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    // What it has to say about ports of this machine.
    let silent = errors.lines().all(|line| line.is_empty() || line.starts_with("WARNING"));
    assert!(silent && !text.to_lowercase().contains("error"), "{text}{errors}");
    let rates = text.lines().skip(1).map(|line| {
        let rate = line.split("\",\"").nth(1).and_then(|rate| rate.parse::<f64>().ok());
        println!("redis {args:?}: {line}");
        rate.unwrap_or_else(|| panic!("{line}"))
    });
    let rates: Vec<f64> = rates.collect();
    assert!(!rates.is_empty() && rates.iter().all(|&rate| rate > 0.0), "{text}");
}

#[test]
fn a_hundred_thousand_requests_of_fifty_clients() {
    let server = start(&[], &[]);
    for pipeline in ["1", "16"] {
        let load = ["-n", "100000", "-c", "50", "-P", pipeline, "-t"];
        benchmark(&server, 120, &[&load[..], &["set,get"]].concat());
    }
    // All that it has, shorter.
    benchmark(&server, 120, &["-n", "3000", "-c", "50", "-P", "16"]);
    benchmark(&server, 120, &["-n", "2000", "-c", "10", "-d", "20000", "-t", "set,get"]);
    let (used, resident) = (info(&server, "used_memory"), server.guest_kib());
    for _ in 0..2 {
        benchmark(&server, 120, &["-n", "50000", "-c", "50", "-P", "16", "-t", "set,get"]);
    }
    let (used_after, resident_after) = (info(&server, "used_memory"), server.guest_kib());
    println!("redis: used {used} -> {used_after} B, guest {resident} -> {resident_after} KiB");
    assert!(used_after < used + 1024 * 1024, "{used} B became {used_after} B");
    assert!(resident_after < resident + 4 * 1024, "{resident} KiB became {resident_after} KiB");
    assert_eq!(redis(&server, &["SHUTDOWN", "NOSAVE"]), "");
    server.ended().expect_status(0);
}

/// Half an hour of everything at once, in which no memory is lost. Minutes are another number if
/// `UNILITH_SOAK_MINUTES` says so.
#[test]
#[ignore = "half an hour; unilith test --nightly"]
fn half_an_hour_of_mixed_load() {
    let minutes = std::env::var("UNILITH_SOAK_MINUTES").ok().and_then(|text| text.parse().ok());
    let minutes: u64 = minutes.unwrap_or(30);
    let server = start_for(60 * minutes + 600, &["-m", "192"], &[]);
    let start = Instant::now();
    let end = start + Duration::from_secs(60 * minutes);
    let mut settled: Option<(u64, u64)> = None;
    for round in 0.. {
        if Instant::now() > end {
            break;
        }
        for load in [
            &["-n", "20000", "-c", "50", "-r", "1000"][..],
            &["-n", "50000", "-c", "50", "-P", "16", "-r", "10000", "-t", "set,get,incr"],
            &["-n", "2000", "-c", "10", "-d", "30000", "-t", "set,get"],
            &["-n", "3000", "-c", "200", "-k", "0", "-t", "ping,set,get"],
        ] {
            benchmark(&server, 600, load);
        }
        assert_eq!(redis(&server, &["FLUSHALL"]), "OK");
        let now = (info(&server, "used_memory"), server.guest_kib());
        println!("redis, round {round}: {} B used, guest {} KiB", now.0, now.1);
        match settled {
            Some((used, guest)) => {
                assert!(now.0 < used + 1024 * 1024, "{used} B became {} B", now.0);
                assert!(now.1 < guest + 4 * 1024, "{guest} KiB became {} KiB", now.1);
            }
            // What is touched is what was needed at once at the worst moment so far: buffers grow
            // as clients happen to fill them. After a third of the time there was such a moment.
            None => settled = (start.elapsed().as_secs() > 20 * minutes).then_some(now),
        }
    }
    assert_eq!(redis(&server, &["SHUTDOWN", "NOSAVE"]), "");
    server.ended().expect_status(0);
}

/// A command and what is said to it.
const COMMANDS: &[(&[&str], &str)] = &[
    (&["SET", "s", "value", "EX", "100"], "OK"),
    (&["GETRANGE", "s", "1", "3"], "alu"),
    (&["TTL", "s"], "100"),
    (&["INCRBYFLOAT", "f", "10.5"], "10.5"),
    (&["SETBIT", "bits", "7", "1"], "0"),
    (&["BITCOUNT", "bits"], "1"),
    (&["RPUSH", "l", "a", "b", "c"], "3"),
    (&["LRANGE", "l", "0", "-1"], "a\nb\nc"),
    (&["LPOS", "l", "c"], "2"),
    (&["HSET", "h", "x", "1", "y", "2"], "2"),
    (&["HINCRBY", "h", "x", "41"], "42"),
    (&["SADD", "set", "1", "2", "3"], "3"),
    (&["SMEMBERS", "set"], "1\n2\n3"),
    (&["ZADD", "z", "2", "b", "1", "a"], "2"),
    (&["ZRANGE", "z", "0", "-1", "WITHSCORES"], "a\n1\nb\n2"),
    (&["GEOADD", "g", "13.361389", "38.115556", "Palermo"], "1"),
    (&["GEOHASH", "g", "Palermo"], "sqc8b49rny0"),
    (&["PFADD", "hll", "a", "b", "c"], "1"),
    (&["PFCOUNT", "hll"], "3"),
    (&["XADD", "stream", "1-1", "field", "value"], "1-1"),
    (&["XLEN", "stream"], "1"),
    (&["EVAL", "return redis.call('INCR', KEYS[1]) * 2", "1", "n"], "2"),
    (&["OBJECT", "ENCODING", "set"], "intset"),
    (&["CONFIG", "GET", "maxclients"], "maxclients\n10000"),
    (&["CONFIG", "SET", "maxmemory", "30mb"], "OK"),
    (&["BLPOP", "nothing", "0.2"], ""),
    (&["DEBUG", "SLEEP", "0.1"], "OK"),
    (&["WAIT", "0", "10"], "0"),
    (&["SAVE"], "OK"),
    (&["DBSIZE"], "11"),
    (&["DEBUG", "RELOAD"], "OK"),
    (&["DBSIZE"], "11"),
    (&["GET", "s"], "value"),
    (&["FLUSHALL", "ASYNC"], "OK"),
    (&["DBSIZE"], "0"),
];

#[test]
fn data_types_and_what_needs_a_fork() {
    let server = start(&[], &["--enable-debug-command", "yes"]);
    for (command, answer) in COMMANDS {
        assert_eq!(redis(&server, command), *answer, "{command:?}");
    }
    // There is no fork: it says so, and goes on.
    for command in ["BGSAVE", "BGREWRITEAOF"] {
        assert!(redis(&server, &[command]).starts_with("ERR"), "{command}");
    }
    assert!(server.log().contains("fork: Function not implemented"), "{}", server.log());
    let total = info(&server, "total_system_memory");
    let (used, resident) = (info(&server, "used_memory"), info(&server, "used_memory_rss"));
    assert!(used > 500_000 && used < resident && resident < total, "{used} {resident} {total}");
    assert!((32 << 20..512 << 20).contains(&total), "{total}");
    // A large value, there and back.
    let large = "x".repeat(100_000);
    assert_eq!(redis(&server, &["SET", "large", &large]), "OK");
    assert_eq!(redis(&server, &["GET", "large"]), large);
    server.stop().expect_status(0).expect_stderr(&["fork"]);
}

#[test]
fn a_full_memory_is_the_servers_own_error() {
    let server = start(&[], &["--maxmemory", "3mb"]);
    let value = "v".repeat(50_000);
    let said: Vec<String> =
        (0..80).map(|i| redis(&server, &["SET", &format!("key{i}"), &value])).collect();
    assert!(said[0] == "OK" && said[79].starts_with("OOM command not allowed"), "{}", said[79]);
    assert_eq!(redis(&server, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]), "OK");
    assert_eq!(redis(&server, &["SET", "more", &value]), "OK");
    server.stop().expect_status(0);
}
