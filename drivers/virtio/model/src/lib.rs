//! A device of VIRTIO in software, and the machine around it, for tests of drivers on the host.
//!
//! [`Model`] is what a test holds: it plays the device, well or badly, on the rings that the
//! driver has put into memory. The driver gets its [`transport`](Model::transport). Each thread is
//! a machine of its own, so that tests can run side by side.

mod machine;
mod model;

pub use machine::{Registers, Space, enabled, has_memory, on_block, on_probe, set_pci};
pub use machine::{set_registers, set_slot};
pub use model::{Chain, Model};
pub use unilith_mem_api::free_pages;
