//! Simplification of expressions.
//!
//! Values do not depend on it. It matters for two questions about form: whether an entry depends
//! on the symbol before it, so that a menu shows it below that, and how a condition reads. The
//! answers have to be those that Linux's own tools give, and so each rule here is one of theirs.

use crate::expr::{Comparison, Expr, ExprId, Exprs, Operator};
use crate::hash::Map;
use crate::symbol::{Kind, SymbolId, Symbols};

/// Operands at one level beyond which an expression is left as it is: comparing each with each
/// would take too long, and nobody writes such.
const OPERANDS_MAX: usize = 500;

/// Expressions, and what simplifying them gave.
pub(crate) struct Simplifier<'a> {
    pub exprs: &'a mut Exprs,
    known: Map<(Option<ExprId>, Option<ExprId>), Option<ExprId>>,
}

impl<'a> Simplifier<'a> {
    pub fn new(exprs: &'a mut Exprs) -> Self {
        Self { exprs, known: Map::default() }
    }

    /// Forgets what follows from the types of symbols.
    pub fn forget(&mut self) {
        self.known.clear();
    }

    /// What is demanded around an entry, and in it: `base && own`, with `m` in `own` read as
    /// `m && MODULES`, simplified.
    pub fn combine(
        &mut self,
        base: Option<ExprId>,
        own: Option<ExprId>,
        symbols: &Symbols,
        modules: SymbolId,
    ) -> Option<ExprId> {
        if let Some(known) = self.known.get(&(base, own)) {
            return *known;
        }
        let rewritten = own.map(|own| {
            let own = self.rewrite_m(own, modules);
            self.transform(own, symbols)
        });
        let both = self.exprs.and(base, rewritten);
        let result = both.map(|both| self.without_duplicates(both, symbols));
        self.known.insert((base, own), result);
        result
    }

    fn map(&mut self, id: ExprId, mut f: impl FnMut(&mut Self, ExprId) -> ExprId) -> ExprId {
        match self.exprs[id].clone() {
            Expr::Symbol(_) | Expr::Compare(..) => id,
            Expr::Not(inner) => {
                let inner = f(self, inner);
                self.exprs.not(inner)
            }
            Expr::Nary(operator, list) => {
                let list: Vec<ExprId> = list.iter().map(|operand| f(self, *operand)).collect();
                self.exprs.nary(operator, &list)
            }
        }
    }

    fn rewrite_m(&mut self, id: ExprId, modules: SymbolId) -> ExprId {
        if self.exprs[id] == Expr::Symbol(SymbolId::MOD) {
            let modules = self.exprs.symbol(modules);
            return self.exprs.nary(Operator::And, &[id, modules]);
        }
        self.map(id, |this, inner| this.rewrite_m(inner, modules))
    }

    /// Comparisons of bools with constants become the symbol; `!` moves inward.
    pub fn transform(&mut self, id: ExprId, symbols: &Symbols) -> ExprId {
        let id = self.map(id, |this, inner| this.transform(inner, symbols));
        match self.exprs[id].clone() {
            Expr::Compare(a, comparison, b) if symbols[a].kind == Kind::Bool => {
                let equal = match comparison {
                    Comparison::Equal => true,
                    Comparison::Unequal => false,
                    _ => return id,
                };
                match b {
                    SymbolId::YES | SymbolId::NO => {
                        let symbol = self.exprs.symbol(a);
                        let plain = (b == SymbolId::YES) == equal;
                        if plain { symbol } else { self.exprs.not(symbol) }
                    }
                    // A bool is never m.
                    SymbolId::MOD if equal => self.exprs.symbol(SymbolId::NO),
                    SymbolId::MOD => self.exprs.symbol(SymbolId::YES),
                    _ => id,
                }
            }
            Expr::Not(inner) => match self.exprs[inner].clone() {
                Expr::Not(inner) => self.transform(inner, symbols),
                Expr::Compare(a, comparison, b) => self.exprs.compare(a, comparison.negated(), b),
                Expr::Nary(operator, list) => {
                    let list: Vec<ExprId> =
                        list.iter().map(|operand| self.exprs.not(*operand)).collect();
                    let other = match operator {
                        Operator::And => Operator::Or,
                        Operator::Or => Operator::And,
                    };
                    let id = self.exprs.nary(other, &list);
                    self.transform(id, symbols)
                }
                Expr::Symbol(SymbolId::YES) => self.exprs.symbol(SymbolId::NO),
                Expr::Symbol(SymbolId::MOD) => self.exprs.symbol(SymbolId::MOD),
                Expr::Symbol(SymbolId::NO) => self.exprs.symbol(SymbolId::YES),
                Expr::Symbol(_) => id,
            },
            _ => id,
        }
    }

