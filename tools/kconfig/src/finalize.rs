//! From what files say to what it means: dependencies go down the menu tree into the properties,
//! entries that depend on the one before them move below it, choices learn their members.

use crate::expr::{Comparison, Expr, ExprId};
use crate::macros::Message;
use crate::menu::{Line, MenuId, Menus, PropertyKind};
use crate::simplify::Simplifier;
use crate::symbol::{Kind, SymbolId, Symbols};

/// Levels of the menu tree. Entries that would go deeper stay beside what they depend on.
const DEPTH_MAX: usize = 300;

/// The parts of a tree while its menu is made.
pub(crate) struct Finalizer<'a> {
    pub symbols: &'a mut Symbols,
    pub menus: &'a mut Menus,
    pub simplifier: Simplifier<'a>,
    pub files: &'a [Box<str>],
    pub messages: &'a mut Vec<Message>,
    /// The symbol that says whether modules are on.
    pub modules: SymbolId,
    /// Symbols whose properties were checked.
    pub checked: Vec<bool>,
}

impl Finalizer<'_> {
    pub fn warn(&mut self, line: Line, text: std::fmt::Arguments) {
        let file = &self.files[line.file as usize];
        self.messages.push(Message::Warning(format!("{file}:{}:warning: {text}", line.number)));
    }

    /// Finishes an entry and all below it.
    pub fn entry(&mut self, id: MenuId, depth: usize) {
        let choice = self.menus[id].symbol.filter(|symbol| self.symbols[*symbol].choice);
        if self.menus[id].child.is_some() {
            if let Some(choice) = choice {
                self.infer_kinds(id, choice);
            }
            self.pass_down(id, choice);
            let mut next = self.menus[id].child;
            while let Some(child) = next {
                self.entry(child, depth + 1);
                // A child may have taken those behind it.
                next = self.menus[child].next;
            }
        } else if let Some(symbol) = self.menus[id].symbol {
            if depth < DEPTH_MAX {
                self.gather(id, symbol, depth);
            }
            if let Some(depends) = self.menus[id].depends {
                self.symbols[symbol].direct.push(depends);
            }
        }
        let mut next = self.menus[id].child;
        while let Some(child) = next {
            if let (Some(choice), Some(member)) = (choice, self.menus[child].symbol)
                && self.symbols[member].member_of.is_none()
                && !self.symbols[member].choice
            {
                self.join(choice, child, member);
            }
            self.flatten(id, child);
            next = self.menus[child].next;
        }
        if self.menus[id].menuconfig && self.menus[id].prompt.is_none() {
            let line = self.menus[id].line;
            self.warn(line, format_args!("menuconfig statement without prompt"));
        }
        if let Some(symbol) = self.menus[id].symbol {
            self.check(id, symbol);
            // A choice that is visible cannot be n, unless it is optional.
            if let (Some(choice), Some(prompt)) = (choice, self.menus[id].prompt)
                && !self.symbols[choice].optional
            {
                let exprs = &mut *self.simplifier.exprs;
                let m = exprs.symbol(SymbolId::MOD);
                let visible = exprs.and(self.menus[prompt].condition, Some(m));
                self.symbols[choice].selected_by.extend(visible);
            }
        }
    }

    /// A choice and its members that have no type get that of the first that has one.
    fn infer_kinds(&mut self, id: MenuId, choice: SymbolId) {
        let members: Vec<SymbolId> =
            self.menus.children(id).filter_map(|child| self.menus[child].symbol).collect();
        let first = members.iter().map(|m| self.symbols[*m].kind).find(|k| *k != Kind::Unknown);
        if self.symbols[choice].kind == Kind::Unknown
            && let Some(kind) = first
        {
            self.symbols[choice].kind = kind;
            self.simplifier.forget();
        }
        let kind = self.symbols[choice].kind;
        for member in members {
            if self.symbols[member].kind == Kind::Unknown && kind != Kind::Unknown {
                self.symbols[member].kind = kind;
                self.simplifier.forget();
            }
        }
    }

    /// Gives the children what this entry depends on, and their properties what they do.
    fn pass_down(&mut self, id: MenuId, choice: Option<SymbolId>) {
        // The mode of a choice bounds its members.
        let above = match choice {
            Some(choice) => Some(self.simplifier.exprs.symbol(choice)),
            None => self.menus[id].depends,
        };
        let children: Vec<MenuId> = self.menus.children(id).collect();
        for child in children {
            let own = self.menus[child].depends;
            let base = self.simplifier.combine(above, own, self.symbols, self.modules);
            self.menus[child].depends = base;
            let Some(symbol) = self.menus[child].symbol else {
                if let Some(prompt) = self.menus[child].prompt {
                    let own = self.menus[prompt].condition;
                    let condition = self.simplifier.combine(base, own, self.symbols, self.modules);
                    self.menus[prompt].condition = condition;
                }
                continue;
            };
            for at in 0..self.symbols[symbol].properties.len() {
                let property = self.symbols[symbol].properties[at];
                if self.menus[property].entry != child {
                    continue;
                }
                let own = self.menus[property].condition;
                let condition = self.simplifier.combine(base, own, self.symbols, self.modules);
                self.menus[property].condition = condition;
                let (by, weak) = match self.menus[property].kind {
                    PropertyKind::Select(by) => (by, false),
                    PropertyKind::Imply(by) => (by, true),
                    _ => continue,
                };
                let exprs = &mut *self.simplifier.exprs;
                let from = exprs.symbol(symbol);
                let cause = exprs.and(Some(from), condition);
                let target = &mut self.symbols[by];
                let list = if weak { &mut target.implied_by } else { &mut target.selected_by };
                list.extend(cause);
            }
        }
    }

    /// What the visibility of an entry demands.
    fn shown_under(&self, id: MenuId) -> Option<ExprId> {
        match self.menus[id].prompt {
            Some(prompt) => self.menus[prompt].condition,
            None => self.menus[id].depends,
        }
    }

    /// Moves the entries behind a symbol's below it as long as they depend on it.
    fn gather(&mut self, id: MenuId, symbol: SymbolId, depth: usize) {
        let own = self.menus[id].prompt.and_then(|prompt| self.menus[prompt].condition);
        let mut base: Option<ExprId> = None;
        let mut last = None;
        let mut next = self.menus[id].next;
        while let Some(other) = next {
            let Some(condition) = self.shown_under(other) else { break };
            if !self.simplifier.contains(condition, symbol) {
                break;
            }
            if !self.simplifier.demands(condition, symbol) {
                // It also belongs to the symbol if it demands all that the symbol does.
                let base = match base {
                    Some(base) => base,
                    None => *base.insert(self.simplifier.demanded(own, self.symbols)),
                };
                let condition = self.simplifier.demanded(Some(condition), self.symbols);
                let (_, left) = self.simplifier.without_common(condition, base);
                if left != self.simplifier.exprs.symbol(SymbolId::YES) {
                    break;
                }
            }
            self.entry(other, depth + 1);
            self.menus[other].parent = Some(id);
            last = Some(other);
            next = self.menus[other].next;
        }
        if let Some(last) = last {
            self.menus[id].child = self.menus[id].next;
            self.menus[id].next = self.menus[last].next;
            self.menus[last].next = None;
        }
    }

    /// Makes a symbol a member of a choice.
    fn join(&mut self, choice: SymbolId, entry: MenuId, member: SymbolId) {
        let line = self.menus[entry].line;
        if self.menus[entry].prompt.is_none() {
            self.warn(line, format_args!("choice value must have a prompt"));
        }
        let properties = self.symbols[member].properties.clone();
        for &property in &properties {
            let line = self.menus[property].line;
            if matches!(self.menus[property].kind, PropertyKind::Default(_)) {
                self.warn(line, format_args!("defaults for choice values not supported"));
            }
            let other = self.menus[property].entry;
            let outside = other != entry
                && matches!(self.menus[property].kind, PropertyKind::Prompt(_))
                && self.menus[other].parent.and_then(|parent| self.menus[parent].symbol)
                    != Some(choice);
            if outside {
                self.warn(line, format_args!("choice value used outside its choice group"));
            }
        }
        // A bool in a choice of tristates is for choices that are y.
        if self.symbols[choice].kind == Kind::Tristate
            && self.symbols[member].kind != Kind::Tristate
        {
            let exprs = &mut *self.simplifier.exprs;
            let is_yes = exprs.compare(choice, Comparison::Equal, SymbolId::YES);
            self.menus[entry].depends = exprs.and(Some(is_yes), self.menus[entry].depends);
            for property in properties {
                if self.menus[property].entry == entry {
                    let condition = exprs.and(Some(is_yes), self.menus[property].condition);
                    self.menus[property].condition = condition;
                }
            }
        }
        self.symbols[member].member_of = Some(choice);
        self.symbols[choice].members.push(member);
    }

    /// Puts the children of an entry that no menu shows behind it.
    fn flatten(&mut self, parent: MenuId, entry: MenuId) {
        if self.menus[entry].prompt.is_some() {
            return;
        }
        let Some(first) = self.menus[entry].child else { return };
        let children: Vec<MenuId> = self.menus.children(entry).collect();
        for &child in &children {
            self.menus[child].parent = Some(parent);
        }
        if let Some(&last) = children.last() {
            self.menus[last].next = self.menus[entry].next;
        }
        self.menus[entry].next = Some(first);
        self.menus[entry].child = None;
    }

    /// Whether an expression is one symbol; which.
    pub fn single(&self, id: ExprId) -> Option<SymbolId> {
        match self.simplifier.exprs[id] {
            Expr::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }
}
