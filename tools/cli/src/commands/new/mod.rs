//! `unilith new`: something that works, to start from.

mod app;
mod lib;
mod names;
mod skeleton;

use crate::args::{New, NewCommand};
use crate::error::Result;

pub fn new(args: &New) -> Result {
    match &args.command {
        NewCommand::App(args) => app::app(args),
        NewCommand::Lib(args) => lib::lib(args),
    }
}
