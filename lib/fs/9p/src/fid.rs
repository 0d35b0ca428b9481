//! Fids: handles that the server keeps for us.

use crate::client::Client;
use crate::error::Failure;
use alloc::sync::Arc;

const TCLUNK: u8 = 120;

/// A handle. The server forgets it when this is dropped, for which a message is exchanged: never
/// drop one while a lock is held.
pub struct Fid {
    client: Arc<Client>,
    number: u32,
}

impl Fid {
    /// A handle that `make`, given its number, has the server make.
    pub fn new<T>(
        client: &Arc<Client>,
        make: impl FnOnce(u32) -> Result<T, Failure>,
    ) -> Result<(Self, T), Failure> {
        let number = client.take_fid()?;
        match make(number) {
            Ok(value) => Ok((Self { client: client.clone(), number }, value)),
            Err(failure) => {
                if failure != Failure::Broken {
                    client.free_fid(number);
                }
                Err(failure)
            }
        }
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }
}

impl Drop for Fid {
    fn drop(&mut self) {
        let request = self.client.request(TCLUNK).u32(self.number);
        // The fid is gone whatever the server says, if it says anything (clunk(5)).
        match self.client.call(request, |_| Ok(())) {
            Ok(()) | Err(Failure::Refused(_)) => self.client.free_fid(self.number),
            Err(Failure::Unsent(_) | Failure::Broken) => {}
        }
    }
}
