//! The menu as a value: what is open, where the cursor is, what has changed.

use crate::dialog::Dialog;
use crate::input::Input;
use crate::layout::{Button, Layout};
use crate::remedy::Wish;
use crate::rows::{self, Row};
use crate::search::Index;
use crate::values::{Consequences, Values};
use ratatui::layout::Rect;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use unilith_kconfig::{MenuEntry, MenuId, State, SymbolId};

/// What a menu is about.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// What is configured, for the first line.
    pub title: String,
    /// The file that is written.
    pub file: String,
    /// Saving asks for the file.
    pub ask: bool,
    /// The file exists and says what the state says.
    pub saved: bool,
    /// Symbols of which nobody has said anything are marked as new.
    pub novelties: bool,
    /// The file says only what the user does, beside these values, by symbol. `None`: it says all.
    pub base: Option<BTreeMap<String, String>>,
    /// The libraries that a symbol stands for; it is shown by their names.
    pub libraries: BTreeMap<String, Vec<String>>,
}

/// What the outside has to do after an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw it again.
    Draw,
    /// Write the configuration to this file, then call [`Menu::saved`].
    Save(String),
    /// Read the configuration from this file, then call [`Menu::loaded`].
    Load(String),
    /// End. What is not saved is not to be saved.
    Quit,
    /// End, as a signal would: by Ctrl-C.
    Interrupt,
}

/// A change whose consequences are not known yet.
struct Pending {
    causes: Vec<String>,
    values: Values,
}

/// How many values a step of the work computes.
const SLICE: usize = 500;

/// An open menu.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub menu: MenuId,
    /// The number of the selected line.
    pub cursor: usize,
    /// The number of the first line on the screen.
    pub top: usize,
}

/// The menu of a tree.
pub struct Menu<'t> {
    pub(crate) state: State<'t>,
    pub(crate) subject: Subject,
    /// The menus from the main menu to the open one.
    pub(crate) places: Vec<Place>,
    /// The lines of the open one.
    pub(crate) rows: Vec<Row>,
    /// Hidden entries are shown.
    pub(crate) hidden: bool,
    pub(crate) button: Button,
    /// The user's wish to see the consequences or not; by the screen's size if `None`.
    pub(crate) panel: Option<bool>,
    /// What is open above the menu, the uppermost last.
    pub(crate) dialogs: Vec<Dialog>,
    /// The last line.
    pub(crate) message: String,
    pub(crate) consequences: Option<Consequences>,
    pub(crate) area: Rect,
    pub(crate) index: Option<Index>,
    /// When Esc did something last: the second Esc of a pair belongs to it.
    pub(crate) escaped: Option<Duration>,
    /// Saving ends the menu.
    pub(crate) leaving: bool,
    /// What would make a refused assignment hold, as far as it is known.
    pub(crate) wish: Option<Wish<'t>>,
    /// The user took back what the file says.
    pub(crate) unsaid: bool,
    /// What the last saving said.
    done: Option<String>,
    symbols: Vec<SymbolId>,
    /// Where in `symbols` and `values` a symbol is.
    numbers: HashMap<SymbolId, usize>,
    values: Values,
    /// The values after a change, as far as they are known.
    pending: Option<Pending>,
    /// The values in the file, if it has them.
    saved: Option<Values>,
}

impl<'t> Menu<'t> {
    /// The main menu of the state's tree, on a screen of 80 columns and 24 lines until an event
    /// says something else.
    pub fn new(mut state: State<'t>, subject: Subject) -> Self {
        let tree = state.tree();
        let symbols: Vec<SymbolId> =
            tree.symbols().filter_map(|symbol| tree.find(&symbol.name)).collect();
        let values = Values::of(&mut state, &symbols);
        let saved = subject.saved.then(|| values.clone());
        let mut menu = Self {
            state,
            subject,
            places: vec![Place { menu: MenuId::ROOT, cursor: 0, top: 0 }],
            rows: vec![],
            hidden: false,
            button: Button::Select,
            panel: None,
            dialogs: vec![],
            message: String::new(),
            consequences: None,
            area: Rect::new(0, 0, 80, 24),
            index: None,
            escaped: None,
            leaving: false,
            wish: None,
            unsaid: false,
            done: None,
            numbers: symbols.iter().enumerate().map(|(number, id)| (*id, number)).collect(),
            symbols,
            values,
            pending: None,
            saved,
        };
        menu.refresh();
        menu
    }

