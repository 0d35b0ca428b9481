//! `unilith run`

use crate::args::{Accel, Machine, Options, Platform, Run, Trace};
mod plan;
mod report;
mod root;

use crate::error::{Error, Result};
use crate::output::{print, say};
use crate::project::{self, Subject};
use plan::Plan;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use unilith_image::app::App;
use unilith_image::build::Image;
use unilith_vmm::{Input, Launch, Monitor, encode_word, host, qemu};

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
    let ready = prepare(args)?;
    if args.dry_run {
        return print([ready.launch.command().shell().as_bytes(), b"\n"].concat());
    }
    let outcome = unilith_vmm::run(
        &ready.launch,
        Input::Inherit,
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
    )
    .map_err(Error::failed)?;
    report::finish(&ready.root, args, &ready.image, ready.launch.memory_kib, &outcome)
}

/// A run that only has to be started.
pub struct Ready {
    root: PathBuf,
    pub image: Image,
    pub launch: Launch,
    /// The program's place in the guest, and its arguments.
    pub program: Option<String>,
    pub args: Vec<OsString>,
    pub env: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Does everything that comes before the start.
pub fn prepare(args: &Run) -> Result<Ready> {
    // Whatever can be wrong is found before anything that takes time.
    let root = project::root()?;
    let mut subject = project::subject(&args.target.app)?;
    let timeout = timeout(args)?;
    let mut plan = Plan::new(args, &subject.app)?;
    if subject.app.directory == Path::new("") && plan.serves() {
        subject.app = App::elf(true);
    }
    let env = environment(args, &subject)?;
    let mut options = args.target.options.clone();
    if args.timing {
        options.set.push("BOOT_TIMING=y".to_owned());
    }
    if args.trace == Some(Trace::Syscalls) {
        if !subject.app.kind.is_program() {
            return Err(Error::usage(
                "--trace syscalls is for Linux programs: a native application makes no system calls",
            ));
        }
        options.set.push("SYSCALL_TRACE=y".to_owned());
    }
    let mut choice = choose(&root, &subject, &options)?;
    options.plat = Some(choice.plat);
    let configuration = project::configure(&root, &subject.app, &options)?;
    plan.settle(&configuration)?;
    if args.accel == Accel::Kvm
        && choice.plat == Platform::Qemu
        && let Err(why) = host::kvm()
    {
        return Err(Error::failed(format!(
            "--accel kvm: {why}; leave out --accel, and the guest is translated"
        )));
    }
    if args.icount.is_some() && (choice.plat != Platform::Qemu || args.accel == Accel::Kvm) {
        return Err(Error::usage(
            "--icount is for machines that QEMU translates: -p qemu --accel tcg",
        ));
    }
    if !args.dry_run {
        plan.check_ports()?;
    }
    project::provide_program(&mut subject)?;
    let initrd = root::image(&root, args, &subject, &plan, &env)?;
    memory(args, &subject, LEAST_IMAGE, initrd.as_deref())?;
    command_line(args, &subject, choice.plat, &plan, &env)?;

    if !args.dry_run {
        choice = provide(choice)?;
        options.plat = Some(choice.plat);
        plan.settle(&project::configure(&root, &subject.app, &options)?)?;
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
        command_line: command_line(args, &subject, choice.plat, &plan, &env)?,
        image: image.image.clone(),
        initrd,
        devices: plan.devices,
        timeout,
        extra: icount(args.icount),
    };
    let program = subject.program.as_ref().map(|p| root::guest_path(&p.path)).transpose()?;
    Ok(Ready { root, image, launch, program, args: arguments(args, &subject)?, env })
}

/// See `--icount`.
fn icount(shift: Option<u8>) -> Vec<OsString> {
    let option = |shift| ["-icount".into(), format!("shift={shift},sleep=off").into()];
    shift.into_iter().flat_map(option).collect()
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
        Accel::Auto if args.icount.is_some() => qemu::Accel::Tcg,
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

/// The memory of the machine, in KiB; `image` is what the image takes, in bytes.
fn memory(args: &Run, subject: &Subject, image: u64, initrd: Option<&Path>) -> Result<u64> {
    let initrd_kib = match initrd {
        Some(path) => path.metadata().map_err(Error::failed)?.len().div_ceil(1024),
        None => 0,
    };
    let program_kib = match &subject.program {
        // Its segments are copied into pages of their own.
        Some(p) => p.path.metadata().map_err(Error::failed)?.len().div_ceil(1024) + 512,
        None => 0,
    };
    let image_kib = image.div_ceil(1024);
    let least = LEAST_KIB + image_kib + initrd_kib + program_kib;
    match args.memory.or(subject.app.memory).map(|mib| mib * 1024) {
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
        None if subject.app.kind.is_program() => {
            Ok((ELF_KIB + initrd_kib + program_kib).next_multiple_of(1024))
        }
        None => Ok((NATIVE_KIB + initrd_kib).next_multiple_of(1024)),
    }
}

/// The arguments of the program: those before a script, the script, the user's or the
/// application's own.
fn arguments(args: &Run, subject: &Subject) -> Result<Vec<OsString>> {
    let mut own: Vec<OsString> = Vec::new();
    if let Some((before, script)) = subject.program.as_ref().and_then(|p| p.script.as_ref()) {
        own.extend(before.iter().cloned());
        own.push(root::guest_path(script)?.into());
    }
    if args.args.is_empty() {
        own.extend(subject.app.args.iter().map(OsString::from));
    } else {
        own.extend(args.args.iter().cloned());
    }
    Ok(own)
}

fn command_line(
    args: &Run,
    subject: &Subject,
    plat: Platform,
    plan: &Plan,
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
        let path = root::guest_path(&program.path)?;
        words.push(encode_word(format!("unilith.program={path}").as_bytes()));
        let argv0 = [b"unilith.argv0=", program.path.as_os_str().as_bytes()].concat();
        words.push(encode_word(&argv0));
    }
    words.extend(plan.words().iter().map(|word| encode_word(word.as_bytes())));
    for (name, value) in env {
        words.push(encode_word(&[b"env.", name.as_slice(), b"=", value].concat()));
    }
    let own = arguments(args, subject)?;
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
