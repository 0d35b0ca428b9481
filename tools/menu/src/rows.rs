//! The lines of a menu's list.

use unilith_kconfig::{EntryKind, Kind, MenuEntry, MenuId, State, SymbolId, Tristate};

/// A line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The entry that it shows.
    pub entry: MenuId,
    /// How deep it is below the entry that it depends on.
    pub indent: usize,
    /// `[*]`, `<M>`, `(42)`, ...; empty for menus and comments.
    pub mark: String,
    /// What it says.
    pub text: String,
    /// It has a menu of its own: with lines in it, or without.
    pub submenu: Option<bool>,
    /// It is there only because hidden entries are shown.
    pub hidden: bool,
    /// The symbol or choice.
    pub symbol: Option<SymbolId>,
}

/// Entries nest at most this deep, whatever a tree says.
const DEPTH: usize = 200;

/// Makes the lines of `menu`; with `hidden`, also those that are not visible; with `novelties`,
/// what nobody has said anything of yet is marked.
pub fn rows(state: &mut State, menu: MenuId, hidden: bool, novelties: bool) -> Vec<Row> {
    let mut maker = Maker { state, hidden, novelties, radio: None, rows: vec![] };
    let entry = maker.state.tree().entry(menu);
    if let EntryKind::Choice(choice) = entry.kind() {
        maker.radio = Some(choice);
    }
    maker.children(entry, 0);
    maker.rows
}

/// Whether the list of some menu has a line for `entry` and, with it, for what is around it.
pub fn is_reachable(state: &mut State, entry: MenuEntry) -> bool {
    std::iter::successors(Some(entry), MenuEntry::parent).all(|at| {
        at.id() == MenuId::ROOT || at.kind() == EntryKind::Nothing || state.is_shown(at.id())
    })
}

/// Whether an entry's menu is opened, rather than shown below it.
pub fn opens(entry: &MenuEntry) -> bool {
    matches!(entry.kind(), EntryKind::Menu | EntryKind::MenuSymbol(_) | EntryKind::Choice(_))
}

struct Maker<'a, 't> {
    state: &'a mut State<'t>,
    hidden: bool,
    novelties: bool,
    /// The choice whose members these are.
    radio: Option<SymbolId>,
    rows: Vec<Row>,
}

impl<'t> Maker<'_, 't> {
    fn children(&mut self, of: MenuEntry<'t>, indent: usize) {
        for child in of.children() {
            self.entry(child, indent);
        }
    }

    fn entry(&mut self, entry: MenuEntry<'t>, indent: usize) {
        if indent > DEPTH {
            return;
        }
        if entry.kind() == EntryKind::Nothing {
            return self.children(entry, indent);
        }
        let Some(prompt) = entry.prompt() else { return };
        let shown = self.state.is_shown(entry.id());
        if !shown && !self.hidden {
            return;
        }
        let mut row = Row {
            entry: entry.id(),
            indent,
            mark: String::new(),
            text: prompt.to_owned(),
            submenu: None,
            hidden: !shown,
            symbol: entry.symbol(),
        };
        match entry.kind() {
            EntryKind::Menu => row.submenu = Some(self.has_lines(entry)),
            EntryKind::Comment => row.text = format!("*** {prompt} ***"),
            EntryKind::Choice(choice) => {
                row.submenu = Some(true);
                if self.state.choices(choice).len() > 1 {
                    row.mark = self.mark(choice);
                }
                if let Some(chosen) = self.state.chosen(choice) {
                    let tree = self.state.tree();
                    let symbol = tree.get(chosen);
                    let name = tree.prompt(symbol).unwrap_or(&symbol.name);
                    row.text = format!("{prompt} ({name})");
                }
            }
            EntryKind::Symbol(symbol) => {
                row.mark = self.mark(symbol);
                row.text.push_str(self.novelty(symbol));
            }
            EntryKind::MenuSymbol(symbol) => {
                row.mark = self.mark(symbol);
                row.text.push_str(self.novelty(symbol));
                row.submenu = Some(self.has_lines(entry));
            }
            EntryKind::Nothing => {}
        }
        self.rows.push(row);
        if !opens(&entry) {
            self.children(entry, indent + 1);
        }
    }

    /// Whether a menu has anything to show.
    fn has_lines(&mut self, of: MenuEntry<'t>) -> bool {
        of.children().any(|child| {
            child.prompt().is_some() && (self.hidden || self.state.is_shown(child.id()))
                || child.kind() == EntryKind::Nothing && self.has_lines(child)
        })
    }

    /// What is behind the prompt of a symbol of which nobody has said anything yet.
    fn novelty(&mut self, symbol: SymbolId) -> &'static str {
        if !self.novelties {
            return "";
        }
        let said = self.state.user_value(symbol).is_some();
        let member = self.state.tree().choice_of(symbol).is_some();
        if said || member || !self.state.is_changeable(symbol) { "" } else { " (NEW)" }
    }

    /// A symbol's value, in brackets that say what it can be: `[ ]` y or n, `< >` m too, `{ }` m
    /// or y, `- -` only what it is.
    fn mark(&mut self, symbol: SymbolId) -> String {
        let choices = self.state.choices(symbol);
        let value = self.state.tristate(symbol);
        let letter = match value {
            Tristate::No => ' ',
            Tristate::Mod => 'M',
            Tristate::Yes => '*',
        };
        let tree = self.state.tree();
        let member_of = tree.choice_of(symbol);
        match self.state.kind(symbol) {
            Kind::Int | Kind::Hex | Kind::String => format!("({})", self.state.value(symbol)),
            Kind::Unknown => String::new(),
            Kind::Bool if member_of.is_some() && member_of == self.radio => {
                format!("({})", if value == Tristate::Yes { 'X' } else { ' ' })
            }
            _ if choices.len() < 2 => format!("-{letter}-"),
            Kind::Bool => format!("[{letter}]"),
            Kind::Tristate if choices.contains(&Tristate::No) => format!("<{letter}>"),
            Kind::Tristate => format!("{{{letter}}}"),
        }
    }
}
