//! What is odd about the properties of a symbol, though it can be read.

use crate::finalize::Finalizer;
use crate::menu::{MenuId, PropertyKind};
use crate::number;
use crate::symbol::{Kind, SymbolId};

impl Finalizer<'_> {
    /// Warns about a symbol, once.
    pub fn check(&mut self, entry: MenuId, symbol: SymbolId) {
        let Some(checked) = self.checked.get_mut(symbol.index()) else { return };
        if std::mem::replace(checked, true) {
            return;
        }
        let line = self.menus[entry].line;
        if self.symbols[symbol].kind == Kind::Unknown {
            self.warn(line, format_args!("config symbol defined without type"));
        }
        if self.symbols[symbol].choice && self.menus[entry].prompt.is_none() {
            self.warn(line, format_args!("choice must have a prompt"));
        }
        for at in 0..self.symbols[symbol].properties.len() {
            let property = self.symbols[symbol].properties[at];
            let line = self.menus[property].line;
            let problem = match self.menus[property].kind {
                PropertyKind::Default(value) => self.check_default(symbol, self.single(value)),
                PropertyKind::Select(by) => self.check_select(symbol, by, "select"),
                PropertyKind::Imply(by) => self.check_select(symbol, by, "imply"),
                PropertyKind::Range(low, high) => {
                    let kind = self.symbols[symbol].kind;
                    if !matches!(kind, Kind::Int | Kind::Hex) {
                        let text = "range is only allowed for int or hex symbols";
                        self.warn(line, format_args!("{text}"));
                    }
                    let valid = self.is_number(kind, low) && self.is_number(kind, high);
                    (!valid).then(|| "range is invalid".to_owned())
                }
                _ => None,
            };
            if let Some(problem) = problem {
                self.warn(line, format_args!("{problem}"));
            }
        }
    }

    fn check_default(&self, symbol: SymbolId, value: Option<SymbolId>) -> Option<String> {
        let own = &self.symbols[symbol];
        let name = own.label();
        let Some(value) = value else {
            return matches!(own.kind, Kind::String | Kind::Int | Kind::Hex)
                .then(|| format!("default for config symbol '{name}' must be a single symbol"));
        };
        if matches!(own.kind, Kind::Int | Kind::Hex) && !self.is_number(own.kind, value) {
            return Some(format!("'{name}': number is invalid"));
        }
        let value = &self.symbols[value];
        (own.choice && value.member_of != Some(symbol)).then(|| {
            format!("choice default symbol '{}' is not contained in the choice", value.name)
        })
    }

    fn check_select(&self, symbol: SymbolId, by: SymbolId, what: &str) -> Option<String> {
        let (own, other) = (&self.symbols[symbol], &self.symbols[by]);
        if !own.kind.is_bool() {
            let name = own.label();
            return Some(format!(
                "config symbol '{name}' uses {what}, but is not bool or tristate"
            ));
        }
        (other.kind != Kind::Unknown && !other.kind.is_bool()).then(|| {
            let name = &other.name;
            format!(
                "'{name}' has wrong type. '{what}' only accept arguments of bool and tristate type"
            )
        })
    }

    fn is_number(&self, kind: Kind, value: SymbolId) -> bool {
        let value = &self.symbols[value];
        match (value.kind, kind) {
            (Kind::Int | Kind::Hex, _) => true,
            (Kind::Unknown, Kind::Int) => number::is_int(&value.name),
            (Kind::Unknown, Kind::Hex) => number::is_hex(&value.name),
            _ => false,
        }
    }
}
