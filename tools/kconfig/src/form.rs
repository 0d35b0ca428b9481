//! What an expression demands, by its form.

use crate::expr::{Comparison, Expr, ExprId, Operator};
use crate::simplify::Simplifier;
use crate::symbol::{SymbolId, Symbols};

impl Simplifier<'_> {
    /// `id != n` spelled out down to the symbols, or its opposite.
    fn compared_with_no(&mut self, id: ExprId, comparison: Comparison) -> ExprId {
        let unequal = comparison == Comparison::Unequal;
        match self.exprs[id].clone() {
            Expr::Symbol(symbol) => self.exprs.compare(symbol, comparison, SymbolId::NO),
            Expr::Compare(..) if unequal => id,
            Expr::Compare(..) => self.exprs.not(id),
            Expr::Not(inner) => self.compared_with_no(
                inner,
                if unequal { Comparison::Equal } else { Comparison::Unequal },
            ),
            Expr::Nary(operator, list) => {
                let list: Vec<ExprId> = list
                    .iter()
                    .map(|operand| self.compared_with_no(*operand, Comparison::Equal))
                    .collect();
                let other = match operator {
                    Operator::And => Operator::Or,
                    Operator::Or => Operator::And,
                };
                let id = self.exprs.nary(other, &list);
                if unequal { self.exprs.not(id) } else { id }
            }
        }
    }

    /// A condition in the form in which two are compared for what they demand.
    pub fn demanded(&mut self, id: Option<ExprId>, symbols: &Symbols) -> ExprId {
        let spelled = match id {
            Some(id) => self.compared_with_no(id, Comparison::Unequal),
            None => {
                let no = self.exprs.symbol(SymbolId::NO);
                self.exprs.not(no)
            }
        };
        let spelled = self.transform(spelled, symbols);
        self.without_duplicates(spelled, symbols)
    }

    /// Whether an expression mentions a symbol.
    pub fn contains(&self, id: ExprId, symbol: SymbolId) -> bool {
        match &self.exprs[id] {
            Expr::Symbol(own) => *own == symbol,
            Expr::Compare(a, _, b) => *a == symbol || *b == symbol,
            Expr::Not(inner) => self.contains(*inner, symbol),
            Expr::Nary(_, list) => list.iter().any(|operand| self.contains(*operand, symbol)),
        }
    }

    /// Whether an expression is n whenever a symbol is.
    pub fn demands(&self, id: ExprId, symbol: SymbolId) -> bool {
        match &self.exprs[id] {
            Expr::Symbol(own) => *own == symbol,
            Expr::Compare(a, Comparison::Equal, SymbolId::YES | SymbolId::MOD)
            | Expr::Compare(a, Comparison::Unequal, SymbolId::NO) => *a == symbol,
            Expr::Nary(Operator::And, list) => {
                list.iter().any(|operand| self.demands(*operand, symbol))
            }
            _ => false,
        }
    }
}
