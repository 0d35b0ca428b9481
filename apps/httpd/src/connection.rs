//! A connection: requests in, answers out, one after the other.

use crate::request::{Reader, Request};
use crate::site::{Answer, Site};
use alloc::sync::Arc;
use unilith_net_api::{NetError, Shutdown, Socket};

/// Answers in one turn, at most: others want theirs, too.
const ANSWERS: usize = 16;
/// Bytes that are passed over after the last answer, so that it arrives: a connection that is
/// closed while something is unread is reset (RFC 9112, 9.6).
const LINGER: usize = 256 * 1024;

/// A client.
pub struct Connection {
    socket: Arc<dyn Socket>,
    reader: Reader,
    answer: Answer,
    /// After the last answer: bytes that may still be passed over.
    ending: Option<usize>,
    active: u64,
}

/// What became of a turn.
#[derive(PartialEq, Eq)]
pub enum Turn {
    /// It waits for the other end.
    Waits,
    /// It has more to do.
    Continues,
    /// It is to be closed.
    Over,
}

/// What a connection is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It waits for a request, of which nothing has come.
    Idle,
    /// The last answer is on its way, and the end of it was said.
    Ending,
    /// A request has begun.
    Request,
    /// An answer has not been handed over to its end. It is not given up.
    Answer,
}

impl Connection {
    /// One that has just been accepted.
    pub fn new(socket: Arc<dyn Socket>, now: u64) -> Self {
        let (reader, answer) = (Reader::default(), Answer::default());
        Self { socket, reader, answer, ending: None, active: now }
    }

    /// When it did something last: understood a request, or got rid of a part of an answer.
    pub fn active(&self) -> u64 {
        self.active
    }

    /// What it waits for.
    pub fn stage(&self) -> Stage {
        match self {
            Self { answer, .. } if !answer.is_empty() => Stage::Answer,
            Self { answer, .. } if answer.closes() => Stage::Ending,
            Self { reader, .. } if reader.has_begun() => Stage::Request,
            _ => Stage::Idle,
        }
    }

    /// Does what can be done without waiting.
    pub fn turn(&mut self, site: &Site, now: u64) -> Turn {
        match self.advance(site, now) {
            Ok(turn) => turn,
            Err(NetError::WouldBlock) => Turn::Waits,
            // The connection broke.
            Err(_) => Turn::Over,
        }
    }

    fn advance(&mut self, site: &Site, now: u64) -> Result<Turn, NetError> {
        for _ in 0..ANSWERS {
            while !self.answer.is_empty() {
                let Self { socket, answer, .. } = self;
                if socket.send(&mut |room| answer.fill(room))? == 0 {
                    return Err(NetError::WouldBlock);
                }
                self.active = now;
            }
            if self.answer.closes() {
                if self.ending.is_none() {
                    self.socket.shutdown(Shutdown::Send)?;
                }
                return self.linger();
            }
            match self.receive(site)? {
                Some(answer) => (self.answer, self.active) = (answer, now),
                None => return Ok(Turn::Over),
            }
        }
        Ok(Turn::Continues)
    }

    /// The answer to the next request, `None` at the end of the stream.
    fn receive(&mut self, site: &Site) -> Result<Option<Answer>, NetError> {
        let Self { socket, reader, .. } = self;
        let mut answer = None;
        let taken = socket.receive(false, &mut |bytes| {
            if answer.is_some() {
                return 0;
            }
            let respond = |request: Result<Request<'_>, _>| site.answer(request);
            let (taken, given) = reader.read(bytes, respond);
            answer = given;
            taken
        })?;
        match answer {
            None if taken > 0 => Err(NetError::WouldBlock),
            answer => Ok(answer),
        }
    }

    /// Passes over what still comes, until the other end has seen that this one is through.
    fn linger(&mut self) -> Result<Turn, NetError> {
        let mut left = self.ending.unwrap_or(LINGER);
        let taken = self.socket.receive(false, &mut |bytes| {
            let taken = bytes.len().min(left);
            left -= taken;
            taken
        })?;
        self.ending = Some(left);
        if taken == 0 || left == 0 { Ok(Turn::Over) } else { Err(NetError::WouldBlock) }
    }
}
