//! One direction of a connection, or what a datagram socket has received.

use super::flight::InFlight;
use crate::address::{Address, Name};
use crate::endpoint::{Incoming, Outgoing};
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use unilith_posix_abi::{Errno, Result};
use unilith_posix_fd::{Ring, moved};
use unilith_posix_task::WaitQueue;
use unilith_sync::Lock;

/// Bytes in a channel (net.core.wmem_default).
const CAPACITY: usize = 212_992;
/// Messages in a channel, however short.
const MOST_MESSAGES: usize = 512;

struct Message {
    bytes: Vec<u8>,
    from: Name,
    rights: InFlight,
}

/// What is on its way.
enum Content {
    /// Bytes. Open files belong to the byte at a position; no read goes across such a byte.
    Stream { ring: Ring, position: u64, marks: VecDeque<(u64, InFlight)> },
    /// Messages, and their bytes.
    Messages { queue: VecDeque<Message>, bytes: usize },
}

struct State {
    content: Content,
    /// Nothing more is written: what is there can still be read.
    closed: bool,
    /// Who waits for room.
    writers: Vec<Weak<WaitQueue>>,
}

/// Bytes or messages from writers to a reader.
pub struct Channel {
    state: Lock<State>,
    reader: Arc<WaitQueue>,
}

impl State {
    fn is_empty(&self) -> bool {
        match &self.content {
            Content::Stream { ring, .. } => ring.is_empty(),
            Content::Messages { queue, .. } => queue.is_empty(),
        }
    }

    /// Whether writing is worth while: a few bytes of room are not.
    fn has_room(&self) -> bool {
        match &self.content {
            Content::Stream { ring, .. } => ring.room() >= CAPACITY / 4,
            Content::Messages { queue, bytes } => {
                queue.len() < MOST_MESSAGES && *bytes <= CAPACITY / 4 * 3
            }
        }
    }

    /// Has `writer` told when there is room again.
    fn remember(&mut self, writer: &Arc<WaitQueue>) {
        let writer = Arc::downgrade(writer);
        // Those that are gone need not be told.
        self.writers.retain(|known| known.strong_count() > 0);
        if !self.writers.iter().any(|known| known.ptr_eq(&writer)) {
            self.writers.push(writer);
        }
    }
}

fn wake(writers: &[Weak<WaitQueue>]) {
    writers.iter().filter_map(Weak::upgrade).for_each(|queue| queue.wake_all());
}

impl Channel {
    /// An empty channel of bytes, whose reader waits on `reader`.
    pub fn stream(reader: &Arc<WaitQueue>) -> Arc<Self> {
        let ring = Ring::new(CAPACITY);
        Self::new(Content::Stream { ring, position: 0, marks: VecDeque::new() }, reader)
    }

    /// An empty channel of messages.
    pub fn messages(reader: &Arc<WaitQueue>) -> Arc<Self> {
        Self::new(Content::Messages { queue: VecDeque::new(), bytes: 0 }, reader)
    }

    fn new(content: Content, reader: &Arc<WaitQueue>) -> Arc<Self> {
        let state = State { content, closed: false, writers: Vec::new() };
        Arc::new(Self { state: Lock::new(state), reader: reader.clone() })
    }

    /// Writes a message, or what there is room for of a stream. EPIPE if it is closed.
    pub fn send(
        &self,
        message: &mut Outgoing<'_>,
        from: &Name,
        writer: &Arc<WaitQueue>,
    ) -> Result<usize> {
        let sent = self.send_unwoken(message, from, writer)?;
        self.reader.wake_all();
        Ok(sent)
    }

    fn send_unwoken(
        &self,
        message: &mut Outgoing<'_>,
        from: &Name,
        writer: &Arc<WaitQueue>,
    ) -> Result<usize> {
        message.data.prepare();
        let mut state = self.state.lock();
        if state.closed {
            return Err(Errno::EPIPE);
        }
        let len = message.data.left();
        let full = match &state.content {
            Content::Stream { ring, .. } => ring.room() == 0,
            Content::Messages { .. } if len > CAPACITY => return Err(Errno::EMSGSIZE),
            Content::Messages { queue, bytes } => {
                queue.len() >= MOST_MESSAGES || bytes + len > CAPACITY
            }
        };
        if full {
            state.remember(writer);
            return Err(Errno::EAGAIN);
        }
        match &mut state.content {
            Content::Stream { ring, position, marks } => {
                let at = *position + ring.len() as u64;
                let rights = InFlight::new(&mut message.rights)?;
                let result = ring.write(message.data).map_err(|_| Errno::ENOBUFS);
                match result {
                    Ok(count) if count > 0 => {
                        if !rights.is_empty() {
                            marks.push_back((at, rights));
                        }
                    }
                    _ => message.rights = rights.arrive(),
                }
                moved(result?, message.data.fault())
            }
            Content::Messages { queue, bytes } => {
                let mut body = Vec::new();
                body.try_reserve_exact(len).map_err(|_| Errno::ENOBUFS)?;
                body.resize(len, 0);
                if message.data.get(&mut body) < len {
                    return Err(Errno::EFAULT);
                }
                let rights = InFlight::new(&mut message.rights)?;
                queue.push_back(Message { bytes: body, from: from.clone(), rights });
                *bytes += len;
                Ok(len)
            }
        }
    }

