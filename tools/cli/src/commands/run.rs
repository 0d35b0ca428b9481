//! `unilith run`

use crate::args::{Accel, Machine, Platform, Run};
use crate::error::{Error, Result};
use crate::project::{self, Subject};
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unilith_image::app::Kind;
use unilith_image::build::Image;
use unilith_image::symbols::symbolise;
use unilith_rootfs::{Source, Spec, Tree, cached_image};
use unilith_vmm::{Input, Launch, Monitor, Outcome, encode_word, host, qemu};

/// Exit status of a guest that crashed.
const CRASHED: u8 = 134;
/// Memory for an application that asks for nothing, KiB.
const NATIVE_KIB: u64 = 32 * 1024;
/// Memory for a Linux program beside its root image, KiB.
const ELF_KIB: u64 = 64 * 1024;
/// What a kernel needs beside its image and root image before it can say anything, KiB.
const LEAST_KIB: u64 = 1024;
/// What QEMU's PVH loader passes on of a command line.
const COMMAND_LINE_MAX: usize = 2047;

pub fn run(args: &Run) -> Result {
    let root = project::root()?;
    let subject = project::subject(&args.target.app)?;
    let env = environment(args, &subject)?;
    if let Some(seconds) = args.timeout
        && !(seconds.is_finite() && seconds > 0.0)
    {
        return Err(Error::usage("--timeout: give a number of seconds above 0"));
    }
    let plat = platform(args)?;
    let mut set = args.target.set.clone();
    if args.timing {
        set.push("BOOT_TIMING=y".to_owned());
    }
    let (_, _, image) = project::build(&root, &subject.app, plat, &set, project::on_terminal())?;
    let initrd = root_image(&root, args, &subject)?;
    let launch = Launch {
        monitor: monitor(args, plat),
        memory_kib: memory(args, &subject, &image, initrd.as_deref())?,
        command_line: command_line(args, &subject, plat, &env)?,
        image: image.image.clone(),
        initrd,
        timeout: args.timeout.map(Duration::from_secs_f64),
        extra: vec![],
    };
    if args.dry_run {
        println!("{}", launch.command().shell());
        return Ok(0);
    }
    let outcome = unilith_vmm::run(
        &launch,
        Input::Inherit,
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
    )
    .map_err(Error::failed)?;
    finish(&root, args, &image, &outcome)
}

