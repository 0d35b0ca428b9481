//! Answers to "why?".

use crate::solve::{Origin, range};
use crate::{Config, Solution, Tree};
use std::fmt;

/// A user's assignment that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHeld {
    /// The symbol.
    pub symbol: String,
    /// What the user wanted.
    pub wanted: String,
    /// What it is.
    pub got: String,
    /// Why, and what would help.
    pub reason: String,
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}={} cannot hold (it is {}): {}",
            self.symbol, self.wanted, self.got, self.reason
        )
    }
}

impl Tree {
    /// The assignments in `config` that did not hold, each with its reason.
    pub fn check(&self, config: &Config, solution: &Solution) -> Vec<NotHeld> {
        let failed = config.iter().filter_map(|(name, wanted)| {
            let Some(&i) = self.index.get(name) else {
                return Some(NotHeld {
                    symbol: name.to_owned(),
                    wanted: wanted.to_owned(),
                    got: "nothing".to_owned(),
                    reason: "there is no such symbol".to_owned(),
                });
            };
            let got = solution.values[i].as_str();
            let same = got == wanted || wanted == "m" && got == "y";
            (!same).then(|| NotHeld {
                symbol: name.to_owned(),
                wanted: wanted.to_owned(),
                got: if got.is_empty() { "unset".to_owned() } else { got.to_owned() },
                reason: self.reason(i, solution),
            })
        });
        failed.collect()
    }

    fn reason(&self, i: usize, solution: &Solution) -> String {
        let symbol = &self.symbols[i];
        if let Some(from) = self.selector(i, solution) {
            let by = &self.symbols[from];
            return format!("{} ({}) selects it", by.name, by.defined_at);
        }
        if symbol.prompt.is_none() {
            let mut by: Vec<&str> = self.selected_by[i]
                .iter()
                .map(|(from, _)| self.symbols[*from].name.as_str())
                .collect();
            by.dedup();
            let remedy = match by.as_slice() {
                [] => String::new(),
                by => format!("; set what selects it: {}", by[..by.len().min(4)].join(" or ")),
            };
            return format!("it is not for users to set ({}){remedy}", symbol.defined_at);
        }
        if !solution.holds(&symbol.dependencies) {
            let parts = symbol.dependencies.conjuncts();
            let unmet: Vec<String> = parts
                .iter()
                .filter(|part| !solution.holds(part))
                .map(|part| match part {
                    crate::expr::Expr::Name(name) => {
                        let value = solution.value(name).unwrap_or("unknown");
                        format!("{name}, which is {value}; set {name}=y too")
                    }
                    crate::expr::Expr::Not(name) => match self.instead_of(&name.to_string()) {
                        Some(others) => format!("{part}; set {others} too"),
                        None => format!("{part}; set {name}=n too"),
                    },
                    other => format!("{other}, which does not hold"),
                })
                .collect();
            return format!("it depends on {} ({})", unmet.join("; and on "), symbol.defined_at);
        }
        if let Some((low, high)) = range(symbol, solution) {
            return format!("its range is {low} to {high} ({})", symbol.defined_at);
        }
        if symbol.choice.is_some() {
            return format!("another member of its choice is set ({})", symbol.defined_at);
        }
        format!("it is not visible ({})", symbol.defined_at)
    }

    /// What to set so that a member of a choice is n: the choice's other members.
    fn instead_of(&self, name: &str) -> Option<String> {
        let &i = self.index.get(name)?;
        let members = &self.choices[self.symbols[i].choice?].members;
        let others = members.iter().filter(|&&member| member != i);
        let others: Vec<String> = others.map(|&m| format!("{}=y", self.symbols[m].name)).collect();
        Some(others.join(" or "))
    }

    /// Why a symbol has its value; `None` if there is no such symbol.
    pub fn explain(&self, name: &str, solution: &Solution) -> Option<String> {
        let &i = self.index.get(name)?;
        let symbol = &self.symbols[i];
        let why = match &solution.origins[i] {
            Origin::User => "set by the user".to_owned(),
            Origin::Default(at) => {
                format!("by the default at {}", symbol.defaults.get(*at)?.location)
            }
            Origin::Select(from) => {
                let by = &self.symbols[*from];
                format!("selected by {} ({})", by.name, by.defined_at)
            }
            Origin::Imply(from) => {
                let by = &self.symbols[*from];
                format!("implied by {} ({})", by.name, by.defined_at)
            }
            Origin::Choice => "by its choice".to_owned(),
            Origin::Nothing if solution.holds(&symbol.dependencies) => "nothing sets it".to_owned(),
            Origin::Nothing => format!("it depends on {}", symbol.dependencies),
        };
        Some(format!("{name}={}: {why}; defined at {}", solution.values[i], symbol.defined_at))
    }
}
