//! The command line's grammar. An integration test, because the crate calls the platform.

use proptest::prelude::*;
use unilith_cmdline::{CommandLine, Word};

struct Fake;

impl unilith_fakes::Machine for Fake {
    fn command_line() -> &'static [u8] {
        b"unilith.a=1 -- x"
    }
}

unilith_platform::bind!(unilith_fakes::Platform<Fake>);

fn text(word: Word<'_>) -> Vec<u8> {
    word.bytes().collect()
}

#[test]
fn the_platforms_line_is_read() {
    assert!(unilith_cmdline::option("unilith.a").is_some_and(|word| word.eq_str("1")));
    assert!(!unilith_cmdline::flag("unilith.a"));
    assert_eq!(unilith_cmdline::args().map(text).collect::<Vec<_>>(), [b"x"]);
    assert_eq!(unilith_cmdline::env().count(), 0);
}

#[test]
fn an_option_may_have_several_values() {
    let line = CommandLine::new(b"m=a:/x n m=b%20c:/y env.m=z -- m=no");
    let values: Vec<_> = line.values("m").map(text).collect();
    assert_eq!(values, [&b"a:/x"[..], b"b c:/y"]);
    assert_eq!(line.values("n").count(), 0);
}

#[test]
fn options_flags_environment_and_arguments() {
    let line = CommandLine::new(
        b"  tty a=1 a=b=2 env.HOME=/r%20t env.EMPTY= env.=x -- -- tty%2 %00%ff a=3 ",
    );
    assert!(line.flag("tty") && !line.flag("a") && !line.flag("env.HOME"));
    assert!(line.option("a").is_some_and(|word| word.eq_str("b=2")));
    assert!(line.option("tty").is_none());
    let env: Vec<_> = line.env().map(|(name, value)| (text(name), text(value))).collect();
    assert_eq!(env, [(b"HOME".to_vec(), b"/r t".to_vec()), (b"EMPTY".to_vec(), vec![])]);
    let args: Vec<_> = line.args().map(text).collect();
    assert_eq!(args, [&b"--"[..], b"tty%2", b"\0\xff", b"a=3"]);
    assert_eq!(Word::new(b"%ffx%41").to_string(), "\u{fffd}xA");
}

proptest! {
    #[test]
    fn every_byte_string_can_be_an_argument(args: Vec<Vec<u8>>) {
        let mut line = b"--".to_vec();
        for arg in &args {
            line.extend(if arg.is_empty() { &b" %"[..] } else { b" " });
            for byte in arg {
                line.extend(format!("%{byte:02x}").bytes());
            }
        }
        let line = CommandLine::new(&line);
        prop_assert_eq!(line.args().map(text).collect::<Vec<_>>(), args);
    }

    #[test]
    fn no_line_is_too_odd(line: Vec<u8>) {
        let line = CommandLine::new(&line);
        let _ = (line.option("a"), line.flag("a"));
        line.args().for_each(|arg| drop(text(arg)));
        line.env().for_each(|(name, value)| drop((text(name), text(value))));
    }
}