    /// The values, for those who save and load.
    pub fn state(&mut self) -> &mut State<'t> {
        &mut self.state
    }

    /// What was said when the configuration was saved last.
    pub fn last_saved(&self) -> Option<&str> {
        self.done.as_deref()
    }

    /// A symbol's value as text; nothing for a choice.
    pub(crate) fn value_of(&self, id: SymbolId) -> &str {
        self.numbers.get(&id).map_or("", |number| self.values.text(*number))
    }

    /// Whether there is something to save.
    pub fn is_changed(&self) -> bool {
        self.unsaid || self.saved.as_ref() != Some(&self.values)
    }

    /// The configuration was written to `file`, or why it was not. Gives what to do next.
    pub fn saved(&mut self, file: &str, result: Result<String, String>) -> Effect {
        self.settle();
        let leaving = std::mem::take(&mut self.leaving);
        match result {
            Ok(message) => {
                // A copy elsewhere is not what is asked for at the end.
                if file == self.subject.file {
                    self.saved = Some(self.values.clone());
                    self.unsaid = false;
                }
                self.done = Some(message.clone());
                self.message = message;
                if leaving {
                    return Effect::Quit;
                }
            }
            Err(error) => self.dialogs.push(Dialog::text("Not saved", error)),
        }
        Effect::Draw
    }

    /// The configuration was read from `file` into the state, or why it was not. Gives what to do
    /// next.
    pub fn loaded(&mut self, file: &str, result: Result<String, String>) -> Effect {
        match result {
            Ok(message) => {
                self.changed(vec![message.clone()]);
                self.settle();
                if file == self.subject.file {
                    self.saved = Some(self.values.clone());
                    self.unsaid = false;
                }
                self.message = message;
            }
            Err(error) => self.dialogs.push(Dialog::text("Not loaded", error)),
        }
        Effect::Draw
    }

    /// Something has changed values. What followed from it is found out by [`Menu::work`].
    pub(crate) fn changed(&mut self, now: Vec<String>) {
        // Changes that come faster than that are one.
        let before = self.pending.take().map(|pending| pending.causes).unwrap_or_default();
        let causes = before.into_iter().chain(now).collect();
        self.pending = Some(Pending { causes, values: Values::default() });
        self.refresh();
    }

    /// Does a part of what nobody waits for: finds out what followed from a change, or what would
    /// make a refused one hold. In a tree of twenty thousand symbols the whole takes longer than a
    /// key may. Gives whether there is more to do; draw again when there is not.
    pub fn work(&mut self) -> bool {
        match self.pending.take() {
            Some(pending) => self.compare(pending),
            None => self.pursue(),
        }
        self.is_working()
    }

    /// Compares the values with those before a change.
    fn compare(&mut self, mut pending: Pending) {
        let start = pending.values.len();
        let end = self.symbols.len().min(start + SLICE);
        pending.values.add(&mut self.state, &self.symbols[start..end]);
        if end < self.symbols.len() {
            self.pending = Some(pending);
            return;
        }
        let cause = pending.causes.join(", ");
        let (old, new) = (&self.values, &pending.values);
        let mut all = Consequences::new(cause, &self.symbols, old, new);
        // What the user changed is the cause, and not also a consequence.
        let tree = self.state.tree();
        let other = |id: &SymbolId| {
            let name = &*tree.get(*id).name;
            let is = |cause: &String| cause.split_once('=').is_some_and(|(of, _)| of == name);
            !pending.causes.iter().any(is)
        };
        let library = |id: &SymbolId| self.subject.libraries.contains_key(&*tree.get(*id).name);
        all.pulled_in.retain(|id| other(id) || library(id));
        all.dropped.retain(|id| other(id) || library(id));
        all.changed.retain(other);
        self.consequences = Some(all);
        self.values = pending.values;
    }

    /// Whether [`Menu::work`] has something to do.
    pub fn is_working(&self) -> bool {
        self.pending.is_some() || self.wish.is_some()
    }

    /// Does all that is to do.
    pub(crate) fn settle(&mut self) {
        while self.work() {}
    }

    /// Makes the lines of the open menu again; the same entry stays selected.
    pub(crate) fn refresh(&mut self) {
        let at = self.row().map(|row| row.entry);
        let menu = self.place().menu;
        self.rows = rows::rows(&mut self.state, menu, self.hidden, self.subject.novelties);
        if let Some(at) = at {
            self.select_entry(at);
        }
        self.keep_in_sight();
    }

    pub(crate) fn place(&self) -> &Place {
        // The main menu is never closed.
        &self.places[self.places.len() - 1]
    }

    pub(crate) fn place_mut(&mut self) -> &mut Place {
        let last = self.places.len() - 1;
        &mut self.places[last]
    }

    /// The selected line.
    pub(crate) fn row(&self) -> Option<&Row> {
        self.rows.get(self.place().cursor)
    }

    fn select_entry(&mut self, entry: MenuId) {
        if let Some(number) = self.rows.iter().position(|row| row.entry == entry) {
            self.place_mut().cursor = number;
        }
    }

    /// Selects a line, the nearest one if there are not so many.
    pub(crate) fn select(&mut self, number: usize) {
        self.place_mut().cursor = number;
        self.keep_in_sight();
    }

    /// Moves the selection.
    pub(crate) fn step(&mut self, by: isize) {
        let to = self.place().cursor.saturating_add_signed(by);
        self.select(to);
    }

    /// The lines of the list that the screen has room for.
    pub(crate) fn page(&self) -> usize {
        usize::from(Layout::of(self).lines.height).max(1)
    }

    /// Scrolls such that the selected line is on the screen.
    pub(crate) fn keep_in_sight(&mut self) {
        let (page, last) = (self.page(), self.rows.len().saturating_sub(1));
        let place = self.place_mut();
        place.cursor = place.cursor.min(last);
        place.top = place.top.min(place.cursor).min((last + 1).saturating_sub(page));
        place.top = place.top.max((place.cursor + 1).saturating_sub(page));
    }

    /// Opens the menu of an entry.
    pub(crate) fn open(&mut self, menu: MenuId) {
        self.places.push(Place { menu, cursor: 0, top: 0 });
        self.refresh_at(None);
        let chosen = match self.state.tree().entry(menu).symbol() {
            Some(symbol) => self.state.chosen(symbol),
            None => None,
        };
        // In a choice, what is chosen.
        if let Some(number) = self.rows.iter().position(|r| chosen.is_some() && r.symbol == chosen)
        {
            self.select(number);
        }
    }

    /// Goes back to the menu before; false in the main menu.
    pub(crate) fn back(&mut self) -> bool {
        if self.places.len() == 1 {
            return false;
        }
        let left = self.places.pop().map(|place| place.menu);
        self.refresh_at(left);
        true
    }

    fn refresh_at(&mut self, entry: Option<MenuId>) {
        self.rows.clear();
        self.refresh();
        if let Some(entry) = entry {
            self.select_entry(entry);
        }
        self.keep_in_sight();
    }

    /// Goes to an entry, wherever it is; hidden ones are shown if it is one.
    pub(crate) fn jump(&mut self, to: MenuId) {
        let tree = self.state.tree();
        let entry = tree.entry(to);
        if entry.prompt().is_none() {
            self.help(to);
            return;
        }
        let mut message = String::new();
        if !self.hidden && !rows::is_reachable(&mut self.state, entry) {
            self.hidden = true;
            message = "It is not visible now: hidden entries are shown (z hides them)".to_owned();
        }
        let mut places: Vec<Place> = std::iter::successors(entry.parent(), MenuEntry::parent)
            .filter(|parent| parent.id() == MenuId::ROOT || rows::opens(parent))
            .map(|parent| Place { menu: parent.id(), cursor: 0, top: 0 })
            .collect();
        places.reverse();
        if places.is_empty() {
            return;
        }
        self.places = places;
        self.dialogs.clear();
        self.refresh_at(Some(to));
        self.message = message;
    }

    /// Opens the help of an entry.
    pub(crate) fn help(&mut self, id: MenuId) {
        let (title, text) = crate::help::help(&mut self.state, id);
        self.dialogs.push(Dialog::text(&title, text));
    }

    /// Wants to end: asks if there is something to save.
    pub(crate) fn leave(&mut self) -> Effect {
        self.settle();
        if !self.is_changed() {
            return Effect::Quit;
        }
        self.dialogs.push(Dialog::Leave { button: 0 });
        Effect::Draw
    }

    /// Saves, after it has asked where if that is to be asked.
    pub(crate) fn save(&mut self) -> Effect {
        let file = self.subject.file.clone();
        if !self.subject.ask {
            return Effect::Save(file);
        }
        self.dialogs.push(Dialog::Save(Input::new(&file)));
        Effect::Draw
    }

    /// Asks what to load.
    pub(crate) fn load(&mut self) {
        self.dialogs.push(Dialog::Load(Input::new(&self.subject.file)));
    }
}
