//! `unilith run`

use crate::args::{Accel, Machine, Options, Platform, Run};
use crate::error::{Error, Result};
use crate::output::{UNREAD, Working, print, say};
use crate::project::{self, Subject};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unilith_image::app::Kind;
use unilith_image::build::Image;
use unilith_image::cargo::Progress;
use unilith_image::symbols::symbolise;
use unilith_rootfs::{Source, Spec, cached_image};
use unilith_vmm::{Input, Launch, Monitor, Outcome, encode_word, host, qemu};

/// Exit status of a guest that crashed.
const CRASHED: u8 = 134;
/// Memory for an application that asks for nothing, KiB.
const NATIVE_KIB: u64 = 32 * 1024;
/// Memory for a Linux program beside its root image, KiB.
const ELF_KIB: u64 = 64 * 1024;
/// What a kernel needs beside its image and root image before it can say anything, KiB.
const LEAST_KIB: u64 = 1024;
/// No image takes less once it is loaded, bytes.
const LEAST_IMAGE: u64 = 64 * 1024;
/// What QEMU's PVH loader passes on of a command line, bytes.
const COMMAND_LINE_MAX: usize = 2047;
/// What Linux passes on of one argument, bytes (MAX_ARG_STRLEN without the final NUL).
const ARGUMENT_MAX: usize = 32 * 4096 - 1;

pub fn run(args: &Run) -> Result {
    // Whatever can be wrong is found before anything that takes time.
    let root = project::root()?;
    let subject = project::subject(&args.target.app)?;
    let env = environment(args, &subject)?;
    let timeout = timeout(args)?;
    let mut options = args.target.options.clone();
    if args.timing {
        options.set.push("BOOT_TIMING=y".to_owned());
    }
    let mut choice = choose(&root, &subject, &options)?;
    options.plat = Some(choice.plat);
    project::configure(&root, &subject.app, &options)?;
    if args.accel == Accel::Kvm
        && choice.plat == Platform::Qemu
        && let Err(why) = host::kvm()
    {
        return Err(Error::failed(format!(
            "--accel kvm: {why}; leave out --accel, and the guest is translated"
        )));
    }
    let initrd = root_image(&root, args, &subject)?;
    memory(args, &subject, LEAST_IMAGE, initrd.as_deref())?;
    command_line(args, &subject, choice.plat, &env)?;

    if !args.dry_run {
        choice = provide(choice)?;
        options.plat = Some(choice.plat);
    }
    if let Some(reason) = choice.reason.filter(|_| !args.quiet) {
        let machine = match choice.plat {
            Platform::Qemu => {
                format!("qemu ({}, {})", vmm_machine(args.machine), accel(args).name())
            }
            Platform::Linux => "linux, a plain process".to_owned(),
        };
        say(format_args!("unilith: platform {machine}: {reason}"));
    }
    let (_, _, image) = project::build(&root, &subject.app, &options)?;
    let launch = Launch {
        monitor: monitor(args, choice.plat),
        memory_kib: memory(args, &subject, image.memory, initrd.as_deref())?,
        command_line: command_line(args, &subject, choice.plat, &env)?,
        image: image.image.clone(),
        initrd,
        timeout,
        extra: vec![],
    };
    if args.dry_run {
        return print([launch.command().shell().as_bytes(), b"\n"].concat());
    }
    let outcome = unilith_vmm::run(
        &launch,
        Input::Inherit,
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
    )
    .map_err(Error::failed)?;
    finish(&root, args, &image, launch.memory_kib, &outcome)
}

/// A platform, and why it was chosen if nobody asked for it.
struct Choice {
    plat: Platform,
    reason: Option<String>,
    /// The platform's monitor must be installed first.
    install: bool,
}

/// The platform that was asked for, or the best that this machine has or can have.
fn choose(root: &Path, subject: &Subject, options: &Options) -> Result<Choice> {
    let have = host::find(qemu::PROGRAM).is_some();
    let asked = match options.plat {
        Some(plat) => Some(plat),
        None => {
            // The application's own configuration may say it, or --set.
            let wanted = project::configure(root, &subject.app, options)?.wanted;
            let said = |plat: &Platform| wanted.get(plat.symbol()) == Some("y");
            [Platform::Qemu, Platform::Linux].into_iter().find(said)
        }
    };
    let install = !have && asked != Some(Platform::Linux);
    if let Some(plat) = asked {
        return Ok(Choice { plat, reason: None, install });
    }
    let (plat, reason) = match host::can_install(&[qemu::PACKAGE]) {
        _ if have => (Platform::Qemu, "it is installed".to_owned()),
        Ok(_) => (Platform::Qemu, "just installed".to_owned()),
        Err(error) => (Platform::Linux, format!("no QEMU: {error}")),
    };
    Ok(Choice { plat, reason: Some(reason), install: install && plat == Platform::Qemu })
}

