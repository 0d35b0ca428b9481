//! Expressions: `A && !B || C = "text"`.
//!
//! Every expression of a tree is kept once, so that two are equal in form when their numbers are.
//! Conjunctions and disjunctions have any number of operands.

use crate::hash::Map;
use crate::symbol::{SymbolId, Symbols};
use std::fmt::Write as _;

/// Names an expression of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ExprId(u32);

/// How two values are compared: as numbers if both are, else as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

impl Comparison {
    /// As the language writes it.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }

    /// What holds when this does not.
    pub fn negated(self) -> Self {
        match self {
            Self::Equal => Self::Unequal,
            Self::Unequal => Self::Equal,
            Self::Less => Self::GreaterEqual,
            Self::LessEqual => Self::Greater,
            Self::Greater => Self::LessEqual,
            Self::GreaterEqual => Self::Less,
        }
    }
}

/// `&&` or `||`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// An expression over symbols.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// The value of a symbol.
    Symbol(SymbolId),
    /// Negation.
    Not(ExprId),
    /// A comparison of two symbols.
    Compare(SymbolId, Comparison, SymbolId),
    /// Two or more operands.
    Nary(Operator, Box<[ExprId]>),
}

/// All expressions of a tree.
#[derive(Clone, Debug, Default)]
pub struct Exprs {
    list: Vec<Expr>,
    /// How deeply each is nested.
    depths: Vec<u32>,
    known: Map<Expr, ExprId>,
}

impl Exprs {
    /// The expression's only copy.
    pub fn intern(&mut self, expr: Expr) -> ExprId {
        if let Some(&id) = self.known.get(&expr) {
            return id;
        }
        let id = ExprId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        let inner = match &expr {
            Expr::Symbol(_) | Expr::Compare(..) => None,
            Expr::Not(inner) => Some(self.depth(*inner)),
            Expr::Nary(_, list) => list.iter().map(|operand| self.depth(*operand)).max(),
        };
        self.depths.push(inner.map_or(0, |depth| depth + 1));
        self.list.push(expr.clone());
        self.known.insert(expr, id);
        id
    }

    /// How deeply an expression is nested.
    pub fn depth(&self, id: ExprId) -> u32 {
        self.depths[id.0 as usize]
    }

    pub fn symbol(&mut self, symbol: SymbolId) -> ExprId {
        self.intern(Expr::Symbol(symbol))
    }

    pub fn not(&mut self, inner: ExprId) -> ExprId {
        self.intern(Expr::Not(inner))
    }

    pub fn compare(&mut self, a: SymbolId, comparison: Comparison, b: SymbolId) -> ExprId {
        self.intern(Expr::Compare(a, comparison, b))
    }

    /// All operands at once; those that are of the same operator give up their parentheses.
    pub fn nary(&mut self, operator: Operator, operands: &[ExprId]) -> ExprId {
        let mut flat = Vec::with_capacity(operands.len());
        for &operand in operands {
            match &self.list[operand.0 as usize] {
                Expr::Nary(inner, list) if *inner == operator => flat.extend_from_slice(list),
                _ => flat.push(operand),
            }
        }
        match flat[..] {
            [only] => only,
            _ => self.intern(Expr::Nary(operator, flat.into())),
        }
    }

    /// `a && b`, where nothing means nothing is demanded.
    pub fn and(&mut self, a: Option<ExprId>, b: Option<ExprId>) -> Option<ExprId> {
        match (a, b) {
            (Some(a), Some(b)) => Some(self.nary(Operator::And, &[a, b])),
            (a, b) => a.or(b),
        }
    }

    /// The operands of an expression at one level of `operator`; itself if it is another.
    pub fn operands(&self, operator: Operator, id: ExprId) -> Vec<ExprId> {
        match &self[id] {
            Expr::Nary(own, list) if *own == operator => list.to_vec(),
            _ => vec![id],
        }
    }

    /// Calls `visit` for every symbol.
    pub fn symbols(&self, id: ExprId, visit: &mut dyn FnMut(SymbolId)) {
        match &self[id] {
            Expr::Symbol(symbol) => visit(*symbol),
            Expr::Not(inner) => self.symbols(*inner, visit),
            Expr::Compare(a, _, b) => {
                visit(*a);
                visit(*b);
            }
            Expr::Nary(_, list) => list.iter().for_each(|operand| self.symbols(*operand, visit)),
        }
    }

    /// As the language writes it; `annotate` says what follows a symbol's name.
    pub fn write(
        &self,
        id: ExprId,
        symbols: &Symbols,
        annotate: &mut dyn FnMut(SymbolId) -> String,
    ) -> String {
        let mut out = String::new();
        self.write_into(&mut out, id, symbols, annotate);
        out
    }

    fn write_into(
        &self,
        out: &mut String,
        id: ExprId,
        symbols: &Symbols,
        annotate: &mut dyn FnMut(SymbolId) -> String,
    ) {
        let mut name = |out: &mut String, id: SymbolId| {
            let symbol = &symbols[id];
            // Quotes only where the text would not read back as one word.
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
            if symbol.constant && (symbol.name.is_empty() || !symbol.name.bytes().all(plain)) {
                let _ = write!(out, "{:?}", symbol.name);
            } else {
                out.push_str(symbol.label());
            }
            out.push_str(&annotate(id));
        };
        match &self[id] {
            Expr::Symbol(symbol) => name(out, *symbol),
            Expr::Compare(a, comparison, b) => {
                name(out, *a);
                let _ = write!(out, " {} ", comparison.symbol());
                name(out, *b);
            }
            Expr::Not(inner) => {
                let parentheses = matches!(self[*inner], Expr::Nary(..) | Expr::Compare(..));
                out.push_str(if parentheses { "!(" } else { "!" });
                self.write_into(out, *inner, symbols, annotate);
                out.push_str(if parentheses { ")" } else { "" });
            }
            Expr::Nary(operator, list) => {
                for (i, operand) in list.iter().enumerate() {
                    if i > 0 {
                        out.push_str(match operator {
                            Operator::And => " && ",
                            Operator::Or => " || ",
                        });
                    }
                    let parentheses = matches!(self[*operand], Expr::Nary(..));
                    out.push_str(if parentheses { "(" } else { "" });
                    self.write_into(out, *operand, symbols, annotate);
                    out.push_str(if parentheses { ")" } else { "" });
                }
            }
        }
    }
}

impl std::ops::Index<ExprId> for Exprs {
    type Output = Expr;

    fn index(&self, id: ExprId) -> &Expr {
        &self.list[id.0 as usize]
    }
}