    /// Without operands that are always true or never.
    fn without_constants(&mut self, id: ExprId) -> ExprId {
        let Expr::Nary(operator, list) = self.exprs[id].clone() else { return id };
        let (neutral, absorbing) = match operator {
            Operator::And => (SymbolId::YES, SymbolId::NO),
            Operator::Or => (SymbolId::NO, SymbolId::YES),
        };
        let mut kept = Vec::with_capacity(list.len());
        for operand in list {
            let operand = self.without_constants(operand);
            match self.exprs[operand] {
                Expr::Symbol(symbol) if symbol == absorbing => return operand,
                Expr::Symbol(symbol) if symbol == neutral => {}
                _ => kept.push(operand),
            }
        }
        if kept.is_empty() {
            return self.exprs.symbol(neutral);
        }
        self.exprs.nary(operator, &kept)
    }

    /// Without operands that say what others say.
    pub fn without_duplicates(&mut self, mut id: ExprId, symbols: &Symbols) -> ExprId {
        loop {
            let (joined, changed) = self.join_operands(id, symbols);
            if !changed {
                return id;
            }
            id = self.without_constants(joined);
        }
    }

    /// One pass of comparing each operand with each other one.
    fn join_operands(&mut self, id: ExprId, symbols: &Symbols) -> (ExprId, bool) {
        let Expr::Nary(operator, list) = self.exprs[id].clone() else { return (id, false) };
        if list.len() > OPERANDS_MAX {
            return (id, false);
        }
        let mut list = list.into_vec();
        let mut changed = false;
        for i in 0..list.len() {
            for j in 0..list.len() {
                if i == j {
                    continue;
                }
                let (inner, inner_changed) = self.join_operands(list[i], symbols);
                list[i] = inner;
                changed |= inner_changed;
                let joined = match operator {
                    Operator::And => self.join_and(list[i], list[j], symbols),
                    Operator::Or => self.join_or(list[i], list[j], symbols),
                };
                if let Some(joined) = joined {
                    list[i] = self.exprs.symbol(match operator {
                        Operator::And => SymbolId::YES,
                        Operator::Or => SymbolId::NO,
                    });
                    list[j] = joined;
                    changed = true;
                }
            }
        }
        (self.exprs.nary(operator, &list), changed)
    }

    /// Whether two expressions are equal but for the order of operands.
    pub fn equal(&mut self, a: ExprId, b: ExprId) -> bool {
        match (&self.exprs[a], &self.exprs[b]) {
            (Expr::Not(a), Expr::Not(b)) => {
                let (a, b) = (*a, *b);
                self.equal(a, b)
            }
            (Expr::Nary(own, _), Expr::Nary(other, _)) if own == other => {
                let (a, b) = self.without_common(a, b);
                a == b && matches!(self.exprs[a], Expr::Symbol(_))
            }
            (Expr::Nary(..), _) => false,
            _ => a == b,
        }
    }

    /// Both without the operands that they have in common.
    pub fn without_common(&mut self, mut a: ExprId, mut b: ExprId) -> (ExprId, ExprId) {
        if let Expr::Nary(operator, _) = self.exprs[a] {
            (a, b) = self.strike_common(operator, a, b);
        }
        if let Expr::Nary(operator, _) = self.exprs[b]
            && !matches!(self.exprs[a], Expr::Nary(own, _) if own == operator)
        {
            (a, b) = self.strike_common(operator, a, b);
        }
        (self.without_constants(a), self.without_constants(b))
    }

    fn strike_common(&mut self, operator: Operator, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        let (mut left, mut right) =
            (self.exprs.operands(operator, a), self.exprs.operands(operator, b));
        if left.len() > OPERANDS_MAX || right.len() > OPERANDS_MAX {
            return (a, b);
        }
        let neutral = self.exprs.symbol(match operator {
            Operator::And => SymbolId::YES,
            Operator::Or => SymbolId::NO,
        });
        let constant = |e: &Expr| matches!(e, Expr::Symbol(SymbolId::YES | SymbolId::NO));
        for l in &mut left {
            for r in &mut right {
                if l == r && constant(&self.exprs[*l]) {
                    continue;
                }
                if self.equal(*l, *r) {
                    (*l, *r) = (neutral, neutral);
                }
            }
        }
        (self.raw(operator, left), self.raw(operator, right))
    }