/// Installs what the chosen platform needs, or falls back to the one that needs nothing.
fn provide(choice: Choice) -> Result<Choice> {
    if !choice.install {
        return Ok(choice);
    }
    match host::install(&[qemu::PACKAGE], "images run in its virtual machines") {
        Ok(()) => Ok(choice),
        Err(error) if choice.reason.is_some() => Ok(Choice {
            plat: Platform::Linux,
            reason: Some(format!("no QEMU: {error}")),
            install: false,
        }),
        Err(error) => Err(Error::failed(format!("{error}\nor run without a machine: -p linux"))),
    }
}

fn timeout(args: &Run) -> Result<Option<Duration>> {
    let Some(seconds) = args.timeout else { return Ok(None) };
    match Duration::try_from_secs_f64(seconds) {
        Ok(limit) if !limit.is_zero() => Ok(Some(limit)),
        _ => Err(Error::usage("--timeout: give a number of seconds above 0, such as 10 or 0.5")),
    }
}

fn vmm_machine(machine: Machine) -> qemu::Machine {
    match machine {
        Machine::Microvm => qemu::Machine::Microvm,
        Machine::Pc => qemu::Machine::Pc,
        Machine::Q35 => qemu::Machine::Q35,
    }
}

fn accel(args: &Run) -> qemu::Accel {
    match args.accel {
        Accel::Auto => qemu::Accel::auto(),
        Accel::Tcg => qemu::Accel::Tcg,
        Accel::Kvm => qemu::Accel::Kvm,
    }
}

fn monitor(args: &Run, plat: Platform) -> Monitor {
    match plat {
        Platform::Qemu => Monitor::Qemu { machine: vmm_machine(args.machine), accel: accel(args) },
        Platform::Linux => Monitor::Process,
    }
}

/// The application's environment: names and values as the guest shall have them.
fn environment(args: &Run, subject: &Subject) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let own = subject.app.env.iter();
    let mut env: Vec<(Vec<u8>, Vec<u8>)> =
        own.map(|(name, value)| (name.clone().into_bytes(), value.clone().into_bytes())).collect();
    for assignment in &args.env {
        let mut parts = assignment.as_bytes().splitn(2, |&byte| byte == b'=');
        match (parts.next(), parts.next()) {
            (Some(name), Some(value)) if !name.is_empty() => {
                env.retain(|(known, _)| known != name);
                env.push((name.to_owned(), value.to_owned()));
            }
            _ => {
                let assignment = assignment.display();
                return Err(Error::usage(format!("--env {assignment}: give NAME=VALUE")));
            }
        }
    }
    Ok(env)
}

/// Where the guest has file systems of its own: a program there would be hidden behind them.
const MOUNTED: [&str; 2] = ["/tmp", "/dev"];

/// The program's place in the guest: where it is on this machine, if that can be.
fn guest_path(program: &Path) -> Result<String> {
    let path = std::path::absolute(program).map_err(Error::failed)?;
    // `.` and `..` would mean something else among the guest's directories.
    let path = if path.components().any(|c| c.as_os_str() == "..") {
        path.canonicalize().map_err(Error::failed)?
    } else {
        path
    };
    let path = match path.file_name() {
        Some(name) if MOUNTED.iter().any(|place| path.starts_with(place)) => {
            Path::new("/program").join(name)
        }
        _ => path,
    };
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Error::usage(format!("{}: a path that is not UTF-8; rename it", path.display()))
    })
}