/// The platform that was asked for, or the best that this machine has.
fn platform(args: &Run) -> Result<Platform> {
    let have = || host::find(qemu::PROGRAM).is_some();
    let why = "images run in its virtual machines";
    match args.target.plat {
        Some(Platform::Linux) => Ok(Platform::Linux),
        Some(Platform::Qemu) => {
            if !have() && !args.dry_run {
                host::install(&[qemu::PACKAGE], why).map_err(Error::failed)?;
            }
            Ok(Platform::Qemu)
        }
        None => {
            let reason = if have() {
                Ok("it is installed")
            } else {
                host::install(&[qemu::PACKAGE], why).map(|()| "just installed")
            };
            let (plat, line) = match reason {
                Ok(reason) => (
                    Platform::Qemu,
                    format!(
                        "platform qemu ({}, {}): {reason}",
                        vmm_machine(args.machine),
                        accel(args).name()
                    ),
                ),
                Err(error) => {
                    (Platform::Linux, format!("platform linux, a plain process: no QEMU: {error}"))
                }
            };
            if !args.quiet {
                eprintln!("unilith: {line}");
            }
            Ok(plat)
        }
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

fn environment(args: &Run, subject: &Subject) -> Result<Vec<(String, String)>> {
    let mut env: Vec<(String, String)> = subject.app.env.clone().into_iter().collect();
    for assignment in &args.env {
        match assignment.split_once('=') {
            Some((name, value)) if !name.is_empty() => {
                env.retain(|(known, _)| known != name);
                env.push((name.to_owned(), value.to_owned()));
            }
            _ => return Err(Error::usage(format!("--env {assignment}: give NAME=VALUE"))),
        }
    }
    Ok(env)
}

/// The program's place in the guest: where it is on this machine.
fn guest_path(program: &Path) -> Result<String> {
    let path = std::path::absolute(program).map_err(Error::failed)?;
    // `.` and `..` would mean something else among the guest's directories.
    let path = if path.components().any(|c| c.as_os_str() == "..") {
        path.canonicalize().map_err(Error::failed)?
    } else {
        path
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
    let mut spec = Spec { sources: vec![], files: vec![] };
    if let Some(path) = source {
        spec.sources.push(Source::detect(&path).map_err(Error::usage)?);
    }
    if let Some(program) = &subject.program {
        spec.files.push((guest_path(program)?, program.clone()));
        if let Some(interpreter) = &subject.interpreter {
            check_interpreter(&spec, program, interpreter)?;
        }
    }
    cached_image(&spec, &root.join("build/rootfs")).map(Some).map_err(Error::usage)
}

fn check_interpreter(spec: &Spec, program: &Path, interpreter: &str) -> Result<()> {
    let mut tree = Tree::new();
    for source in &spec.sources {
        tree.add_source(source).map_err(Error::usage)?;
    }
    if tree.contains(interpreter) {
        return Ok(());
    }
    Err(Error::usage(format!(
        "{}: a dynamic program that needs {interpreter}, which the root file system lacks; give --rootfs a directory that has it and the libraries, or a statically linked program",
        program.display()
    )))
}

fn memory(args: &Run, subject: &Subject, image: &Image, initrd: Option<&Path>) -> Result<u64> {
    let initrd_kib = match initrd {
        Some(path) => path.metadata().map_err(Error::failed)?.len().div_ceil(1024),
        None => 0,
    };
    let program_kib = match &subject.program {
        // Its segments are copied into pages of their own.
        Some(path) => path.metadata().map_err(Error::failed)?.len().div_ceil(1024) + 512,
        None => 0,
    };
    let least = LEAST_KIB + image.memory.div_ceil(1024) + initrd_kib + program_kib;
    match args.memory.map(|mib| mib * 1024) {
        Some(kib) if kib < least => Err(Error::failed(format!(
            "{} MiB of memory is too little: the image takes {} KiB, the root file system {} KiB, the program {} KiB; give -m {} or more",
            kib / 1024,
            image.memory.div_ceil(1024),
            initrd_kib,
            program_kib,
            least.div_ceil(1024)
        ))),
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
    env: &[(String, String)],
) -> Result<String> {
    let mut words = vec!["unilith.framed".to_owned()];
    if plat == Platform::Qemu && std::io::stdin().is_terminal() && std::io::stdout().is_terminal() {
        words.push("unilith.tty".to_owned());
    }
    if let Some(program) = &subject.program {
        words.push(encode_word(format!("unilith.program={}", guest_path(program)?).as_bytes()));
        let argv0 = [b"unilith.argv0=", program.as_os_str().as_bytes()].concat();
        words.push(encode_word(&argv0));
    }
    for (name, value) in env {
        words.push(encode_word(format!("env.{name}={value}").as_bytes()));
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
    if plat == Platform::Qemu && line.len() > COMMAND_LINE_MAX {
        return Err(Error::usage(format!(
            "arguments and environment take {} bytes; a virtual machine's command line holds {COMMAND_LINE_MAX}",
            line.len()
        )));
    }
    Ok(line)
}

/// Reports what is to be reported, and finds the exit status.
fn finish(root: &Path, args: &Run, image: &Image, outcome: &Outcome) -> Result {
    if !outcome.frames.is_empty() {
        eprintln!("backtrace:");
        match symbolise(root, &image.debug_image, &outcome.frames) {
            Ok(lines) => lines.iter().for_each(|line| eprintln!("  {line}")),
            Err(error) => eprintln!("  (no names: {error})"),
        }
    }
    if args.timing {
        show_timing(outcome);
    }
    if outcome.timed_out {
        eprintln!("unilith: ended after {} s", outcome.total.as_secs_f32());
    }
    match outcome.status {
        Some(status) => Ok(status),
        None if outcome.monitor_error.is_empty() => {
            eprintln!(
                "unilith: the machine stopped without a word (a reset, as after a triple fault)"
            );
            Ok(CRASHED)
        }
        None => Err(Error::failed(format!("the monitor failed: {}", outcome.monitor_error.trim()))),
    }
}

fn show_timing(outcome: &Outcome) {
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    if let Some(first) = outcome.first_byte {
        eprintln!("{:>12.2} ms  from start to the guest's first byte", ms(first));
    }
    eprintln!("{:>12.2} ms  from start to end", ms(outcome.total));
    let mut before = outcome.marks.first().map_or(0, |(_, cycles)| *cycles);
    for (name, cycles) in &outcome.marks {
        eprintln!("{:>12} cycles  {name}", cycles.wrapping_sub(before));
        before = *cycles;
    }
}
