//! One module per command.

pub mod bench;
pub mod build;
pub mod config;
pub mod doctor;
pub mod graph;
pub mod kconfig;
pub mod libs;
pub mod menu;
pub mod new;
pub mod run;
pub mod size;
pub mod test;
