//! The tokens of a statement, with macros expanded, and help texts.

use crate::macros::{Flavor, Macros, Message, Place};
use std::borrow::Cow;

/// A problem at a place of the file that is being read.
#[derive(Debug)]
pub struct Fault {
    /// Offset in the file's text.
    pub at: usize,
    pub message: String,
}

impl Fault {
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind<'a> {
    /// A word that is no keyword, or any that came out of a macro.
    Word(Cow<'a, str>),
    /// Text in quotation marks.
    Quoted(Cow<'a, str>),
    Keyword(&'a str),
    Operator(&'static str),
    /// How a variable is assigned; the only token that follows is its raw value.
    Assign(Flavor),
    Value(&'a str),
}

/// A token and its offset in the file.
#[derive(Clone, Debug)]
pub struct Token<'a> {
    pub kind: TokenKind<'a>,
    pub at: usize,
}

/// Words that are reserved wherever they stand.
const KEYWORDS: [&str; 28] = [
    "bool",
    "choice",
    "comment",
    "config",
    "def_bool",
    "def_tristate",
    "default",
    "depends",
    "endchoice",
    "endif",
    "endmenu",
    "help",
    "hex",
    "if",
    "imply",
    "int",
    "mainmenu",
    "menu",
    "menuconfig",
    "modules",
    "on",
    "optional",
    "prompt",
    "range",
    "select",
    "source",
    "string",
    "tristate",
];

fn is_keyword(word: &str) -> bool {
    word == "visible" || KEYWORDS.binary_search(&word).is_ok()
}

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

/// Reads one file.
pub struct Lexer<'a> {
    text: &'a str,
    file: &'a str,
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    pub fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file, at: 0, line: 1 }
    }

    fn byte(&self, at: usize) -> u8 {
        self.text.as_bytes().get(at).copied().unwrap_or(0)
    }

    /// Offset of the end of the line.
    fn line_end(&self, from: usize) -> usize {
        self.text.as_bytes()[from..]
            .iter()
            .position(|b| *b == b'\n')
            .map_or(self.text.len(), |n| from + n)
    }

    /// Reads the tokens of the next statement into `tokens`, and gives the line of the first;
    /// `None` at the end of the file.
    pub fn statement(
        &mut self,
        tokens: &mut Vec<Token<'a>>,
        macros: &mut Macros,
    ) -> Result<Option<u32>, Fault> {
        tokens.clear();
        let mut first = self.line;
        while self.at < self.text.len() {
            let at = self.at;
            let kind = match self.byte(at) {
                b' ' | b'\t' | b'\r' => {
                    self.at += 1;
                    continue;
                }
                b'#' => {
                    self.at = self.line_end(at);
                    continue;
                }
                b'\n' => {
                    self.at += 1;
                    self.line += 1;
                    if tokens.is_empty() {
                        continue;
                    }
                    return Ok(Some(first));
                }
                b'\\' if self.byte(at + 1) == b'\n' => {
                    self.at += 2;
                    self.line += 1;
                    continue;
                }
                b'"' | b'\'' => TokenKind::Quoted(self.quoted(macros)?),
                b if is_word(b) || b == b'$' => match self.word(macros)? {
                    Cow::Borrowed(word) if is_keyword(word) => TokenKind::Keyword(word),
                    word if word.is_empty() => continue,
                    word => TokenKind::Word(word),
                },
                _ => match self.operator() {
                    Some(kind) => kind,
                    None => {
                        let c = self.text[at..].chars().next().unwrap_or(' ');
                        self.at += c.len_utf8();
                        macros.messages.push(Message::Warning(format!(
                            "{}:{}:warning: ignoring unsupported character '{c}'",
                            self.file, self.line
                        )));
                        continue;
                    }
                },
            };
            if tokens.is_empty() {
                first = self.line;
            }
            tokens.push(Token { kind, at });
            if self.assignment(tokens) {
                return Ok(Some(first));
            }
        }
        Ok((!tokens.is_empty()).then_some(first))
    }

    /// If the tokens begin an assignment, its value is the rest of the line as it is.
    fn assignment(&mut self, tokens: &mut Vec<Token<'a>>) -> bool {
        let [Token { kind: TokenKind::Word(_), .. }, Token { kind, .. }] = &mut tokens[..] else {
            return false;
        };
        match kind {
            TokenKind::Operator("=") => *kind = TokenKind::Assign(Flavor::Recursive),
            TokenKind::Assign(_) => {}
            _ => return false,
        }
        let end = self.line_end(self.at);
        let raw = self.text[self.at..end].trim_end_matches('\r');
        let value = raw.trim_start_matches([' ', '\t']);
        let at = self.at + (raw.len() - value.len());
        tokens.push(Token { kind: TokenKind::Value(value), at });
        self.at = (end + 1).min(self.text.len());
        self.line += 1;
        true
    }

    fn operator(&mut self) -> Option<TokenKind<'a>> {
        let rest = &self.text[self.at..];
        const OPERATORS: [&str; 10] = ["||", "&&", "!=", "<=", ">=", "=", "<", ">", "!", "("];
        let kind = if rest.starts_with(":=") {
            TokenKind::Assign(Flavor::Simple)
        } else if rest.starts_with("+=") {
            TokenKind::Assign(Flavor::Append)
        } else {
            TokenKind::Operator(
                OPERATORS.iter().chain(&[")"]).find(|operator| rest.starts_with(**operator))?,
            )
        };
        self.at += match kind {
            TokenKind::Operator(text) => text.len(),
            _ => 2,
        };
        Some(kind)
    }

