//! Requests (RFC 9112, 2 to 6), from bytes of anybody.

use alloc::vec::Vec;

/// Bytes that the head of a request may have.
pub const HEAD_MAX: usize = 8192;

/// How long a connection lasts (RFC 9112, 9.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Until this answer.
    Close,
    /// On, as is the default of HTTP/1.1.
    Keep,
    /// On, as a client of HTTP/1.0 asked for: it wants to be told.
    Announce,
}

/// A request for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method is HEAD, not GET.
    pub head: bool,
    /// The path: starts with `/`, may have percent signs, has no query.
    pub path: &'a [u8],
    /// How long the connection lasts.
    pub persistence: Persistence,
}

/// Why a request is refused. The connection ends with it, as where the next one would start is not
/// certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// 400: not HTTP.
    BadRequest,
    /// 405: neither GET nor HEAD.
    MethodNotAllowed,
    /// 413: it has a body.
    ContentTooLarge,
    /// 431: the head has more than [`HEAD_MAX`] bytes.
    HeadTooLarge,
    /// 505: neither HTTP/1.0 nor HTTP/1.1.
    Version,
}

/// Finds requests in a stream.
#[derive(Default)]
pub struct Reader {
    /// The start of a head whose end has not arrived yet.
    start: Vec<u8>,
}

impl Reader {
    /// Whether a part of a head has been read.
    pub fn has_begun(&self) -> bool {
        !self.start.is_empty()
    }

    /// Takes `bytes` up to the end of a head, which `then` gets to see; how many were taken, and
    /// what it said. A head that arrives in one piece is not copied.
    pub fn read<T>(
        &mut self,
        bytes: &[u8],
        then: impl FnOnce(Result<Request<'_>, Refusal>) -> T,
    ) -> (usize, Option<T>) {
        let known = self.start.len();
        if known == 0 {
            // Lines before a request are passed over (RFC 9112, 2.2).
            let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            let head = &bytes[blank..];
            return match end(head, 0) {
                Some(end) if end <= HEAD_MAX => (blank + end, Some(then(parse(&head[..end])))),
                None if head.len() < HEAD_MAX => {
                    self.start.extend_from_slice(head);
                    (bytes.len(), None)
                }
                _ => (bytes.len(), Some(then(Err(Refusal::HeadTooLarge)))),
            };
        }
        let more = &bytes[..bytes.len().min(HEAD_MAX - known)];
        self.start.extend_from_slice(more);
        // The end may have begun before.
        match end(&self.start, known.saturating_sub(2)) {
            Some(end) => {
                let answer = then(parse(&self.start[..end]));
                self.start.clear();
                (end.saturating_sub(known), Some(answer))
            }
            None if self.start.len() < HEAD_MAX => (more.len(), None),
            None => {
                self.start.clear();
                (bytes.len(), Some(then(Err(Refusal::HeadTooLarge))))
            }
        }
    }
}

/// Where the head ends: after an empty line. It is looked for from `from` on.
fn end(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let lines = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    lines.map(|(at, _)| from + at + 1).find_map(|next| match bytes.get(next..) {
        Some([b'\n', ..]) => Some(next + 1),
        Some([b'\r', b'\n', ..]) => Some(next + 2),
        _ => None,
    })
}

/// What the fields of a head say, as far as it matters here.
#[derive(Default)]
struct Fields {
    hosts: usize,
    length: Option<u64>,
    encoded: bool,
    close: bool,
    keep_alive: bool,
}

fn parse(head: &[u8]) -> Result<Request<'_>, Refusal> {
    let mut lines = head.split(|&byte| byte == b'\n');
    let mut lines = core::iter::from_fn(|| {
        let line = lines.next()?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    });
    let line = lines.next().unwrap_or_default();
    let mut words = line.split(|&byte| byte == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Refusal::BadRequest);
    };
    let visible = |byte: &u8| (0x21..0x7f).contains(byte);
    if !is_token(method) || target.is_empty() || !target.iter().all(visible) {
        return Err(Refusal::BadRequest);
    }
    let minor = match version {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', minor @ b'0'..=b'9'] => minor - b'0',
        [b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9'] => {
            return Err(Refusal::Version);
        }
        _ => return Err(Refusal::BadRequest),
    };
    let fields = fields(lines)?;
    if fields.hosts > 1 || minor > 0 && fields.hosts == 0 {
        return Err(Refusal::BadRequest);
    }
    let head = match method {
        b"GET" => false,
        b"HEAD" => true,
        _ => return Err(Refusal::MethodNotAllowed),
    };
    if fields.encoded || fields.length.is_some_and(|length| length > 0) {
        return Err(Refusal::ContentTooLarge);
    }
    let persistence = match (minor, fields.close, fields.keep_alive) {
        (_, true, _) | (0, _, false) => Persistence::Close,
        (0, _, true) => Persistence::Announce,
        _ => Persistence::Keep,
    };
    Ok(Request { head, path: path(target)?, persistence })
}

/// The path of a target that is a path or a whole address (RFC 9112, 3.2).
fn path(target: &[u8]) -> Result<&[u8], Refusal> {
    let path = match target.split_at_checked(7) {
        _ if target.starts_with(b"/") => target,
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case(b"http://") => {
            let authority = rest.iter().take_while(|byte| !matches!(byte, b'/' | b'?')).count();
            &rest[authority..]
        }
        _ => return Err(Refusal::BadRequest),
    };
    let path = path.split(|&byte| byte == b'?').next().unwrap_or_default();
    Ok(if path.is_empty() { b"/" } else { path })
}

fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Fields, Refusal> {
    let mut fields = Fields::default();
    for line in lines.take_while(|line| !line.is_empty()) {
        let colon = line.iter().position(|&byte| byte == b':').ok_or(Refusal::BadRequest)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // This refuses continued lines and blanks before the colon, too.
        let forbidden = |byte: &u8| matches!(byte, b'\0' | b'\r');
        if !is_token(name) || value.iter().any(forbidden) {
            return Err(Refusal::BadRequest);
        }
        if name.eq_ignore_ascii_case(b"host") {
            fields.hosts += 1;
        } else if name.eq_ignore_ascii_case(b"content-length") {
            let length = length(value)?;
            if fields.length.replace(length).is_some_and(|known| known != length) {
                return Err(Refusal::BadRequest);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            fields.encoded = true;
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
                fields.close |= option.eq_ignore_ascii_case(b"close");
                fields.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
    }
    // Both: somebody tries to make two servers see two different requests (RFC 9112, 6.1).
    if fields.encoded && fields.length.is_some() {
        return Err(Refusal::BadRequest);
    }
    Ok(fields)
}

fn length(value: &[u8]) -> Result<u64, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::BadRequest);
    }
    let digit =
        |length: u64, byte: &u8| length.saturating_mul(10).saturating_add(u64::from(byte - b'0'));
    Ok(value.iter().fold(0, digit))
}

/// RFC 9110, 5.6.2.
fn is_token(word: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !word.is_empty() && word.iter().all(allowed)
}

/// A path with its percent-encoded bytes decoded (RFC 3986, 2.1); `None` if it is no such path.
pub fn decode(path: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: Option<&u8>| char::from(*byte?).to_digit(16);
    let mut bytes = path.iter();
    let mut decoded = Vec::with_capacity(path.len());
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (digit(bytes.next())? << 4 | digit(bytes.next())?) as u8,
            byte => byte,
        });
    }
    Some(decoded)
}
