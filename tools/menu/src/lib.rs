//! The menu: a Kconfig tree's configuration on a terminal, with the keys of Linux's menuconfig.
//!
//! [`Menu`] is the whole of it as a value: [`Menu::handle`] takes an event and changes it,
//! [`Menu::render`] draws it, and neither touches a terminal or a file. [`run`] connects it with
//! both. Lists are made for the menu that is open; what follows from a change is found out between
//! keys ([`Menu::work`]): a tree of twenty thousand entries answers at once, too.
#![forbid(unsafe_code)]

mod change;
mod dialog;
mod draw;
mod draw_dialog;
mod help;
mod input;
mod keys;
mod keys_dialog;
mod layout;
mod menu;
mod mouse;
mod panel;
mod remedy;
mod rows;
mod search;
mod terminal;
#[cfg(test)]
mod tests;
mod text;
mod values;

pub use menu::{Effect, Menu, Subject};
pub use terminal::{Ended, Storage, run};