    /// Reads a message, or what there is of a stream; 0 if it is closed and empty.
    pub fn receive(&self, message: &mut Incoming<'_>) -> Result<usize> {
        message.data.prepare();
        let (result, gone, writers) = {
            let mut state = self.state.lock();
            if state.is_empty() {
                return if state.closed { Ok(0) } else { Err(Errno::EAGAIN) };
            }
            let mut gone = None;
            let result = match &mut state.content {
                Content::Stream { ring, position, marks } => {
                    receive_bytes(ring, position, marks, message)
                }
                Content::Messages { queue, bytes } => {
                    let result = queue.front().map_or(Ok(0), |first| receive_first(first, message));
                    if !message.peek {
                        gone = queue.pop_front();
                        *bytes -= gone.as_ref().map_or(0, |gone| gone.bytes.len());
                    }
                    result
                }
            };
            let room = state.has_room();
            let writers = if room { core::mem::take(&mut state.writers) } else { Vec::new() };
            (result, gone, writers)
        };
        // What came with a message is closed, and those who wait are woken, without the lock.
        if let (Some(gone), Ok(_)) = (gone, &result) {
            message.rights.extend(gone.rights.arrive());
        }
        wake(&writers);
        result
    }

    /// Nothing more is written. `forget`: what is there is not read any more either.
    pub fn close(&self, forget: bool) {
        let (writers, forgotten) = {
            let mut state = self.state.lock();
            state.closed = true;
            let forgotten = match &mut state.content {
                _ if !forget => None,
                Content::Stream { ring, marks, .. } => {
                    *ring = Ring::new(0);
                    Some((core::mem::take(marks), VecDeque::new()))
                }
                Content::Messages { queue, .. } => Some((VecDeque::new(), core::mem::take(queue))),
            };
            (core::mem::take(&mut state.writers), forgotten)
        };
        drop(forgotten);
        wake(&writers);
        self.reader.wake_all();
    }

    /// Whether nothing more is written.
    pub fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Whether a reader would not wait.
    pub fn is_readable(&self) -> bool {
        let state = self.state.lock();
        state.closed || !state.is_empty()
    }

    /// Whether a writer would not wait; if it would, it is told when that changes.
    pub fn is_writable(&self, writer: &Arc<WaitQueue>) -> bool {
        let mut state = self.state.lock();
        if state.closed || state.has_room() {
            return true;
        }
        state.remember(writer);
        false
    }

    /// Bytes that can be read: of the next message if it is messages.
    pub fn available(&self) -> usize {
        match &self.state.lock().content {
            Content::Stream { ring, .. } => ring.len(),
            Content::Messages { queue, .. } => {
                queue.front().map_or(0, |message| message.bytes.len())
            }
        }
    }
}

/// Reads from a stream, up to the next byte that open files came with.
fn receive_bytes(
    ring: &mut Ring,
    position: &mut u64,
    marks: &mut VecDeque<(u64, InFlight)>,
    message: &mut Incoming<'_>,
) -> Result<usize> {
    let here = marks.front().is_some_and(|(at, _)| at == position);
    let next = marks.get(usize::from(here));
    let most = next.map_or(usize::MAX, |(at, _)| (at - *position) as usize);
    let count = ring.read(message.peek, most, message.data);
    if count > 0 && here {
        if message.peek {
            message.rights.extend(marks.front().iter().flat_map(|(_, rights)| rights.copy()));
        } else {
            message
                .rights
                .extend(marks.pop_front().into_iter().flat_map(|(_, rights)| rights.arrive()));
        }
    }
    if !message.peek {
        *position += count as u64;
    }
    message.length = count;
    moved(count, message.data.fault())
}

fn receive_first(first: &Message, message: &mut Incoming<'_>) -> Result<usize> {
    let fits = first.bytes.len().min(message.data.left());
    let count = message.data.put(first.bytes.get(..fits).unwrap_or_default());
    message.length = first.bytes.len();
    message.from = Some(Address::Unix(first.from.clone()));
    if message.peek {
        message.rights.extend(first.rights.copy());
    }
    moved(count, message.data.fault())
}
