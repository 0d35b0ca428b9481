//! The menu tree as a menu shows it.

use crate::error::Location;
use crate::menu::{MenuId, PropertyKind};
use crate::model::Tree;
use crate::symbol::SymbolId;

/// What an entry of the menu is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// `menu`, and the main menu.
    Menu,
    /// `config`
    Symbol(SymbolId),
    /// `menuconfig`: a symbol with a menu below it.
    MenuSymbol(SymbolId),
    /// `choice`
    Choice(SymbolId),
    /// `comment`
    Comment,
    /// The place of an `if`, which no menu shows.
    Nothing,
}

/// An entry of the menu tree.
#[derive(Clone, Copy, Debug)]
pub struct MenuEntry<'t> {
    tree: &'t Tree,
    id: MenuId,
}

impl<'t> MenuEntry<'t> {
    /// Its number, for [`crate::State::is_shown`].
    pub fn id(&self) -> MenuId {
        self.id
    }

    /// What it is.
    pub fn kind(&self) -> EntryKind {
        let entry = &self.tree.menus[self.id];
        let prompt = entry.prompt.map(|prompt| &self.tree.menus[prompt].kind);
        match (entry.symbol, prompt) {
            (Some(symbol), _) if self.tree.symbols[symbol].choice => EntryKind::Choice(symbol),
            (Some(symbol), Some(PropertyKind::Menu(_))) => EntryKind::MenuSymbol(symbol),
            (Some(symbol), _) => EntryKind::Symbol(symbol),
            (None, Some(PropertyKind::Comment(_))) => EntryKind::Comment,
            (None, Some(_)) => EntryKind::Menu,
            (None, None) if self.id == MenuId::ROOT => EntryKind::Menu,
            (None, None) => EntryKind::Nothing,
        }
    }

    /// The symbol or choice that it defines.
    pub fn symbol(&self) -> Option<SymbolId> {
        self.tree.menus[self.id].symbol
    }

    /// What a menu shows for it; `None` if it is not for users.
    pub fn prompt(&self) -> Option<&'t str> {
        match self.tree.menus[self.id].prompt {
            Some(prompt) => self.tree.menus[prompt].text(),
            None => (self.id == MenuId::ROOT).then(|| self.tree.title()),
        }
    }

    /// The condition under which its prompt is visible, as the language writes it.
    pub fn condition(&self) -> Option<String> {
        let prompt = self.tree.menus[self.id].prompt?;
        self.tree.menus[prompt].condition.map(|id| self.tree.expression(id))
    }

    /// What it depends on, as the language writes it.
    pub fn depends_on(&self) -> Option<String> {
        self.tree.menus[self.id].depends.map(|id| self.tree.expression(id))
    }

    /// Its help text.
    pub fn help(&self) -> Option<&'t str> {
        self.tree.menus[self.id].help.as_deref()
    }

    /// Where it is defined.
    pub fn location(&self) -> Location {
        self.tree.location(self.tree.menus[self.id].line)
    }

    /// The entry whose menu it is in.
    pub fn parent(&self) -> Option<MenuEntry<'t>> {
        self.tree.menus[self.id].parent.map(|id| MenuEntry { tree: self.tree, id })
    }

    /// The entries of its own menu, in order.
    pub fn children(&self) -> impl Iterator<Item = MenuEntry<'t>> + use<'t> {
        let tree = self.tree;
        tree.menus.children(self.id).map(move |id| MenuEntry { tree, id })
    }
}

impl Tree {
    /// The main menu.
    pub fn menu(&self) -> MenuEntry<'_> {
        MenuEntry { tree: self, id: MenuId::ROOT }
    }

    /// An entry by its number.
    pub fn entry(&self, id: MenuId) -> MenuEntry<'_> {
        MenuEntry { tree: self, id }
    }

    /// The entries that define a symbol.
    pub fn entries(&self, symbol: SymbolId) -> impl Iterator<Item = MenuEntry<'_>> {
        self.symbols[symbol].entries.iter().map(|id| MenuEntry { tree: self, id: *id })
    }

    /// The members of a choice, in order.
    pub fn members(&self, choice: SymbolId) -> &[SymbolId] {
        &self.symbols[choice].members
    }

    /// The choice that a symbol is a member of.
    pub fn choice_of(&self, symbol: SymbolId) -> Option<SymbolId> {
        self.symbols[symbol].member_of
    }

    /// The symbols whose `select` or `imply` names a symbol, with the condition, as the language
    /// writes it.
    pub fn selected_by(&self, symbol: SymbolId) -> Vec<String> {
        let symbol = &self.symbols[symbol];
        symbol.selected_by.iter().chain(&symbol.implied_by).map(|id| self.expression(*id)).collect()
    }
}
