//! The menu tree: entries and the properties that they give to symbols.

use crate::expr::ExprId;
use crate::symbol::SymbolId;

/// Names an entry of one tree's menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MenuId(pub(crate) u32);

impl MenuId {
    /// The main menu.
    pub const ROOT: Self = Self(0);

    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names a property of one tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PropertyId(pub u32);

/// A line of one of a tree's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub file: u32,
    pub number: u32,
}

/// What a property is.
#[derive(Clone, Debug)]
pub(crate) enum PropertyKind {
    /// A symbol's prompt.
    Prompt(Box<str>),
    /// The title of a menu, or the prompt of a `menuconfig`.
    Menu(Box<str>),
    /// A comment's text.
    Comment(Box<str>),
    Default(ExprId),
    Select(SymbolId),
    Imply(SymbolId),
    Range(SymbolId, SymbolId),
}

/// A property with the condition under which it counts.
#[derive(Clone, Debug)]
pub(crate) struct Property {
    pub kind: PropertyKind,
    /// The entry that it stands in.
    pub entry: MenuId,
    /// Its own condition and, in a finished tree, all that its entry depends on.
    pub condition: Option<ExprId>,
    pub line: Line,
}

impl Property {
    /// The text that a menu shows.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            PropertyKind::Prompt(text) | PropertyKind::Menu(text) | PropertyKind::Comment(text) => {
                Some(text)
            }
            _ => None,
        }
    }

    pub fn name(&self) -> &'static str {
        match self.kind {
            PropertyKind::Prompt(_) => "prompt",
            PropertyKind::Menu(_) => "menu",
            PropertyKind::Comment(_) => "comment",
            PropertyKind::Default(_) => "default",
            PropertyKind::Select(_) => "select",
            PropertyKind::Imply(_) => "imply",
            PropertyKind::Range(..) => "range",
        }
    }
}

/// An entry of the menu: a symbol, choice, menu, comment, or the block of an `if`.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// The symbol or choice that it defines.
    pub symbol: Option<SymbolId>,
    pub parent: Option<MenuId>,
    /// The block that it stands in, wherever a menu shows it.
    pub within: Option<MenuId>,
    /// The entry behind it in the same menu.
    pub next: Option<MenuId>,
    /// The first entry of its own menu.
    pub child: Option<MenuId>,
    pub prompt: Option<PropertyId>,
    /// It is a `menuconfig`.
    pub menuconfig: bool,
    /// `visible if` of a menu.
    pub visibility: Option<ExprId>,
    /// `depends on`, and in a finished tree what surrounds it.
    pub depends: Option<ExprId>,
    pub help: Option<Box<str>>,
    pub line: Line,
}

/// A condition as a line states it: `depends on` or `if`.
#[derive(Clone, Debug)]
pub(crate) struct Statement {
    pub entry: MenuId,
    pub condition: ExprId,
    pub line: Line,
}

/// Entries and properties, by number.
#[derive(Clone, Debug)]
pub(crate) struct Menus {
    /// By entry.
    pub statements: Vec<Statement>,
    pub entries: Vec<Entry>,
    pub properties: Vec<Property>,
}

impl Menus {
    pub fn new() -> Self {
        let root = Entry {
            symbol: None,
            parent: None,
            within: None,
            next: None,
            child: None,
            prompt: None,
            menuconfig: false,
            visibility: None,
            depends: None,
            help: None,
            line: Line { file: 0, number: 1 },
        };
        Self { statements: vec![], entries: vec![root], properties: vec![] }
    }

    pub fn push(&mut self, entry: Entry) -> MenuId {
        let id = MenuId(u32::try_from(self.entries.len()).unwrap_or(u32::MAX));
        self.entries.push(entry);
        id
    }

    pub fn add(&mut self, property: Property) -> PropertyId {
        let id = PropertyId(u32::try_from(self.properties.len()).unwrap_or(u32::MAX));
        self.properties.push(property);
        id
    }

    /// The entry that follows in the order of the files: into menus, then along, then out. `out`
    /// is called for every entry whose own menu ends on the way.
    pub fn following(&self, from: MenuId, mut out: impl FnMut(MenuId)) -> Option<MenuId> {
        if let Some(child) = self[from].child {
            return Some(child);
        }
        let mut at = from;
        loop {
            out(at);
            if at == MenuId::ROOT {
                return None;
            }
            if let Some(next) = self[at].next {
                return Some(next);
            }
            at = self[at].parent?;
        }
    }

    /// The conditions that lines state for an entry.
    pub fn stated(&self, entry: MenuId) -> &[Statement] {
        let start = self.statements.partition_point(|s| s.entry < entry);
        let end = self.statements.partition_point(|s| s.entry <= entry);
        self.statements.get(start..end).unwrap_or_default()
    }

    /// The entries of a menu.
    pub fn children(&self, of: MenuId) -> impl Iterator<Item = MenuId> + '_ {
        std::iter::successors(self[of].child, |at| self[*at].next)
    }
}

impl std::ops::Index<MenuId> for Menus {
    type Output = Entry;

    fn index(&self, id: MenuId) -> &Entry {
        &self.entries[id.index()]
    }
}

impl std::ops::IndexMut<MenuId> for Menus {
    fn index_mut(&mut self, id: MenuId) -> &mut Entry {
        &mut self.entries[id.index()]
    }
}

impl std::ops::Index<PropertyId> for Menus {
    type Output = Property;

    fn index(&self, id: PropertyId) -> &Property {
        &self.properties[id.0 as usize]
    }
}

impl std::ops::IndexMut<PropertyId> for Menus {
    fn index_mut(&mut self, id: PropertyId) -> &mut Property {
        &mut self.properties[id.0 as usize]
    }
}