/// The root file system with the program in it, from the cache if nothing has changed.
fn root_image(root: &Path, args: &Run, subject: &Subject) -> Result<Option<PathBuf>> {
    let configured = subject.app.rootfs.as_ref().map(|path| subject.app.directory.join(path));
    let source = args.rootfs.clone().or(configured);
    if source.is_none() && subject.program.is_none() {
        return Ok(None);
    }
    let mut spec = Spec::default();
    if let Some(path) = source {
        spec.sources.push(Source::detect(&path)?);
    }
    if let Some(program) = &subject.program {
        spec.files.push((guest_path(program)?, program.clone()));
        spec.needs = subject.interpreter.clone();
    }
    let mut working = Working::new("packing the root file system");
    let image = cached_image(&spec, &root.join("build/rootfs"), || working.step(""));
    match (image, &subject.program) {
        (Err(unilith_rootfs::Error::Lacks { path }), Some(program)) => Err(Error::usage(format!(
            "{}: a dynamic program that needs {path}, which the root file system lacks; give --rootfs a directory that has it and the libraries, or a statically linked program",
            program.display()
        ))),
        (result, _) => Ok(Some(result?)),
    }
}

/// The memory of the machine, in KiB; `image` is what the image takes, in bytes.
fn memory(args: &Run, subject: &Subject, image: u64, initrd: Option<&Path>) -> Result<u64> {
    let initrd_kib = match initrd {
        Some(path) => path.metadata().map_err(Error::failed)?.len().div_ceil(1024),
        None => 0,
    };
    let program_kib = match &subject.program {
        // Its segments are copied into pages of their own.
        Some(path) => path.metadata().map_err(Error::failed)?.len().div_ceil(1024) + 512,
        None => 0,
    };
    let image_kib = image.div_ceil(1024);
    let least = LEAST_KIB + image_kib + initrd_kib + program_kib;
    match args.memory.map(|mib| mib * 1024) {
        Some(kib) if kib < least => {
            let parts = [
                ("the image", LEAST_KIB + image_kib),
                ("the root file system", initrd_kib),
                ("the program", program_kib),
            ];
            let parts = parts.iter().filter(|(_, kib)| *kib > 0);
            let parts: Vec<String> = parts.map(|(of, kib)| format!("{of} {kib} KiB")).collect();
            Err(Error::failed(format!(
                "{} MiB of memory is too little: there must be room for {}; give -m {} or more",
                kib / 1024,
                parts.join(", "),
                least.div_ceil(1024)
            )))
        }
        Some(kib) => Ok(kib),
        None if subject.app.kind == Kind::Elf => {
            Ok((ELF_KIB + initrd_kib + program_kib).next_multiple_of(1024))
        }
        None => Ok((NATIVE_KIB + initrd_kib).next_multiple_of(1024)),
    }
}

fn command_line(
    args: &Run,
    subject: &Subject,
    plat: Platform,
    env: &[(Vec<u8>, Vec<u8>)],
) -> Result<String> {
    let mut words = Vec::new();
    if !args.dry_run {
        // A person who starts the image by hand has nobody to decode the console.
        words.push("unilith.framed".to_owned());
    }
    if plat == Platform::Qemu && unilith_vmm::on_terminal() {
        words.push("unilith.tty".to_owned());
    }
    if let Some(program) = &subject.program {
        words.push(encode_word(format!("unilith.program={}", guest_path(program)?).as_bytes()));
        let argv0 = [b"unilith.argv0=", program.as_os_str().as_bytes()].concat();
        words.push(encode_word(&argv0));
    }
    for (name, value) in env {
        words.push(encode_word(&[b"env.", name.as_slice(), b"=", value].concat()));
    }
    let own: Vec<&OsStr> = if args.args.is_empty() {
        subject.app.args.iter().map(OsStr::new).collect()
    } else {
        args.args.iter().map(AsRef::as_ref).collect()
    };
    if !own.is_empty() {
        words.push("--".to_owned());
        words.extend(own.iter().map(|arg| encode_word(arg.as_bytes())));
    }
    let line = words.join(" ");
    let (most, remedy) = match plat {
        Platform::Qemu => (COMMAND_LINE_MAX, "give fewer, or run with -p linux"),
        Platform::Linux => (ARGUMENT_MAX, "give fewer"),
    };
    if line.len() > most {
        return Err(Error::usage(format!(
            "arguments and environment take {} bytes, and there is room for {most}; {remedy}",
            line.len()
        )));
    }
    Ok(line)
}

/// Reports what is to be reported, and finds the exit status.
fn finish(root: &Path, args: &Run, image: &Image, memory_kib: u64, outcome: &Outcome) -> Result {
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
