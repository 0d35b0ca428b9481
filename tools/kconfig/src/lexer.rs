//! Lines and words. The language is one of lines: a statement ends with its line.

/// A word of a statement, and its column from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub column: usize,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A keyword, a symbol or a number.
    Word(String),
    /// Quoted text, unescaped.
    Text(String),
    /// An operator.
    Operator(&'static str),
}

/// Words in one statement: expressions are walked recursively, and no honest one is longer.
const WORDS_MAX: usize = 2000;

const OPERATORS: [&str; 11] = ["&&", "||", "!=", "<=", ">=", "=", "<", ">", "!", "(", ")"];

/// Replaces `$(NAME)` by `value(NAME)`.
pub fn expand(line: &str, value: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find("$(") {
        out.push_str(&rest[..at]);
        let inner = &rest[at + 2..];
        let Some(end) = inner.find(')') else { return Err("`$(` without `)`".to_owned()) };
        match value(&inner[..end]) {
            Some(text) => out.push_str(&text),
            None => return Err(format!("the variable {} is not set", &inner[..end])),
        }
        rest = &inner[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

/// Splits a line into words; comments end it.
pub fn tokens(line: &str) -> Result<Vec<Token>, (usize, String)> {
    let mut tokens = Vec::new();
    let chars: Vec<(usize, char)> = line.char_indices().collect();
    let mut i = 0;
    while let Some(&(at, c)) = chars.get(i) {
        let column = i + 1;
        if tokens.len() == WORDS_MAX {
            return Err((column, format!("a statement of more than {WORDS_MAX} words")));
        }
        if c.is_whitespace() {
            i += 1;
        } else if c == '#' {
            break;
        } else if c == '"' || c == '\'' {
            let mut text = String::new();
            i += 1;
            loop {
                match chars.get(i) {
                    None => return Err((column, format!("text without its closing {c}"))),
                    Some((_, end)) if *end == c => break,
                    Some((_, '\\')) => {
                        i += 1;
                        text.extend(chars.get(i).map(|(_, escaped)| *escaped));
                    }
                    Some((_, other)) => text.push(*other),
                }
                i += 1;
            }
            i += 1;
            tokens.push(Token { kind: TokenKind::Text(text), column });
        } else if let Some(operator) = OPERATORS.iter().find(|o| line[at..].starts_with(**o)) {
            i += operator.len();
            tokens.push(Token { kind: TokenKind::Operator(operator), column });
        } else {
            let part = |c: char| c.is_alphanumeric() || "_-./*?[],:+".contains(c);
            let end = chars[i..].iter().position(|(_, c)| !part(*c)).map_or(chars.len(), |n| i + n);
            if end == i {
                return Err((column, format!("unexpected character {c:?}")));
            }
            let word: String = chars[i..end].iter().map(|(_, c)| *c).collect();
            tokens.push(Token { kind: TokenKind::Word(word), column });
            i = end;
        }
    }
    Ok(tokens)
}
