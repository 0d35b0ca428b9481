//! The terminal: events in, pictures out, and everything as it was in the end.

use crate::menu::{Effect, Menu};
use crossterm::event::{self, DisableMouseCapture, EnableMouseCapture, Event};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use unilith_kconfig::State;

/// How long a signal may wait for an answer.
const TICK: Duration = Duration::from_millis(200);
/// How long the menu may take to end by a signal: to save a large tree takes less.
const GRACE: Duration = Duration::from_secs(2);

/// Where configurations are. Errors are texts for the user.
pub trait Storage {
    /// Writes the configuration to a file; says what it did.
    ///
    /// # Errors
    /// The file cannot be written.
    fn save(&mut self, state: &mut State, file: &str) -> Result<String, String>;

    /// Reads a file in place of the user's values so far; says what it did.
    ///
    /// # Errors
    /// The file cannot be read.
    fn load(&mut self, state: &mut State, file: &str) -> Result<String, String>;
}

/// How a menu ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The user left it.
    Left,
    /// This signal ended it.
    Signal(i32),
}

/// Runs a menu on this process's terminal until the user leaves it.
///
/// # Errors
/// The terminal does not answer.
pub fn run(menu: &mut Menu, storage: &mut dyn Storage) -> io::Result<Ended> {
    let signals = Signals::new()?;
    let _open = Open::new()?;
    let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
    let start = Instant::now();
    let size = terminal.size()?;
    menu.area = Rect::new(0, 0, size.width, size.height);
    menu.refresh();
    loop {
        terminal.draw(|frame| {
            if let Some(cursor) = menu.render(frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        // Keys come first; what nobody waits for is done between them, and then drawn.
        let working = menu.is_working();
        while menu.work() && !event::poll(Duration::ZERO)? {}
        if working && !menu.is_working() {
            continue;
        }
        // What has come meanwhile is one picture.
        let mut ready = event::poll(TICK)?;
        while ready {
            if let Some(ended) = take(menu, storage, &event::read()?, start.elapsed()) {
                return Ok(ended);
            }
            ready = event::poll(Duration::ZERO)?;
        }
        if let Some(signal) = signals.pending() {
            return Ok(Ended::Signal(signal));
        }
    }
}

/// Takes one event, and does what follows from it.
fn take(menu: &mut Menu, storage: &mut dyn Storage, event: &Event, now: Duration) -> Option<Ended> {
    let mut effect = menu.handle(event, now);
    loop {
        effect = match effect {
            Effect::Draw => return None,
            Effect::Quit => return Some(Ended::Left),
            Effect::Interrupt => return Some(Ended::Signal(SIGINT)),
            Effect::Save(file) => {
                let result = storage.save(menu.state(), &file);
                menu.saved(&file, result)
            }
            Effect::Load(file) => {
                let result = storage.load(menu.state(), &file);
                menu.loaded(&file, result)
            }
        };
    }
}

/// Signals that end the menu.
struct Signals {
    flags: Vec<(i32, Arc<AtomicBool>, signal_hook::SigId)>,
    /// The menu has ended.
    ended: Arc<AtomicBool>,
}

impl Signals {
    fn new() -> io::Result<Self> {
        let mut all = Self { flags: vec![], ended: Arc::new(AtomicBool::new(false)) };
        for signal in [SIGHUP, SIGINT, SIGTERM] {
            let flag = Arc::new(AtomicBool::new(false));
            let id = signal_hook::flag::register(signal, Arc::clone(&flag))?;
            all.flags.push((signal, flag, id));
        }
        let flags: Vec<_> = all.flags.iter().map(|(no, flag, _)| (*no, Arc::clone(flag))).collect();
        let ended = Arc::clone(&all.ended);
        std::thread::Builder::new().spawn(move || insist(&flags, &ended))?;
        Ok(all)
    }

    fn pending(&self) -> Option<i32> {
        let came = self.flags.iter().find(|(_, flag, _)| flag.load(Ordering::Relaxed));
        came.map(|(signal, ..)| *signal)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for (_, _, id) in &self.flags {
            signal_hook::low_level::unregister(*id);
        }
    }
}

/// Ends the process if a signal has come and the menu does not end of its own: crossterm reads the
/// end of file of a terminal that is gone again and again, and never returns.
fn insist(flags: &[(i32, Arc<AtomicBool>)], ended: &AtomicBool) {
    let mut came = None;
    while !ended.load(Ordering::Relaxed) {
        std::thread::sleep(TICK);
        let now = flags.iter().find(|(_, flag)| flag.load(Ordering::Relaxed));
        match (came, now) {
            (None, Some(_)) => came = Some(Instant::now()),
            (Some(at), Some((signal, _))) if at.elapsed() > GRACE => {
                restore();
                std::process::exit(128 + signal);
            }
            _ => {}
        }
    }
}

/// The terminal while the menu has it. It is given back in any case, a panic included.
struct Open;

impl Open {
    fn new() -> io::Result<Self> {
        // The message of a panic is for the screen that stays.
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        enable_raw_mode()?;
        let open = Self;
        execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture)?;
        Ok(open)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        restore();
        if !std::thread::panicking() {
            drop(std::panic::take_hook());
        }
    }
}

/// Gives the terminal back. There is nobody to tell what fails here.
fn restore() {
    let mut out = io::stdout();
    let _ = execute!(out, DisableMouseCapture, LeaveAlternateScreen, crossterm::cursor::Show);
    let _ = disable_raw_mode();
    let _ = out.flush();
}