    fn fault(at: usize) -> impl Fn(String) -> Fault {
        move |message| Fault { at, message }
    }

    /// A word; references in it are expanded, and their values are not looked at again.
    fn word(&mut self, macros: &mut Macros) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        let place = Place { file: self.file, line: self.line };
        let mut expanded: Option<String> = None;
        let mut plain = start;
        loop {
            match self.byte(self.at) {
                b if is_word(b) => self.at += 1,
                b'$' => {
                    let end = self.line_end(self.at);
                    let out = expanded.get_or_insert_default();
                    out.push_str(&self.text[plain..self.at]);
                    let (value, rest) = macros
                        .reference(&self.text[self.at + 1..end], place)
                        .map_err(Self::fault(self.at))?;
                    out.push_str(&value);
                    self.at = end - rest.len();
                    plain = self.at;
                }
                _ => break,
            }
        }
        let tail = &self.text[plain..self.at];
        Ok(match expanded {
            None => Cow::Borrowed(tail),
            Some(mut out) => {
                out.push_str(tail);
                Cow::Owned(out)
            }
        })
    }

    /// Text in quotation marks; references in it are expanded.
    fn quoted(&mut self, macros: &mut Macros) -> Result<Cow<'a, str>, Fault> {
        let start = self.at;
        let quote = self.byte(start);
        let place = Place { file: self.file, line: self.line };
        self.at += 1;
        let mut changed: Option<String> = None;
        let mut plain = self.at;
        loop {
            let b = self.byte(self.at);
            match b {
                _ if self.at >= self.text.len() || b == b'\n' => {
                    let message = format!("text without its closing {}", char::from(quote));
                    return Err(Fault::new(start, message));
                }
                _ if b == quote => break,
                b'\\' => {
                    let out = changed.get_or_insert_default();
                    out.push_str(&self.text[plain..self.at]);
                    // The character behind it stands for itself.
                    self.at += 1;
                    plain = self.at;
                    if self.byte(self.at) != b'\n' && self.at < self.text.len() {
                        self.at += 1;
                        while !self.text.is_char_boundary(self.at) {
                            self.at += 1;
                        }
                    }
                }
                b'$' => {
                    let end = self.line_end(self.at);
                    let out = changed.get_or_insert_default();
                    out.push_str(&self.text[plain..self.at]);
                    let (value, rest) = macros
                        .reference(&self.text[self.at + 1..end], place)
                        .map_err(Self::fault(self.at))?;
                    out.push_str(&value);
                    self.at = end - rest.len();
                    plain = self.at;
                }
                _ => self.at += 1,
            }
        }
        let tail = &self.text[plain..self.at];
        self.at += 1;
        Ok(match changed {
            None => Cow::Borrowed(tail),
            Some(mut out) => {
                out.push_str(tail);
                Cow::Owned(out)
            }
        })
    }

    /// A help text: lines that are indented at least as far as the first one, and blank ones.
    pub fn help(&mut self) -> String {
        let mut text = String::new();
        let mut indent = 0;
        while self.at < self.text.len() {
            let end = self.line_end(self.at);
            let line = self.text[self.at..end].trim_end_matches(['\r', ' ', '\t']);
            let content = line.trim_start_matches([' ', '\t']);
            if !content.is_empty() {
                let own = width(&line[..line.len() - content.len()]);
                if indent == 0 {
                    indent = own;
                }
                if own < indent || own == 0 {
                    break;
                }
                text.extend(std::iter::repeat_n(' ', own - indent));
                text.push_str(content);
            }
            text.push('\n');
            self.at = (end + 1).min(self.text.len());
            self.line += 1;
        }
        text.truncate(text.trim_end().len());
        text
    }
}

/// Columns of white space; a tab leads to the next multiple of eight.
fn width(space: &str) -> usize {
    space.bytes().fold(0, |n, b| if b == b'\t' { (n / 8 + 1) * 8 } else { n + 1 })
}
