//! ioctl(2): what terminals and descriptors understand.

use crate::{Description, table};
use unilith_posix_abi::raw::general::{
    B38400, CREAD, CS8, ECHO, ECHOCTL, ECHOE, ECHOK, ECHOKE, ICANON, ICRNL, IEXTEN, ISIG, IXON,
    O_NONBLOCK, ONLCR, OPOST, termios, winsize,
};
use unilith_posix_abi::raw::ioctl as request;
use unilith_posix_abi::{Errno, Fd, Result, UserPtr, encode, syscall};

/// The size that a serial console is taken to have.
const ROWS: u16 = 24;
/// The size that a serial console is taken to have.
const COLUMNS: u16 = 80;

/// What every file understands; `None` for anything else.
fn common(fd: Fd, open: &Description, number: u32, pointer: UserPtr) -> Option<Result<()>> {
    Some(match number {
        request::FIOCLEX => table::set_close_on_exec(fd, true),
        request::FIONCLEX => table::set_close_on_exec(fd, false),
        request::FIONBIO => pointer.read_u32().map(|on| {
            let others = open.flags() & !O_NONBLOCK;
            open.set_flags(others | if on != 0 { O_NONBLOCK } else { 0 });
        }),
        request::FIONREAD if open.file().is_seekable() => open.file().metadata().and_then(|m| {
            let left = m.size.saturating_sub(open.offset());
            pointer.copy_out(&i32::try_from(left).unwrap_or(i32::MAX).to_ne_bytes())
        }),
        request::FIONREAD => open.file().available().and_then(|count| {
            pointer.copy_out(&i32::try_from(count).unwrap_or(i32::MAX).to_ne_bytes())
        }),
        _ => return None,
    })
}

/// What a terminal understands. Its settings can be read, but not changed: they are those of
/// whatever is at the other end of the line.
fn terminal(number: u32, pointer: UserPtr) -> Result<()> {
    match number {
        request::TIOCGWINSZ => {
            pointer.copy_out(&encode!(winsize { ws_row: ROWS, ws_col: COLUMNS }))
        }
        request::TCGETS => pointer.copy_out(&encode!(termios {
            c_iflag: ICRNL | IXON,
            c_oflag: OPOST | ONLCR,
            c_cflag: B38400 | CS8 | CREAD,
            c_lflag: ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
        })),
        _ => Err(Errno::EINVAL),
    }
}

syscall! {
    /// ioctl(2): ENOTTY for what the file does not understand.
    pub fn ioctl[__NR_ioctl](fd: Fd, request: u32, argument: UserPtr) -> Result<()> {
        let open = table::get(fd)?;
        let file = open.opened()?;
        match common(fd, &open, request, argument) {
            Some(result) => result,
            None if file.is_terminal() => terminal(request, argument),
            None => file.ioctl(request, argument),
        }
    }
}
