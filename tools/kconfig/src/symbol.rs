//! Symbols and the table that interns their names.

use crate::expr::ExprId;
use crate::hash::Map;
use crate::menu::{MenuId, PropertyId};

/// Names a symbol of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(pub(crate) u32);

impl SymbolId {
    /// The constant `n`.
    pub const NO: Self = Self(0);
    /// The constant `m`.
    pub const MOD: Self = Self(1);
    /// The constant `y`.
    pub const YES: Self = Self(2);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// The type of a symbol's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is mentioned, but no definition gives it a type.
    Unknown,
    /// y or n.
    Bool,
    /// y, m or n; y or n while modules are off.
    Tristate,
    /// A decimal number.
    Int,
    /// A hexadecimal number.
    Hex,
    /// Text.
    String,
}

impl Kind {
    /// Whether values are y, m and n.
    pub fn is_bool(self) -> bool {
        matches!(self, Self::Bool | Self::Tristate)
    }

    /// The language's keyword for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Bool => "bool",
            Self::Tristate => "tristate",
            Self::Int => "int",
            Self::Hex => "hex",
            Self::String => "string",
        }
    }
}

/// A configuration symbol, a constant, or a choice.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its name, without CONFIG_; empty for a choice that has none.
    pub name: Box<str>,
    /// The type of its value.
    pub kind: Kind,
    /// The text of a constant: its value is its name.
    pub(crate) constant: bool,
    /// A choice: its value is that of its mode, and one of its members.
    pub(crate) choice: bool,
    /// A choice that may be n although it is visible.
    pub(crate) optional: bool,
    /// The choice that it is a member of.
    pub(crate) member_of: Option<SymbolId>,
    /// The members of a choice, in order.
    pub(crate) members: Vec<SymbolId>,
    /// All properties, in the order of the files.
    pub(crate) properties: Vec<PropertyId>,
    /// The entries that define it.
    pub(crate) entries: Vec<MenuId>,
    /// Direct dependencies, one of each definition; none means `y`.
    pub(crate) direct: Vec<ExprId>,
    /// Reverse dependencies: who selects it, under which condition.
    pub(crate) selected_by: Vec<ExprId>,
    /// Weak reverse dependencies: who implies it, under which condition.
    pub(crate) implied_by: Vec<ExprId>,
}

impl Symbol {
    fn new(name: &str, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            constant: false,
            choice: false,
            optional: false,
            member_of: None,
            members: vec![],
            properties: vec![],
            entries: vec![],
            direct: vec![],
            selected_by: vec![],
            implied_by: vec![],
        }
    }

    /// Its name for people.
    pub(crate) fn label(&self) -> &str {
        if self.name.is_empty() && self.choice { "<choice>" } else { &self.name }
    }
}

/// All symbols of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Symbols {
    list: Vec<Symbol>,
    names: Map<Box<str>, SymbolId>,
    constants: Map<Box<str>, SymbolId>,
    choices: Map<Box<str>, SymbolId>,
}

impl Symbols {
    pub fn new() -> Self {
        let mut symbols = Self {
            list: Vec::new(),
            names: Map::default(),
            constants: Map::default(),
            choices: Map::default(),
        };
        for name in ["n", "m", "y"] {
            let id = symbols.push(Symbol::new(name, Kind::Tristate));
            symbols.list[id.index()].constant = true;
            symbols.names.insert(name.into(), id);
            symbols.constants.insert(name.into(), id);
        }
        symbols
    }

    fn push(&mut self, symbol: Symbol) -> SymbolId {
        // More symbols than 32 bits count do not fit in memory.
        let id = SymbolId(u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        self.list.push(symbol);
        id
    }

    /// The symbol with this name; it comes into being when it is first mentioned.
    pub fn mention(&mut self, name: &str) -> SymbolId {
        if let Some(&id) = self.names.get(name) {
            return id;
        }
        let id = self.push(Symbol::new(name, Kind::Unknown));
        self.names.insert(name.into(), id);
        id
    }

    /// Quoted text.
    pub fn constant(&mut self, text: &str) -> SymbolId {
        if let Some(&id) = self.constants.get(text) {
            return id;
        }
        let id = self.push(Symbol { constant: true, ..Symbol::new(text, Kind::Unknown) });
        self.constants.insert(text.into(), id);
        id
    }

    /// A choice; those with the same name are one.
    pub fn choice(&mut self, name: Option<&str>) -> SymbolId {
        if let Some(&id) = name.and_then(|name| self.choices.get(name)) {
            return id;
        }
        let symbol = Symbol::new(name.unwrap_or_default(), Kind::Unknown);
        let id = self.push(Symbol { choice: true, ..symbol });
        if let Some(name) = name {
            self.choices.insert(name.into(), id);
        }
        id
    }

    /// What a configuration file means by a name: a symbol or a choice, the later one of both.
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        self.names.get(name).copied().max(self.choices.get(name).copied())
    }

    /// A symbol that is mentioned or defined somewhere.
    pub fn named(&self, name: &str) -> Option<SymbolId> {
        self.names.get(name).copied()
    }

    pub fn len(&self) -> usize {
        self.list.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = SymbolId> + use<> {
        (0..self.list.len() as u32).map(SymbolId)
    }
}

impl std::ops::Index<SymbolId> for Symbols {
    type Output = Symbol;

    fn index(&self, id: SymbolId) -> &Symbol {
        &self.list[id.index()]
    }
}

impl std::ops::IndexMut<SymbolId> for Symbols {
    fn index_mut(&mut self, id: SymbolId) -> &mut Symbol {
        &mut self.list[id.index()]
    }
}
