//! Answers to "why?".

use crate::config::Config;
use crate::expr::{Expr, ExprId, Operator};
use crate::menu::{MenuId, PropertyId, PropertyKind};
use crate::model::Tree;
use crate::state::State;
use crate::symbol::{Symbol, SymbolId};
use crate::tristate::Tristate::No;
use std::fmt::{self, Write as _};

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

/// Where a value comes from.
enum Origin {
    User,
    Choice,
    Select(SymbolId),
    Imply(SymbolId),
    Default(PropertyId),
    Nothing,
}

impl Tree {
    /// The parts of a condition that all have to hold, without the choice around it.
    fn conjuncts(&self, id: ExprId) -> Vec<ExprId> {
        let parts = self.exprs.operands(Operator::And, id).into_iter();
        parts
            .filter(|part| match self.exprs[*part] {
                Expr::Symbol(symbol) => !self.symbols[symbol].choice,
                _ => true,
            })
            .collect()
    }

    /// A symbol's direct dependencies, as the language writes them; `y` if there are none. The
    /// choice that it is a member of is not among them.
    pub fn dependencies(&self, symbol: &Symbol) -> String {
        let alternatives: Vec<Vec<ExprId>> =
            symbol.direct.iter().map(|id| self.conjuncts(*id)).collect();
        if alternatives.iter().any(Vec::is_empty) || alternatives.is_empty() {
            return "y".to_owned();
        }
        let several = alternatives.len() > 1;
        let texts: Vec<String> = alternatives
            .iter()
            .map(|parts| {
                let texts: Vec<String> = parts
                    .iter()
                    .map(|part| match self.exprs[*part] {
                        Expr::Nary(..) if parts.len() > 1 => {
                            format!("({})", self.expression(*part))
                        }
                        _ => self.expression(*part),
                    })
                    .collect();
                let text = texts.join(" && ");
                if several && parts.len() > 1 { format!("({text})") } else { text }
            })
            .collect();
        texts.join(" || ")
    }

    fn place(&self, id: SymbolId) -> String {
        self.defined_at(&self.symbols[id]).to_string()
    }

    /// Where `by` says that it selects or implies `id`.
    fn cause_place(&self, by: SymbolId, id: SymbolId) -> String {
        let property = self.symbols[by].properties.iter().find(|property| {
            matches!(self.menus[**property].kind,
                PropertyKind::Select(to) | PropertyKind::Imply(to) if to == id)
        });
        property.map_or_else(
            || self.place(by),
            |property| self.location(self.menus[*property].line).to_string(),
        )
    }

    /// Where the cause that an expression is of a symbol's value is said: the expression is the
    /// other symbol and, behind it, the condition.
    pub(crate) fn cause_at(&self, cause: ExprId, id: SymbolId) -> String {
        let first = self.exprs.operands(Operator::And, cause).first().copied();
        match first.map(|first| &self.exprs[first]) {
            Some(Expr::Symbol(by)) => self.cause_place(*by, id),
            _ => self.place(id),
        }
    }

    /// What to set so that a member of a choice is n: the choice's other members.
    fn instead_of(&self, id: SymbolId) -> Option<String> {
        let choice = self.symbols[id].member_of?;
        let others = self.symbols[choice].members.iter().filter(|member| **member != id);
        let others: Vec<String> =
            others.map(|id| format!("{}=y", self.symbols[*id].name)).collect();
        Some(others.join(" or "))
    }
}

