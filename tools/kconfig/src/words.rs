//! The words of a statement, and the expressions that they make.

use crate::error::Error;
use crate::expr::{Comparison, Expr};
use crate::lexer::{Token, TokenKind};
use crate::model::Location;

/// Parentheses in parentheses, and `!` before `!`.
const NESTING_MAX: usize = 100;

/// A line of a file, for what is said about it.
#[derive(Clone, Default)]
pub struct Line {
    pub location: Location,
    pub text: String,
}

impl Line {
    pub fn error<T>(&self, column: usize, message: impl Into<String>) -> Result<T, Error> {
        Err(Error {
            location: Some(self.location.clone()),
            column,
            text: self.text.clone(),
            message: message.into(),
        })
    }
}

/// The words of a statement after its keyword.
pub struct Words<'a> {
    line: &'a Line,
    list: &'a [Token],
    at: usize,
}

impl<'a> Words<'a> {
    /// `list` is what follows the keyword in `line`.
    pub fn new(line: &'a Line, list: &'a [Token]) -> Self {
        Self { line, list, at: 0 }
    }

    fn error<T>(&self, expected: &str) -> Result<T, Error> {
        let column =
            self.list.get(self.at).map_or(self.line.text.chars().count() + 1, |t| t.column);
        self.line.error(column, format!("expected {expected}"))
    }

    fn next(&mut self) -> Option<&TokenKind> {
        let token = self.list.get(self.at)?;
        self.at += 1;
        Some(&token.kind)
    }

    fn operator(&mut self, operator: &str) -> bool {
        let found = matches!(self.list.get(self.at), Some(Token { kind: TokenKind::Operator(o), .. }) if *o == operator);
        self.at += usize::from(found);
        found
    }

    pub fn end(&self) -> Result<(), Error> {
        if self.at < self.list.len() { self.error("the end of the line") } else { Ok(()) }
    }

    pub fn text(&mut self) -> Result<String, Error> {
        match self.next() {
            Some(TokenKind::Text(text) | TokenKind::Word(text)) => Ok(text.clone()),
            _ => {
                self.at = self.at.saturating_sub(1);
                self.error("a text in quotation marks")
            }
        }
    }

    pub fn word(&mut self, what: &str) -> Result<String, Error> {
        match self.next() {
            Some(TokenKind::Word(word)) => Ok(word.clone()),
            _ => {
                self.at = self.at.saturating_sub(1);
                self.error(what)
            }
        }
    }

    pub fn keyword(&mut self, keyword: &str) -> Result<(), Error> {
        match self.next() {
            Some(TokenKind::Word(word)) if word == keyword => Ok(()),
            _ => {
                self.at = self.at.saturating_sub(1);
                self.error(&format!("`{keyword}`"))
            }
        }
    }

    /// `if EXPRESSION`, or nothing.
    pub fn condition(&mut self) -> Result<Expr, Error> {
        if self.at == self.list.len() {
            return Ok(Expr::Const(true));
        }
        self.keyword("if")?;
        self.expression()
    }

    pub fn value(&mut self) -> Result<Expr, Error> {
        match self.next() {
            Some(TokenKind::Word(word)) => Ok(match word.as_str() {
                "y" | "m" => Expr::Const(true),
                "n" => Expr::Const(false),
                _ => Expr::Name(word.clone()),
            }),
            Some(TokenKind::Text(text)) => Ok(Expr::Text(text.clone())),
            _ => {
                self.at = self.at.saturating_sub(1);
                self.error("a symbol or a value")
            }
        }
    }

    pub fn expression(&mut self) -> Result<Expr, Error> {
        self.either(0)
    }

    fn either(&mut self, depth: usize) -> Result<Expr, Error> {
        if depth > NESTING_MAX {
            return self.error("an expression that is not nested so deeply");
        }
        let mut left = self.both(depth)?;
        while self.operator("||") {
            left = Expr::Or(Box::new(left), Box::new(self.both(depth)?));
        }
        Ok(left)
    }

    fn both(&mut self, depth: usize) -> Result<Expr, Error> {
        let mut left = self.unary(depth)?;
        while self.operator("&&") {
            left = Expr::And(Box::new(left), Box::new(self.unary(depth)?));
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Expr, Error> {
        if self.operator("!") {
            if depth > NESTING_MAX {
                return self.error("an expression that is not nested so deeply");
            }
            return Ok(Expr::Not(Box::new(self.unary(depth + 1)?)));
        }
        if self.operator("(") {
            let inner = self.either(depth + 1)?;
            return if self.operator(")") { Ok(inner) } else { self.error("`)`") };
        }
        let left = self.value()?;
        let comparisons = [
            ("=", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<=", Comparison::LessEqual),
            (">=", Comparison::GreaterEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        for (operator, comparison) in comparisons {
            if self.operator(operator) {
                return Ok(Expr::Compare(Box::new(left), comparison, Box::new(self.value()?)));
            }
        }
        Ok(left)
    }
}