    /// Operands as they are; one alone stands for itself.
    fn raw(&mut self, operator: Operator, list: Vec<ExprId>) -> ExprId {
        self.exprs.nary(operator, &list)
    }

    /// The symbol that a simple operand is about, where `not_compared` says whether `!(A = B)` is
    /// simple, too.
    fn subject(&self, id: ExprId, not_compared: bool) -> Option<SymbolId> {
        match &self.exprs[id] {
            Expr::Symbol(a) | Expr::Compare(a, Comparison::Equal | Comparison::Unequal, _) => {
                Some(*a)
            }
            Expr::Not(inner) => match &self.exprs[*inner] {
                Expr::Symbol(a) => Some(*a),
                Expr::Compare(a, Comparison::Equal | Comparison::Unequal, _) if not_compared => {
                    Some(*a)
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// The bool or tristate that both operands are about, and nothing else.
    fn common_subject(&self, a: ExprId, b: ExprId, symbols: &Symbols) -> Option<SymbolId> {
        let symbol = self.subject(a, true)?;
        let same = self.subject(b, false)? == symbol && symbols[symbol].kind.is_bool();
        same.then_some(symbol)
    }

    /// What `a || b` is in fewer words.
    fn join_or(&mut self, a: ExprId, b: ExprId, symbols: &Symbols) -> Option<ExprId> {
        if self.equal(a, b) {
            return Some(a);
        }
        let subject = self.common_subject(a, b, symbols)?;
        if symbols[subject].kind == Kind::Tristate {
            let (
                Expr::Compare(_, Comparison::Equal, one),
                Expr::Compare(_, Comparison::Equal, other),
            ) = (&self.exprs[a], &self.exprs[b])
            else {
                return None;
            };
            let left = third(*one, *other)?;
            return Some(self.exprs.compare(subject, Comparison::Unequal, left));
        }
        let plain = |e: &Expr| matches!(e, Expr::Symbol(_));
        let negated = |e: &Expr| matches!(e, Expr::Not(inner) if plain(&self.exprs[*inner]));
        let (a, b) = (&self.exprs[a], &self.exprs[b]);
        let always = negated(a) && plain(b) || negated(b) && plain(a);
        always.then(|| self.exprs.symbol(SymbolId::YES))
    }

    /// What `a && b` is in fewer words.
    fn join_and(&mut self, a: ExprId, b: ExprId, symbols: &Symbols) -> Option<ExprId> {
        use Comparison::{Equal, Unequal};
        if self.equal(a, b) {
            return Some(a);
        }
        let subject = self.common_subject(a, b, symbols)?;
        let compared = |e: &Expr| match e {
            Expr::Compare(_, comparison, with) => Some((*comparison, *with)),
            _ => None,
        };
        let (left, right) = (&self.exprs[a], &self.exprs[b]);
        let with_symbol = match (left, right) {
            (Expr::Symbol(_), other) | (other, Expr::Symbol(_)) => compared(other),
            _ => None,
        };
        match with_symbol {
            Some((Equal, SymbolId::YES) | (Unequal, SymbolId::MOD)) => {
                return Some(self.exprs.compare(subject, Equal, SymbolId::YES));
            }
            Some((Unequal, SymbolId::NO)) => return Some(self.exprs.symbol(subject)),
            _ => {}
        }
        if symbols[subject].kind != Kind::Tristate {
            return None;
        }
        match (compared(left)?, compared(right)?) {
            ((Equal, is), (Unequal, not)) | ((Unequal, not), (Equal, is)) => {
                if !symbols[is].constant || !symbols[not].constant {
                    return None;
                }
                Some(match is == not {
                    true => self.exprs.symbol(SymbolId::NO),
                    false => self.exprs.compare(subject, Equal, is),
                })
            }
            ((Unequal, one), (Unequal, other)) => {
                let left = third(one, other)?;
                Some(self.exprs.compare(subject, Equal, left))
            }
            _ => None,
        }
    }
}

/// The one of y, m and n that is neither of two.
fn third(one: SymbolId, other: SymbolId) -> Option<SymbolId> {
    let all = [SymbolId::NO, SymbolId::MOD, SymbolId::YES];
    if one == other || !all.contains(&one) || !all.contains(&other) {
        return None;
    }
    all.into_iter().find(|value| *value != one && *value != other)
}
