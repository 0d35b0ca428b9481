//! Expressions: `A && !B || C = "text"`.

use std::fmt;

/// An expression over symbols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// `y` or `n`.
    Const(bool),
    /// A symbol, or a constant that looks like one (a number).
    Name(String),
    /// Quoted text.
    Text(String),
    /// Negation.
    Not(Box<Expr>),
    /// Both.
    And(Box<Expr>, Box<Expr>),
    /// Either.
    Or(Box<Expr>, Box<Expr>),
    /// A comparison of two values.
    Compare(Box<Expr>, Comparison, Box<Expr>),
}

/// How two values are compared: as numbers if both are, else as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessEqual => "<=",
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
        }
    }
}

/// A number as the language writes it: decimal, or hexadecimal after `0x`.
pub fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

impl Expr {
    /// Both, without what is always true.
    pub fn and(self, other: Expr) -> Expr {
        match (self, other) {
            (Expr::Const(true), e) | (e, Expr::Const(true)) => e,
            (a, b) => Expr::And(Box::new(a), Box::new(b)),
        }
    }

    /// Either, without what is never true.
    pub fn or(self, other: Expr) -> Expr {
        match (self, other) {
            (Expr::Const(false), e) | (e, Expr::Const(false)) => e,
            (a, b) => Expr::Or(Box::new(a), Box::new(b)),
        }
    }

    /// Calls `visit` for every name.
    pub fn names<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Expr::Const(_) | Expr::Text(_) => {}
            Expr::Name(name) => visit(name),
            Expr::Not(e) => e.names(visit),
            Expr::And(a, b) | Expr::Or(a, b) | Expr::Compare(a, _, b) => {
                a.names(visit);
                b.names(visit);
            }
        }
    }

    /// Whether it holds; `value` gives a symbol's text (`y`, `n`, a number, text).
    pub fn holds(&self, value: &dyn Fn(&str) -> Option<String>) -> bool {
        match self {
            Expr::Const(b) => *b,
            Expr::Name(name) => match value(name) {
                Some(text) => text == "y",
                None => name == "y" || name == "m",
            },
            Expr::Text(text) => text == "y",
            Expr::Not(e) => !e.holds(value),
            Expr::And(a, b) => a.holds(value) && b.holds(value),
            Expr::Or(a, b) => a.holds(value) || b.holds(value),
            Expr::Compare(a, comparison, b) => {
                let (a, b) = (a.text(value), b.text(value));
                let order = match (number(&a), number(&b)) {
                    (Some(a), Some(b)) => a.cmp(&b),
                    _ => a.cmp(&b),
                };
                match comparison {
                    Comparison::Equal => order.is_eq(),
                    Comparison::Unequal => order.is_ne(),
                    Comparison::Less => order.is_lt(),
                    Comparison::LessEqual => order.is_le(),
                    Comparison::Greater => order.is_gt(),
                    Comparison::GreaterEqual => order.is_ge(),
                }
            }
        }
    }

    /// Its value as text.
    pub fn text(&self, value: &dyn Fn(&str) -> Option<String>) -> String {
        match self {
            Expr::Name(name) => value(name).unwrap_or_else(|| name.clone()),
            Expr::Text(text) => text.clone(),
            other => if other.holds(value) { "y" } else { "n" }.to_owned(),
        }
    }

    /// The parts of a conjunction.
    pub fn conjuncts(&self) -> Vec<&Expr> {
        match self {
            Expr::And(a, b) => [a.conjuncts(), b.conjuncts()].concat(),
            other => vec![other],
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = |e: &Expr| match e {
            Expr::Or(..) | Expr::And(..) => format!("({e})"),
            _ => e.to_string(),
        };
        match self {
            Expr::Const(b) => f.write_str(if *b { "y" } else { "n" }),
            Expr::Name(name) => f.write_str(name),
            Expr::Text(text) => write!(f, "{text:?}"),
            Expr::Not(e) => write!(f, "!{}", inner(e)),
            Expr::And(a, b) => write!(f, "{} && {}", inner(a), inner(b)),
            Expr::Or(a, b) => write!(f, "{} || {}", inner(a), inner(b)),
            Expr::Compare(a, c, b) => write!(f, "{a} {} {b}", c.symbol()),
        }
    }
}
