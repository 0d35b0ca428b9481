//! What follows: the value of every symbol.
//!
//! Symbols are valued in an order in which all inputs of each come first (the tree is known to
//! have no loop), so nothing recurses however long a chain of dependencies is.

use crate::Config;
use crate::expr::{Expr, number};
use crate::model::{Choice, Kind, Symbol, Tree};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nothing gave it one.
    Nothing,
    /// The user.
    User,
    /// The default with this number.
    Default(usize),
    /// Selected by this symbol.
    Select(usize),
    /// Implied by this symbol.
    Imply(usize),
    /// Its choice.
    Choice,
}

/// The value of every symbol.
#[derive(Clone, Debug)]
pub struct Solution {
    pub(crate) index: std::collections::HashMap<String, usize>,
    pub(crate) values: Vec<String>,
    pub(crate) origins: Vec<Origin>,
    pub(crate) visible: Vec<bool>,
    warnings: Vec<String>,
}

impl Solution {
    /// Whether a symbol is y.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name) == Some("y")
    }

    /// A symbol's value as text: y, n, a number, text without quotation marks. `None` if there is
    /// no such symbol.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.index.get(name).map(|&i| self.values[i].as_str())
    }

    /// Contradictions of the tree: symbols that are selected although their dependencies do not
    /// hold.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether an expression holds.
    pub(crate) fn holds(&self, expr: &Expr) -> bool {
        expr.holds(&|name| self.value(name).map(str::to_owned))
    }

    fn text(&self, expr: &Expr) -> String {
        expr.text(&|name| self.value(name).map(str::to_owned))
    }
}

impl Tree {
    /// Values every symbol.
    pub fn solve(&self, config: &Config) -> Solution {
        let n = self.symbols.len();
        let mut solution = Solution {
            index: self.index.clone(),
            values: vec![String::new(); n],
            origins: vec![Origin::Nothing; n],
            visible: vec![false; n],
            warnings: vec![],
        };
        let mut chosen: Vec<Option<Option<usize>>> = vec![None; self.choices.len()];
        for &i in &self.order {
            let symbol = &self.symbols[i];
            solution.visible[i] = symbol.visible.iter().any(|e| solution.holds(e));
            let (value, origin) = match symbol.choice {
                Some(choice) => {
                    let member = *chosen[choice].get_or_insert_with(|| {
                        self.choose(&self.choices[choice], config, &solution)
                    });
                    let value = if member == Some(i) { "y" } else { "n" };
                    (value.to_owned(), Origin::Choice)
                }
                None if symbol.kind.is_bool() => self.boolean(i, config, &solution),
                None => scalar(symbol, solution.visible[i], config, &solution),
            };
            solution.values[i] = value;
            solution.origins[i] = origin;
        }
        solution.warnings = self.contradictions(&solution);
        solution
    }

    /// The member of a choice that is y.
    fn choose(&self, choice: &Choice, config: &Config, solution: &Solution) -> Option<usize> {
        if !solution.holds(&choice.visible) {
            return None;
        }
        let visible = |i: &usize| self.symbols[*i].visible.iter().any(|e| solution.holds(e));
        let by_user = config.iter().rev().find_map(|(name, value)| {
            let member = *self.index.get(name)?;
            (value == "y" && choice.members.contains(&member) && visible(&member)).then_some(member)
        });
        if by_user.is_some() || choice.optional {
            return by_user;
        }
        let by_default = choice.defaults.iter().find_map(|default| {
            let member = *self.index.get(&default.value)?;
            let counts = choice.members.contains(&member) && solution.holds(&default.condition);
            (counts && visible(&member)).then_some(member)
        });
        by_default.or_else(|| choice.members.iter().copied().find(visible))
    }

