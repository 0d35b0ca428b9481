//! What a process does about a signal.

use unilith_posix_abi::raw::general::{
    SA_NOCLDWAIT, SIGCHLD, SIGCONT, SIGKILL, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH,
};

/// The highest signal (_NSIG).
pub const LAST: u32 = 64;
/// The signals that nobody can block, catch or ignore.
pub const UNSTOPPABLE: u64 = bit(SIGKILL) | bit(SIGSTOP);

/// The bit of `signal` (1 to [`LAST`]) in a set; no bit for any other number.
pub const fn bit(signal: u32) -> u64 {
    if 1 <= signal && signal <= LAST { 1 << (signal - 1) } else { 0 }
}

/// What sigaction(2) sets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// SIG_DFL, SIG_IGN, or a function of the application.
    pub handler: u64,
    /// SA_RESTART and the like.
    pub flags: u64,
    /// What the handler returns to.
    pub restorer: u64,
    /// What is blocked while the handler runs.
    pub mask: u64,
}

/// What follows from an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing.
    Ignore,
    /// The process ends.
    Terminate,
    /// The process would stop. Nobody could continue it: there is no job control.
    Stop,
    /// A function of the application runs.
    Handle,
}

impl Action {
    const DEFAULT: u64 = 0;
    const IGNORE: u64 = 1;

    /// What `signal` does.
    pub const fn disposition(&self, signal: u32) -> Disposition {
        match (self.handler, signal) {
            (Self::DEFAULT, SIGCHLD | SIGCONT | SIGURG | SIGWINCH) => Disposition::Ignore,
            (Self::DEFAULT, SIGSTOP | SIGTSTP | SIGTTIN | SIGTTOU) => Disposition::Stop,
            (Self::DEFAULT, _) => Disposition::Terminate,
            (Self::IGNORE, _) => Disposition::Ignore,
            _ => Disposition::Handle,
        }
    }

    /// Whether, as the action of SIGCHLD, it says that nobody waits for children.
    pub const fn forgets_children(&self) -> bool {
        self.handler == Self::IGNORE || self.flags & SA_NOCLDWAIT as u64 != 0
    }

    /// What execve(2) leaves of it: that the signal is ignored.
    pub fn after_exec(self) -> Self {
        if self.handler == Self::IGNORE {
            Self { handler: Self::IGNORE, ..Self::default() }
        } else {
            Self::default()
        }
    }
}
