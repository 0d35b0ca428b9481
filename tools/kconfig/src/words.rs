//! The tokens of a statement behind its keyword, and the expressions that they make.

use crate::expr::{Comparison, ExprId, Exprs, Operator};
use crate::lexer::{Fault, Token, TokenKind};
use crate::symbol::{SymbolId, Symbols};

/// Parentheses in parentheses, and `!` before `!`.
const NESTING_MAX: usize = 100;

/// Reads tokens from the left to the right.
pub struct Words<'t, 'a> {
    list: &'t [Token<'a>],
    at: usize,
    /// Offset behind the last token.
    end: usize,
}

impl<'t, 'a> Words<'t, 'a> {
    /// `end` is the offset that a missing token is missed at.
    pub fn new(list: &'t [Token<'a>], end: usize) -> Self {
        Self { list, at: 0, end }
    }

    fn peek(&self) -> Option<&'t TokenKind<'a>> {
        self.list.get(self.at).map(|token| &token.kind)
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.list.len()
    }

    pub fn fault<T>(&self, message: impl Into<String>) -> Result<T, Fault> {
        Err(Fault::new(self.list.get(self.at).map_or(self.end, |token| token.at), message))
    }

    /// "expected ..., not ...".
    fn expected<T>(&self, what: &str) -> Result<T, Fault> {
        match self.peek() {
            None => self.fault(format!("expected {what}")),
            Some(TokenKind::Keyword(word)) => {
                self.fault(format!("expected {what}, not the keyword `{word}`"))
            }
            Some(TokenKind::Word(word)) => self.fault(format!("expected {what}, not `{word}`")),
            Some(TokenKind::Quoted(text)) => self.fault(format!("expected {what}, not {text:?}")),
            Some(TokenKind::Operator(operator)) => {
                self.fault(format!("expected {what}, not `{operator}`"))
            }
            Some(TokenKind::Assign(_) | TokenKind::Value(_)) => {
                self.fault(format!("expected {what}, not an assignment"))
            }
        }
    }

    /// The statement has to end here.
    pub fn end(&self) -> Result<(), Fault> {
        if self.is_empty() { Ok(()) } else { self.expected("the end of the line") }
    }

    /// Text in quotation marks.
    pub fn text(&mut self) -> Result<&'t str, Fault> {
        match self.peek() {
            Some(TokenKind::Quoted(text)) => {
                self.at += 1;
                Ok(text)
            }
            _ => self.expected("text in quotation marks"),
        }
    }

    /// A word that is no keyword.
    pub fn word(&mut self, what: &str) -> Result<&'t str, Fault> {
        match self.peek() {
            Some(TokenKind::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            _ => self.expected(what),
        }
    }

    fn has_keyword(&mut self, keyword: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Keyword(word)) if *word == keyword);
        self.at += usize::from(found);
        found
    }

    /// This keyword.
    pub fn keyword(&mut self, keyword: &str) -> Result<(), Fault> {
        if self.has_keyword(keyword) { Ok(()) } else { self.expected(&format!("`{keyword}`")) }
    }

    fn operator(&mut self, operator: &str) -> bool {
        let found = matches!(self.peek(), Some(TokenKind::Operator(own)) if *own == operator);
        self.at += usize::from(found);
        found
    }

    /// A symbol, by its name only.
    pub fn named(&mut self, symbols: &mut Symbols) -> Result<SymbolId, Fault> {
        self.word("a symbol's name").map(|name| symbols.mention(name))
    }

    /// A symbol or quoted text.
    pub fn symbol(&mut self, symbols: &mut Symbols) -> Result<SymbolId, Fault> {
        let id = match self.peek() {
            Some(TokenKind::Word(name)) => symbols.mention(name),
            Some(TokenKind::Quoted(text)) => symbols.constant(text),
            _ => return self.expected("a symbol or text in quotation marks"),
        };
        self.at += 1;
        Ok(id)
    }

    /// `if EXPRESSION`, or nothing.
    pub fn condition(
        &mut self,
        symbols: &mut Symbols,
        exprs: &mut Exprs,
    ) -> Result<Option<ExprId>, Fault> {
        if self.has_keyword("if") { self.expression(symbols, exprs).map(Some) } else { Ok(None) }
    }

    /// An expression.
    pub fn expression(
        &mut self,
        symbols: &mut Symbols,
        exprs: &mut Exprs,
    ) -> Result<ExprId, Fault> {
        self.nary(Operator::Or, symbols, exprs, 0)
    }

    fn nary(
        &mut self,
        operator: Operator,
        symbols: &mut Symbols,
        exprs: &mut Exprs,
        depth: usize,
    ) -> Result<ExprId, Fault> {
        let mut operands = vec![];
        loop {
            operands.push(match operator {
                Operator::Or => self.nary(Operator::And, symbols, exprs, depth)?,
                Operator::And => self.unary(symbols, exprs, depth)?,
            });
            let sign = if operator == Operator::Or { "||" } else { "&&" };
            if !self.operator(sign) {
                return Ok(exprs.nary(operator, &operands));
            }
        }
    }

    fn unary(
        &mut self,
        symbols: &mut Symbols,
        exprs: &mut Exprs,
        depth: usize,
    ) -> Result<ExprId, Fault> {
        if depth > NESTING_MAX {
            return self.fault("the expression is nested so deeply that nobody can read it");
        }
        if self.operator("!") {
            let inner = self.unary(symbols, exprs, depth + 1)?;
            return Ok(exprs.not(inner));
        }
        if self.operator("(") {
            let inner = self.nary(Operator::Or, symbols, exprs, depth + 1)?;
            if !self.operator(")") {
                return self.expected("`)`");
            }
            return Ok(inner);
        }
        let left = match self.peek() {
            Some(TokenKind::Word(_) | TokenKind::Quoted(_)) => self.symbol(symbols)?,
            _ => return self.expected("an expression"),
        };
        let comparison = match self.peek() {
            Some(TokenKind::Operator("=")) => Comparison::Equal,
            Some(TokenKind::Operator("!=")) => Comparison::Unequal,
            Some(TokenKind::Operator("<")) => Comparison::Less,
            Some(TokenKind::Operator("<=")) => Comparison::LessEqual,
            Some(TokenKind::Operator(">")) => Comparison::Greater,
            Some(TokenKind::Operator(">=")) => Comparison::GreaterEqual,
            _ => return Ok(exprs.symbol(left)),
        };
        self.at += 1;
        let right = self.symbol(symbols)?;
        Ok(exprs.compare(left, comparison, right))
    }

    /// The keyword `modules`.
    pub fn modules(&mut self) -> bool {
        self.has_keyword("modules")
    }

    /// `="NAME"`
    pub fn environment(&mut self) -> Result<&'t str, Fault> {
        if !self.operator("=") {
            return self.expected("`=`");
        }
        self.text()
    }
}
