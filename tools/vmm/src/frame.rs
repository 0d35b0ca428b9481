//! The framed console (`docs/decisions/002-console-framing.md`), the runner's side.

/// Data link escape.
const DLE: u8 = 0x10;
/// An event's text is cut here: the guest may be broken or hostile.
const LINE_MAX: usize = 4096;

/// Which of the guest's streams bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What the guest said apart from output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It ended with this status.
    Exit(u8),
    /// A timing mark: name and cycle counter.
    Mark(String, u64),
    /// A frame of a crash report: an address.
    Frame(u64),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Plain,
    Escape,
    /// In an event's line, which began with this letter.
    Line(u8),
}

/// Takes the guest's bytes apart, however they arrive.
pub struct Decoder {
    state: State,
    stream: Stream,
    line: Vec<u8>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Plain, stream: Stream::Out, line: Vec::new() }
    }
}

impl Decoder {
    /// Decodes `bytes`: output goes to `output` in runs as long as possible, events to `event`.
    pub fn feed(
        &mut self,
        bytes: &[u8],
        output: &mut dyn FnMut(Stream, &[u8]),
        event: &mut dyn FnMut(Event),
    ) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            match self.state {
                State::Plain => {
                    let run = rest.iter().position(|&b| b == DLE).unwrap_or(rest.len());
                    if run > 0 {
                        output(self.stream, &rest[..run]);
                        rest = &rest[run..];
                    } else {
                        self.state = State::Escape;
                        rest = after;
                    }
                    continue;
                }
                State::Escape => {
                    self.state = State::Plain;
                    match byte {
                        DLE => output(self.stream, &[DLE]),
                        b'o' => self.stream = Stream::Out,
                        b'e' => self.stream = Stream::Err,
                        letter => {
                            self.line.clear();
                            self.state = State::Line(letter);
                        }
                    }
                }
                State::Line(letter) => {
                    if byte == b'\n' {
                        self.state = State::Plain;
                        if let Some(decoded) = parse(letter, &self.line) {
                            event(decoded);
                        }
                    } else if self.line.len() < LINE_MAX {
                        self.line.push(byte);
                    }
                }
            }
            rest = after;
        }
    }
}

fn parse(letter: u8, line: &[u8]) -> Option<Event> {
    let text = std::str::from_utf8(line).ok()?;
    match letter {
        b'x' => u8::from_str_radix(text, 16).ok().map(Event::Exit),
        b'm' | b'c' => parse_event(letter, text),
        _ => None,
    }
}

/// An event without its escape: as the `linux` platform writes it.
pub fn parse_event(letter: u8, text: &str) -> Option<Event> {
    let (name, number) = text.rsplit_once(' ')?;
    let number = u64::from_str_radix(number, 16).ok()?;
    match (letter, name) {
        (b'm', name) => Some(Event::Mark(name.to_owned(), number)),
        (b'c', "pc") => Some(Event::Frame(number)),
        _ => None,
    }
}

/// Encodes input for the guest.
pub fn encode_input(bytes: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(bytes.len());
    for &byte in bytes {
        encoded.push(byte);
        if byte == DLE {
            encoded.push(DLE);
        }
    }
    encoded
}

/// What tells the guest that its input has ended.
pub const END_OF_INPUT: [u8; 2] = [DLE, b'z'];

/// A signal for the guest's application.
pub fn encode_signal(signal: u8) -> [u8; 4] {
    let digit = |n: u8| char::from_digit(n.into(), 16).map_or(b'0', |digit| digit as u8);
    [DLE, b's', digit(signal >> 4), digit(signal & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(chunks: &[&[u8]]) -> (Vec<u8>, Vec<u8>, Vec<Event>) {
        let (mut out, mut err, mut events) = (Vec::new(), Vec::new(), Vec::new());
        let mut decoder = Decoder::default();
        for chunk in chunks {
            decoder.feed(
                chunk,
                &mut |stream, bytes| match stream {
                    Stream::Out => out.extend_from_slice(bytes),
                    Stream::Err => err.extend_from_slice(bytes),
                },
                &mut |event| events.push(event),
            );
        }
        (out, err, events)
    }

    #[test]
    fn output_and_events_are_told_apart_at_every_split() {
        let wire = b"a\x10eb\x10\x10\x10mready 00ff\n\x10oc\x10cpc ffff80\n\x10?x\n\x10x8c\n";
        let want = (
            b"ac".to_vec(),
            b"b\x10".to_vec(),
            vec![Event::Mark("ready".into(), 0xff), Event::Frame(0xffff80), Event::Exit(0x8c)],
        );
        for split in 0..wire.len() {
            let (a, b) = wire.split_at(split);
            assert_eq!(decode(&[a, b]), want, "split at {split}");
        }
    }

    #[test]
    fn signals_have_two_digits() {
        assert_eq!(&encode_signal(2), b"\x10s02");
        assert_eq!(&encode_signal(15), b"\x10s0f");
        assert_eq!(&encode_signal(0x40), b"\x10s40");
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_decoder(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            decode(&[&bytes]);
        }

        #[test]
        fn escaped_bytes_come_back(bytes in proptest::collection::vec(0x0eu8..0x12, 0..200)) {
            prop_assert_eq!(decode(&[&encode_input(&bytes)]), (bytes, Vec::new(), Vec::new()));
        }
    }
}
