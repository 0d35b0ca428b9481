//! What a run that has ended is told to the user.

use crate::args::Run;
use crate::error::{Error, Result};
use crate::output::{UNREAD, say};
use std::path::Path;
use std::time::Duration;
use unilith_image::build::Image;
use unilith_image::symbols::symbolise;
use unilith_vmm::Outcome;

/// Exit status of a guest that crashed.
const CRASHED: u8 = 134;

/// Reports what is to be reported, and finds the exit status.
pub fn finish(
    root: &Path,
    args: &Run,
    image: &Image,
    memory_kib: u64,
    outcome: &Outcome,
) -> Result {
    if !outcome.frames.is_empty() {
        say(format_args!("backtrace:"));
        match symbolise(root, &image.debug_image, &outcome.frames) {
            Ok(lines) => {
                lines.iter().for_each(|line| say(format_args!("  {line}")));
                if lines.iter().any(|line| line.contains("alloc_error_handler")) {
                    let mib = memory_kib / 1024;
                    say(format_args!(
                        "unilith: out of memory: the image had {mib} MiB; give it more with -m"
                    ));
                }
            }
            Err(error) => say(format_args!("  (no names: {error})")),
        }
    }
    if args.timing {
        show_timing(outcome);
    }
    if outcome.unread {
        return Ok(UNREAD);
    }
    if outcome.timed_out {
        let limit = args.timeout.unwrap_or_default();
        say(format_args!("unilith: ended: the time limit of {limit} s has passed (--timeout)"));
    }
    if let Some(signal) = outcome.ended_by {
        let name = if signal == 2 { "SIGINT".to_owned() } else { format!("signal {signal}") };
        say(format_args!("unilith: ended: the guest did not end at {name}"));
    }
    match outcome.status {
        Some(status) => Ok(status),
        None if outcome.monitor_error.is_empty() => {
            say(format_args!(
                "unilith: the machine stopped without a word (a reset, as after a triple fault)"
            ));
            Ok(CRASHED)
        }
        None => {
            let said = outcome.monitor_error.trim();
            let remedy = if said.contains("Cannot allocate memory") {
                "this machine has less memory than that; give a smaller -m"
            } else {
                "--dry-run shows the command"
            };
            Err(Error::failed(format!("the machine cannot be started: {said}; {remedy}")))
        }
    }
}

fn show_timing(outcome: &Outcome) {
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    if let Some(first) = outcome.first_byte {
        say(format_args!("{:>12.2} ms  from start to the guest's first byte", ms(first)));
    }
    say(format_args!("{:>12.2} ms  from start to end", ms(outcome.total)));
    let mut before = outcome.marks.first().map_or(0, |(_, cycles)| *cycles);
    for (name, cycles) in &outcome.marks {
        say(format_args!("{:>12} cycles  {name}", cycles.wrapping_sub(before)));
        before = *cycles;
    }
}
