//! The wish to end an instance: SIGINT and SIGTERM are the guest's first. At the second one, or
//! when the guest has not ended in time, the monitor is ended.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use std::io;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// What a guest has to end in order.
const GRACE: Duration = Duration::from_secs(5);

/// What [`wait`] waits for; `T` is what is known when the guest has ended.
pub(crate) enum Happening<T> {
    /// The guest's output has ended.
    Ended(T),
    /// Somebody wants an end: the signal's number.
    Signal(i32),
}

/// From now on, SIGINT and SIGTERM are told to `to` instead of ending this process.
pub(crate) fn watch<T: Send + 'static>(to: Sender<Happening<T>>) -> io::Result<Handle> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let handle = signals.handle();
    thread::spawn(move || {
        for signal in signals.forever() {
            if to.send(Happening::Signal(signal)).is_err() {
                break;
            }
        }
    });
    Ok(handle)
}

/// How the waiting ended.
pub(crate) struct End<T> {
    pub told: Option<T>,
    pub status: ExitStatus,
    /// The time limit ended it.
    pub timed_out: bool,
    /// This signal ended it, for the guest did not.
    pub ended_by: Option<i32>,
}

/// Waits for the guest's end, a time limit, or somebody's patience with a guest that was asked
/// to end; the last two kill `child`. `ask` passes a signal on.
pub(crate) fn wait<T>(
    child: &mut Child,
    happens: &Receiver<Happening<T>>,
    timeout: Option<Duration>,
    useless: impl Fn(&T) -> bool,
    mut ask: impl FnMut(i32),
) -> io::Result<End<T>> {
    let limit = timeout.map(|limit| Instant::now() + limit);
    let mut asked: Option<(i32, Instant)> = None;
    let (mut timed_out, mut ended_by) = (false, None);
    let told = loop {
        let patience = asked.map(|(_, until)| until);
        let until = [limit, patience].into_iter().flatten().min();
        let happened = match until {
            Some(until) => happens.recv_timeout(until.saturating_duration_since(Instant::now())),
            None => happens.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match (happened, asked) {
            (Ok(Happening::Ended(told)), _) => break Some(told),
            (Ok(Happening::Signal(signal)), None) => {
                ask(signal);
                asked = Some((signal, Instant::now() + GRACE));
            }
            (Ok(Happening::Signal(signal)), Some(_)) => {
                ended_by = Some(signal);
                break None;
            }
            (Err(RecvTimeoutError::Timeout), Some((signal, until))) if until <= Instant::now() => {
                ended_by = Some(signal);
                break None;
            }
            (Err(RecvTimeoutError::Timeout), _) => {
                timed_out = true;
                break None;
            }
            (Err(RecvTimeoutError::Disconnected), _) => break None,
        }
    };
    if timed_out || ended_by.is_some() || told.as_ref().is_some_and(useless) {
        child.kill()?;
    }
    let status = child.wait()?;
    let rest = || loop {
        match happens.recv_timeout(Duration::from_secs(1)) {
            Ok(Happening::Ended(told)) => return Some(told),
            Ok(Happening::Signal(_)) => {}
            Err(_) => return None,
        }
    };
    Ok(End { told: told.or_else(rest), status, timed_out, ended_by })
}
