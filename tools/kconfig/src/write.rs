//! Writers: `.config`, and the few lines that differ from the defaults.

use crate::expr::Expr;
use crate::menu::{MenuId, PropertyKind};
use crate::state::State;
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate::{Mod, No, Yes};
use std::fmt::Write as _;

/// The first line of what Linux's tools write.
const GENERATED: &str = "Automatically generated file; DO NOT EDIT.";

impl State<'_> {
    /// One symbol's line of a configuration file; `n` is written out if `plain`.
    fn line(&self, out: &mut String, id: SymbolId, plain: bool) {
        let symbol = &self.tree.symbols[id];
        let (name, value) = (&symbol.name, self.text(id));
        let _ = match symbol.kind {
            Kind::Unknown => Ok(()),
            Kind::Bool | Kind::Tristate if value == "n" && !plain => {
                writeln!(out, "# CONFIG_{name} is not set")
            }
            Kind::String => {
                let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                writeln!(out, "CONFIG_{name}=\"{escaped}\"")
            }
            _ => writeln!(out, "CONFIG_{name}={value}"),
        };
    }

    /// The whole configuration as a `.config` file.
    pub fn write_config(&mut self) -> String {
        self.write_config_with(GENERATED)
    }

    /// The whole configuration as a `.config` file with another first comment.
    pub(crate) fn write_config_with(&mut self, heading: &str) -> String {
        let tree = self.tree;
        let mut out = format!("#\n# {heading}\n# {}\n#\n", tree.title());
        if !self.changed {
            self.clear();
        }
        let mut written = vec![false; tree.symbols.len()];
        let mut blank = false;
        let mut next = tree.menus[MenuId::ROOT].child;
        while let Some(id) = next {
            let entry = &tree.menus[id];
            let title = |kind: &PropertyKind| match kind {
                PropertyKind::Menu(text) => Some(text.clone()),
                _ => None,
            };
            match entry.symbol {
                None => {
                    if let Some(prompt) = entry.prompt.filter(|_| self.is_shown(id)) {
                        let text = tree.menus[prompt].text().unwrap_or_default();
                        let _ = write!(out, "\n#\n# {text}\n#\n");
                        blank = false;
                    }
                }
                Some(symbol) if !tree.symbols[symbol].choice && !written[symbol.index()] => {
                    self.calculate(symbol);
                    if self.slot(symbol).write {
                        if std::mem::replace(&mut blank, false) {
                            out.push('\n');
                        }
                        written[symbol.index()] = true;
                        self.line(&mut out, symbol, false);
                    }
                }
                Some(_) => {}
            }
            next = tree.menus.following(id, |ended| {
                let entry = &tree.menus[ended];
                if entry.symbol.is_some() || ended == MenuId::ROOT {
                    return;
                }
                if let Some(text) = entry.prompt.and_then(|p| title(&tree.menus[p].kind))
                    && self.is_shown(ended)
                {
                    let _ = writeln!(out, "# end of {text}");
                    blank = true;
                }
            });
        }
        out
    }

    /// The lines of a configuration that differ from what defaults give.
    pub fn write_defconfig(&mut self) -> String {
        let tree = self.tree;
        self.clear();
        let mut out = String::new();
        let mut next = tree.menus[MenuId::ROOT].child;
        while let Some(id) = next {
            match tree.menus[id].symbol {
                // Symbols that a menu shows only for what is below them count as seen.
                None => drop(self.is_shown(id)),
                Some(symbol) if !tree.symbols[symbol].choice => {
                    self.calculate(symbol);
                    let write = std::mem::replace(&mut self.slot_mut(symbol).write, false);
                    if write && self.differs(symbol) {
                        self.line(&mut out, symbol, false);
                    }
                }
                Some(_) => {}
            }
            next = tree.menus.following(id, |_| {});
        }
        out
    }

    /// Whether a symbol's value has to be said.
    fn differs(&mut self, id: SymbolId) -> bool {
        if !self.is_changeable(id) {
            return false;
        }
        let default = self.default_text(id);
        if self.text(id) == default {
            return false;
        }
        let symbol = &self.tree.symbols[id];
        let Some(choice) = symbol.member_of else { return true };
        let default = self.choice_default(choice);
        let implied = !self.tree.symbols[choice].optional
            && default == Some(id)
            && symbol.kind == Kind::Bool
            && self.slot(id).tri == Yes;
        !implied
    }

    /// The value that a symbol has without a user's.
    fn default_text(&mut self, id: SymbolId) -> String {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        self.calculate_visibility(id);
        self.calculate(tree.modules);
        let default = self.default(id);
        if !symbol.kind.is_bool() {
            let Some((value, _)) = default else { return String::new() };
            let Expr::Symbol(of) = tree.exprs[value] else { return String::new() };
            self.calculate(of);
            return self.raw_text(of).to_owned();
        }
        let mut tri = default.map_or(No, |(value, condition)| self.evaluate(value).min(condition));
        tri = tri.max(self.slot(id).selected);
        let no_modules = symbol.member_of.is_none() && self.slot(tree.modules).tri == No;
        if tri == Mod && (no_modules || symbol.kind == Kind::Bool) {
            tri = Yes;
        }
        tri.max(self.slot(id).implied).letter().to_owned()
    }

    /// The symbols that a menu shows and the user gave no value, with the values that they have.
    pub fn list_new(&mut self) -> String {
        let mut out = String::new();
        self.collect_new(MenuId::ROOT, &mut out);
        out
    }

    fn collect_new(&mut self, id: MenuId, out: &mut String) {
        let tree = self.tree;
        if !self.is_shown(id) {
            return;
        }
        if let Some(symbol) = tree.menus[id].symbol
            && !self.slot(symbol).user
            && (self.is_changeable(symbol)
                || tree.symbols[symbol].choice && self.slot(symbol).tri == Yes)
            && !tree.symbols[symbol].name.is_empty()
        {
            self.calculate(symbol);
            self.line(out, symbol, true);
        }
        for child in tree.menus.children(id) {
            self.collect_new(child, out);
        }
    }
}
