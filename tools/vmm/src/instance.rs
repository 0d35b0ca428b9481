//! The life of an instance.

use crate::backlog;
use crate::frame::{Decoder, END_OF_INPUT, Event, Stream, encode_input, encode_signal};
use crate::stop::{self, Happening};
use crate::{Launch, Monitor};
use rustix::process::Signal;
use std::io::{self, IsTerminal, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// Exit status of a run that was ended because it took too long, as `timeout(1)` has it.
pub const TIMED_OUT: u8 = 124;

/// Where the guest's input comes from.
#[derive(Clone, Debug)]
pub enum Input {
    /// This process's standard input.
    Inherit,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
}

/// How an instance ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The status that the guest told, if it told one.
    pub status: Option<u8>,
    /// The time limit ended it.
    pub timed_out: bool,
    /// It was ended because nobody read its output any more.
    pub unread: bool,
    /// It was ended because of this signal: the guest, which was told first, did not end.
    pub ended_by: Option<i32>,
    /// What the monitor said on its standard error.
    pub monitor_error: String,
    /// Timing marks: name and cycle counter.
    pub marks: Vec<(String, u64)>,
    /// Addresses of a crash report, innermost first.
    pub frames: Vec<u64>,
    /// From the start of the monitor to the guest's first byte.
    pub first_byte: Option<Duration>,
    /// From the start of the monitor to its end.
    pub total: Duration,
}

/// What the reading thread tells.
#[derive(Default)]
struct Told {
    status: Option<u8>,
    unread: bool,
    marks: Vec<(String, u64)>,
    frames: Vec<u64>,
    first_byte: Option<Duration>,
}

/// Starts `launch` and stays with it until it has ended. The guest's output goes to `out` and
/// `err` as it arrives.
///
/// # Errors
/// The monitor cannot be started.
pub fn run(
    launch: &Launch,
    input: Input,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
) -> io::Result<Outcome> {
    match launch.monitor {
        Monitor::Qemu { .. } => run_framed(launch, input, out, err),
        Monitor::Process => run_process(launch, input, out, err),
    }
}

/// A process that reads from a terminal stays among those who may.
fn shares_terminal(launch: &Launch) -> bool {
    launch.monitor == Monitor::Process && io::stdin().is_terminal()
}