    fn boolean(&self, i: usize, config: &Config, solution: &Solution) -> (String, Origin) {
        let symbol = &self.symbols[i];
        let user = if solution.visible[i] { config.get(&symbol.name) } else { None };
        let (mut on, mut origin) = match user {
            Some(value) => (value == "y" || value == "m", Origin::User),
            None => {
                let default = symbol
                    .defaults
                    .iter()
                    .enumerate()
                    .find(|(_, d)| solution.holds(&d.condition))
                    .map(|(at, d)| (solution.holds(&d.value), Origin::Default(at)));
                let (on, origin) = default.unwrap_or((false, Origin::Nothing));
                let implied = self.implied_by[i].iter().find(|(from, at)| {
                    solution.values[*from] == "y"
                        && solution.holds(&self.symbols[*from].implies[*at].condition)
                });
                match implied {
                    Some((from, _)) if !on && solution.holds(&symbol.dependencies) => {
                        (true, Origin::Imply(*from))
                    }
                    _ => (on, origin),
                }
            }
        };
        if !on && let Some(from) = self.selector(i, solution) {
            (on, origin) = (true, Origin::Select(from));
        }
        (if on { "y" } else { "n" }.to_owned(), origin)
    }

    /// Who selects symbol `i`.
    pub(crate) fn selector(&self, i: usize, solution: &Solution) -> Option<usize> {
        let by = |(from, at): &&(usize, usize)| {
            solution.values[*from] == "y"
                && solution.holds(&self.symbols[*from].selects[*at].condition)
        };
        self.selected_by[i].iter().find(by).map(|(from, _)| *from)
    }

    fn contradictions(&self, solution: &Solution) -> Vec<String> {
        let unmet = |i: &usize| {
            solution.values[*i] == "y" && !solution.holds(&self.symbols[*i].dependencies)
        };
        (0..self.symbols.len())
            .filter(unmet)
            .filter_map(|i| {
                let (from, at) = self.selected_by[i].iter().find(|(from, at)| {
                    solution.values[*from] == "y"
                        && solution.holds(&self.symbols[*from].selects[*at].condition)
                })?;
                let (by, symbol) = (&self.symbols[*from], &self.symbols[i]);
                Some(format!(
                    "{}: {} selects {}, which depends on {}, and that does not hold",
                    by.selects[*at].location, by.name, symbol.name, symbol.dependencies
                ))
            })
            .collect()
    }
}

/// The range that counts, if there is one.
pub(crate) fn range(symbol: &Symbol, solution: &Solution) -> Option<(i64, i64)> {
    let range = symbol.ranges.iter().find(|range| solution.holds(&range.condition))?;
    let bound = |expr| number(&solution.text(expr));
    Some((bound(&range.value.0)?, bound(&range.value.1)?))
}

fn scalar(
    symbol: &Symbol,
    visible: bool,
    config: &Config,
    solution: &Solution,
) -> (String, Origin) {
    let range = range(symbol, solution);
    let valid = |value: &str| match symbol.kind {
        Kind::Int if value.parse::<i64>().is_err() => false,
        Kind::Hex if number(value).is_none() => false,
        Kind::Int | Kind::Hex => match (number(value), range) {
            (Some(value), Some((low, high))) => (low..=high).contains(&value),
            _ => true,
        },
        _ => true,
    };
    let user = if visible { config.get(&symbol.name) } else { None };
    if let Some(value) = user.filter(|value| valid(value)) {
        return (value.to_owned(), Origin::User);
    }
    let default = symbol.defaults.iter().enumerate().find(|(_, d)| solution.holds(&d.condition));
    let (value, origin) = match default {
        Some((at, default)) => (solution.text(&default.value), Origin::Default(at)),
        None => (String::new(), Origin::Nothing),
    };
    // A default outside of the range becomes the bound that is nearest.
    let clamped = match (number(&value), range) {
        (Some(value), Some((low, _))) if value < low => Some(low),
        (Some(value), Some((low, high))) if value > high => Some(high.max(low)),
        (None, Some((low, _))) if value.is_empty() && visible => Some(low),
        _ => None,
    };
    let value = match clamped {
        Some(bound) if symbol.kind == Kind::Hex => format!("{bound:#x}"),
        Some(bound) => bound.to_string(),
        None => value,
    };
    (value, origin)
}