impl State<'_> {
    /// The assignments in `config` that do not hold, each with its reason.
    pub fn check(&mut self, config: &Config) -> Vec<NotHeld> {
        let mut failed = vec![];
        for (name, wanted) in config.iter() {
            let (got, reason) = match self.tree.find(name) {
                None => ("nothing".to_owned(), "there is no such symbol".to_owned()),
                Some(id) => {
                    let got = self.value(id).to_owned();
                    if got == wanted || wanted == "m" && got == "y" {
                        continue;
                    }
                    let got = if got.is_empty() { "unset".to_owned() } else { got };
                    (got, self.reason(id))
                }
            };
            let (symbol, wanted) = (name.to_owned(), wanted.to_owned());
            failed.push(NotHeld { symbol, wanted, got, reason });
        }
        failed
    }

    /// The first of a symbol's causes that holds: a select or imply.
    fn cause(&mut self, causes: &[ExprId]) -> Option<SymbolId> {
        let held = causes.iter().copied().find(|cause| self.evaluate(*cause) != No)?;
        // A cause is the symbol and, behind it, the condition.
        let first = self.tree.exprs.operands(Operator::And, held).first().copied()?;
        match self.tree.exprs[first] {
            Expr::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// Why a symbol is not what the user wants.
    fn reason(&mut self, id: SymbolId) -> String {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let at = tree.place(id);
        if let Some(by) = self.cause(&symbol.selected_by) {
            return format!("{} ({}) selects it", tree.symbols[by].name, tree.place(by));
        }
        if tree.prompt(symbol).is_none() {
            let mut by: Vec<&str> = vec![];
            for &cause in &symbol.selected_by {
                let first = tree.exprs.operands(Operator::And, cause).first().copied();
                if let Some(Expr::Symbol(from)) = first.map(|first| &tree.exprs[first]) {
                    by.push(&tree.symbols[*from].name);
                }
            }
            by.dedup();
            let remedy = match by.as_slice() {
                [] => String::new(),
                by => format!("; set what selects it: {}", by[..by.len().min(4)].join(" or ")),
            };
            return format!("it is not for users to set ({at}){remedy}");
        }
        let unmet: Vec<String> = match symbol.direct.as_slice() {
            [only] => {
                let parts = tree.conjuncts(*only);
                let unmet = parts.into_iter().filter(|part| self.evaluate(*part) == No);
                let unmet: Vec<ExprId> = unmet.collect();
                unmet.into_iter().map(|part| self.remedy(part)).collect()
            }
            several => {
                let holds = several.is_empty() || several.iter().any(|e| self.evaluate(*e) != No);
                if holds { vec![] } else { vec![tree.dependencies(symbol)] }
            }
        };
        if !unmet.is_empty() {
            return format!("it depends on {} ({at})", unmet.join("; and on "));
        }
        if let Some((low, high)) = self.range_text(id) {
            return format!("its range is {low} to {high} ({at})");
        }
        if symbol.member_of.is_some() {
            return format!("another member of its choice is set ({at})");
        }
        format!("it is not visible ({at})")
    }

    /// A part of a dependency that does not hold, and what would make it.
    fn remedy(&mut self, part: ExprId) -> String {
        let tree = self.tree;
        let text = tree.expression(part);
        match tree.exprs[part] {
            Expr::Symbol(symbol) => {
                let value = self.value(symbol);
                let value = if value == text { "unknown" } else { value };
                format!("{text}, which is {value}; set {text}=y too")
            }
            Expr::Not(inner) => match tree.exprs[inner] {
                Expr::Symbol(symbol) => match tree.instead_of(symbol) {
                    Some(others) => format!("{text}; set {others} too"),
                    None => format!("{text}; set {}=n too", tree.symbols[symbol].name),
                },
                _ => format!("{text}, which does not hold"),
            },
            _ => format!("{text}, which does not hold"),
        }
    }

    fn named_value(&mut self, id: SymbolId) -> String {
        let tree = self.tree;
        format!("{} [={}]", tree.symbols[id].name, self.value(id))
    }

    fn origin(&mut self, id: SymbolId) -> Origin {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        self.calculate(id);
        let slot = self.slot(id).clone();
        if symbol.member_of.is_some() && slot.visible != No {
            return Origin::Choice;
        }
        if symbol.kind.is_bool() {
            if slot.user && slot.visible != No && slot.user_tri.min(slot.visible) >= slot.selected {
                return Origin::User;
            }
            if slot.selected != No
                && slot.selected >= slot.tri
                && let Some(by) = self.cause(&symbol.selected_by)
            {
                return Origin::Select(by);
            }
        } else if slot.user && slot.visible != No {
            return Origin::User;
        }
        if let Some((property, _)) = self.default_property(id) {
            let value = self.default(id).map_or(No, |(value, c)| self.evaluate(value).min(c));
            if !symbol.kind.is_bool() || value >= slot.tri {
                return Origin::Default(property);
            }
        }
        match self.cause(&symbol.implied_by) {
            Some(by) if slot.tri != No => Origin::Imply(by),
            _ => Origin::Nothing,
        }
    }

    /// Why a symbol has its value, in one line; `None` if there is no such symbol.
    pub fn explain(&mut self, name: &str) -> Option<String> {
        let id = self.tree.find(name)?;
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let why = match self.origin(id) {
            Origin::User => "set by the user".to_owned(),
            Origin::Default(property) => {
                format!("by the default at {}", tree.location(tree.menus[property].line))
            }
            Origin::Select(by) => {
                format!("selected by {} ({})", tree.symbols[by].name, tree.cause_place(by, id))
            }
            Origin::Imply(by) => {
                format!("implied by {} ({})", tree.symbols[by].name, tree.cause_place(by, id))
            }
            Origin::Choice => "by its choice".to_owned(),
            Origin::Nothing if self.slot(id).direct != No => "nothing sets it".to_owned(),
            Origin::Nothing => format!("it depends on {}", tree.dependencies(symbol)),
        };
        let value = self.text(id);
        Some(format!("{name}={value}: {why}; defined at {}", tree.place(id)))
    }

    /// All about a symbol's value: where it comes from, and what bounds it, each with its place.
    /// `None` if there is no such symbol.
    pub fn explain_fully(&mut self, name: &str) -> Option<String> {
        let mut out = self.explain(name)?;
        let id = self.tree.find(name)?;
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let kind = symbol.kind.name();
        let _ = write!(out, "\n\nType: {kind}");
        if let Some(value) = self.user_value(id).map(str::to_owned) {
            let _ = write!(out, "\nSet by the user: {value}");
        }
        if let Some((low, high)) = self.range_text(id) {
            let _ = write!(out, "\nRange: {low} to {high}");
        }
        for entry in tree.entries(id) {
            let _ = write!(out, "\nDefined at {}", entry.location());
            if let Some(prompt) = entry.prompt() {
                let shown = if self.is_shown(entry.id()) { "visible" } else { "not visible" };
                let _ = write!(out, "\n  Prompt: {prompt} ({shown})");
            }
            let within = |id: &MenuId| tree.menus[*id].within;
            for block in std::iter::successors(Some(entry.id()), within) {
                for statement in tree.menus.stated(block) {
                    let (at, value) =
                        (tree.location(statement.line), self.evaluate(statement.condition));
                    let text = self.annotated(statement.condition);
                    let _ = write!(out, "\n  Depends at {at} [{value}]: {text}");
                }
            }
        }
        if let Some(choice) = symbol.member_of {
            let prompt = tree.prompt(&tree.symbols[choice]).unwrap_or("?");
            let _ = write!(out, "\nMember of the choice {prompt:?} at {}", tree.place(choice));
            if let Some(chosen) = self.slot(choice).chosen {
                let _ = write!(out, ", in which {} is y", tree.symbols[chosen].name);
            }
        }
        for &property in &symbol.properties {
            let (at, condition) = {
                let property = &tree.menus[property];
                (tree.location(property.line), property.condition)
            };
            let mut held = self.condition(condition);
            let (what, value) = match tree.menus[property].kind {
                PropertyKind::Default(value) => ("Default", self.annotated(value)),
                PropertyKind::Select(to) => ("Selects", self.named_value(to)),
                PropertyKind::Imply(to) => ("Implies", self.named_value(to)),
                _ => continue,
            };
            if what != "Default" {
                held = held.min(self.tristate(id));
            }
            let _ = write!(out, "\n{what} at {at} [{held}]: {value}");
            if let Some(condition) = condition {
                let _ = write!(out, " if {}", self.annotated(condition));
            }
        }
        for (what, causes) in [("Selected", &symbol.selected_by), ("Implied", &symbol.implied_by)] {
            for &cause in causes {
                let value = self.evaluate(cause);
                let at = tree.cause_at(cause, id);
                let text = self.annotated(cause);
                let _ = write!(out, "\n{what} at {at} [{value}]: {text}");
            }
        }
        out.push('\n');
        Some(out)
    }
}