/// Starts `launch` and leaves the rest to the caller; it ends with the thread that started it.
///
/// # Errors
/// The monitor cannot be started.
pub fn spawn(launch: &Launch, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> io::Result<Child> {
    let line = launch.command();
    let mut command = Command::new(&line.program);
    command.args(&line.args).stdin(stdin).stdout(stdout).stderr(stderr);
    if !shares_terminal(launch) {
        // A terminal's Ctrl-C is for whoever watches the instance, not for the monitor.
        command.process_group(0);
    }
    #[cfg(target_os = "linux")]
    {
        // SAFETY: between fork and exec, prctl(2) is async-signal-safe; the closure does no
        // more than that one system call.
        unsafe {
            command.pre_exec(|| {
                // The instance never outlives whoever watches it.
                rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
                    .map_err(Into::into)
            });
        }
    }
    command.spawn().map_err(|error| {
        io::Error::new(error.kind(), format!("{}: {error}", line.program.to_string_lossy()))
    })
}

fn run_framed(
    launch: &Launch,
    input: Input,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
) -> io::Result<Outcome> {
    let start = Instant::now();
    let mut child = spawn(launch, Stdio::piped(), Stdio::piped(), Stdio::piped())?;
    let (speaks, spoken) = mpsc::channel();
    let to_guest = child.stdin.take().map(|pipe| Arc::new(Mutex::new(pipe)));
    let (sender, happens) = mpsc::channel();
    let watching = match &input {
        Input::Inherit => Some(stop::watch(sender.clone())?),
        Input::Bytes(_) => None,
    };
    if let Some(to_guest) = to_guest.clone() {
        thread::spawn(move || {
            // A guest empties its UART when it starts its console, and then speaks: what came
            // before would be lost. One that ends without a word needs no input.
            if spoken.recv().is_err() {
                return;
            }
            // A guest that has ended closes the pipe: nothing is wrong then.
            let _ = send_input(input, &to_guest);
            // Kept open: for some monitors a closed input means the end.
            thread::park();
        });
    }
    let monitor_error = child.stderr.take().map(|mut stderr| {
        thread::spawn(move || {
            let mut text = Vec::new();
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    if let Some(from_guest) = child.stdout.take() {
        let first = backlog::when_open(&child, &launch.devices);
        thread::spawn(move || {
            let told = receive(from_guest, out, err, start, speaks, first);
            let _ = sender.send(Happening::Ended(told));
        });
    }
    let ask = |signal| {
        if let (Some(to_guest), Ok(signal)) = (to_guest.clone(), u8::try_from(signal)) {
            // It may have to wait behind input that the guest has not taken.
            thread::spawn(move || put(&to_guest, &encode_signal(signal)));
        }
    };
    let end = stop::wait(&mut child, &happens, launch.timeout, |told: &Told| told.unread, ask)?;
    if let Some(watching) = watching {
        watching.close();
    }
    let (told, timed_out) = (end.told.unwrap_or_default(), end.timed_out);
    let total = start.elapsed();
    Ok(Outcome {
        status: match (timed_out, end.ended_by) {
            (true, _) => Some(TIMED_OUT),
            (_, Some(signal)) => Some(told.status.unwrap_or(signal_status(signal))),
            _ => told.status,
        },
        timed_out,
        unread: told.unread,
        ended_by: end.ended_by,
        monitor_error: monitor_error.and_then(|t| t.join().ok()).unwrap_or_default(),
        marks: told.marks,
        frames: told.frames,
        first_byte: told.first_byte,
        total,
    })
}

/// What a shell says of a program that a signal ended.
fn signal_status(signal: i32) -> u8 {
    128u8.wrapping_add(signal as u8)
}

/// Writes whole pieces: what others write comes before or behind.
fn put(to_guest: &Mutex<ChildStdin>, bytes: &[u8]) -> io::Result<()> {
    let mut pipe = to_guest.lock().unwrap_or_else(PoisonError::into_inner);
    pipe.write_all(bytes)?;
    pipe.flush()
}

fn send_input(input: Input, to_guest: &Mutex<ChildStdin>) -> io::Result<()> {
    match input {
        Input::Bytes(bytes) => put(to_guest, &encode_input(&bytes))?,
        Input::Inherit => {
            let mut stdin = io::stdin();
            let mut buffer = [0; 4096];
            loop {
                let n = stdin.read(&mut buffer)?;
                if n == 0 {
                    break;
                }
                put(to_guest, &encode_input(&buffer[..n]))?;
            }
        }
    }
    put(to_guest, &END_OF_INPUT)
}

fn receive(
    mut from_guest: impl Read,
    mut out: Box<dyn Write + Send>,
    mut err: Box<dyn Write + Send>,
    start: Instant,
    speaks: mpsc::Sender<()>,
    first: impl FnOnce(),
) -> Told {
    let mut told = Told::default();
    // A guest that speaks has its devices.
    let mut first = Some(first);
    let mut decoder = Decoder::default();
    let mut buffer = [0; 64 * 1024];
    loop {
        let n = match from_guest.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        told.first_byte.get_or_insert_with(|| start.elapsed());
        if let Some(first) = first.take() {
            first();
        }
        let _ = speaks.send(());
        let mut unread = false;
        decoder.feed(
            &buffer[..n],
            &mut |stream, bytes| match stream {
                Stream::Out => unread |= out.write_all(bytes).is_err(),
                // Messages are no reason to end what still works.
                Stream::Err => drop(err.write_all(bytes)),
            },
            &mut |event| match event {
                Event::Exit(status) => told.status = Some(status),
                Event::Mark(name, cycles) => told.marks.push((name, cycles)),
                Event::Frame(pc) => told.frames.push(pc),
            },
        );
        let _ = err.flush();
        if out.flush().is_err() || unread {
            told.unread = true;
            break;
        }
    }
    told
}

/// A process has standard streams of its own: they are passed through where that is what the
/// caller wants anyway, else copied.
fn run_process(
    launch: &Launch,
    input: Input,
    mut out: Box<dyn Write + Send>,
    mut err: Box<dyn Write + Send>,
) -> io::Result<Outcome> {
    let start = Instant::now();
    let (sender, happens) = mpsc::channel();
    let (stdin, watching) = match input {
        Input::Inherit => (Stdio::inherit(), Some(stop::watch(sender.clone())?)),
        Input::Bytes(_) => (Stdio::piped(), None),
    };
    let mut child = spawn(launch, stdin, Stdio::piped(), Stdio::piped())?;
    if let (Input::Bytes(bytes), Some(mut to_guest)) = (input, child.stdin.take()) {
        thread::spawn(move || to_guest.write_all(&bytes));
    }
    let (mut from_out, from_err) = (child.stdout.take(), child.stderr.take());
    let errors = thread::spawn(move || {
        let mut told = (Vec::new(), Vec::new());
        let Some(from_err) = from_err else { return told };
        // Standard error is framed: it carries the events too.
        let mut from_err = from_err;
        let mut decoder = Decoder::default();
        let mut buffer = [0; 4096];
        while let Ok(n) = from_err.read(&mut buffer) {
            if n == 0 {
                break;
            }
            decoder.feed(
                &buffer[..n],
                &mut |_, bytes| {
                    let _ = err.write_all(bytes);
                },
                &mut |event| match event {
                    Event::Mark(name, cycles) => told.0.push((name, cycles)),
                    Event::Frame(pc) => told.1.push(pc),
                    Event::Exit(_) => {}
                },
            );
            let _ = err.flush();
        }
        told
    });
    thread::spawn(move || {
        let mut told = Told::default();
        let mut buffer = [0; 64 * 1024];
        while let Some(Ok(n)) = from_out.as_mut().map(|from| from.read(&mut buffer)) {
            if n == 0 {
                break;
            }
            told.first_byte.get_or_insert_with(|| start.elapsed());
            if out.write_all(&buffer[..n]).and_then(|()| out.flush()).is_err() {
                told.unread = true;
                break;
            }
        }
        let _ = sender.send(Happening::Ended(told));
    });
    let process = rustix::process::Pid::from_child(&child);
    let by_terminal = shares_terminal(launch);
    let ask = |signal| {
        // What a terminal sends, the process has already.
        if let Some(known) = Signal::from_named_raw(signal)
            && !(by_terminal && known == Signal::INT)
        {
            let _ = rustix::process::kill_process(process, known);
        }
    };
    let end = stop::wait(&mut child, &happens, launch.timeout, |told: &Told| told.unread, ask)?;
    if let Some(watching) = watching {
        watching.close();
    }
    let (told, status, timed_out) = (end.told.unwrap_or_default(), end.status, end.timed_out);
    let total = start.elapsed();
    let (marks, frames) = errors.join().unwrap_or_default();
    let signal = end.ended_by.or(status.signal());
    let code = status.code().map(|code| code as u8).or(signal.map(signal_status));
    Ok(Outcome {
        status: if timed_out { Some(TIMED_OUT) } else { code },
        timed_out,
        unread: told.unread,
        ended_by: end.ended_by,
        monitor_error: String::new(),
        marks,
        frames,
        first_byte: told.first_byte,
        total,
    })
}

/// Whether standard input and output are a person's terminal.
pub fn on_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}
