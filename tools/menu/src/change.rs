//! Changes of values.

use crate::dialog::Dialog;
use crate::input::Input;
use crate::menu::Menu;
use unilith_kconfig::{EntryKind, Kind, MenuId, SymbolId, Tristate};

impl Menu<'_> {
    /// Enter: opens a menu or a value, toggles what has neither.
    pub(crate) fn activate(&mut self) {
        let Some(row) = self.row().cloned() else { return };
        match row.submenu {
            Some(true) => self.open(row.entry),
            Some(false) if row.symbol.is_none() => {
                "This menu is empty".clone_into(&mut self.message)
            }
            _ => self.toggle(),
        }
    }

    /// Space: toggles what can be toggled, opens what cannot.
    pub(crate) fn toggle(&mut self) {
        let Some(row) = self.row().cloned() else { return };
        let Some(symbol) = row.symbol else {
            if row.submenu == Some(true) {
                self.open(row.entry);
            }
            return;
        };
        match self.state.kind(symbol) {
            Kind::Int | Kind::Hex | Kind::String => return self.edit(symbol, row.text),
            Kind::Unknown => return,
            Kind::Bool | Kind::Tristate => {}
        }
        if self.is_member_of_open_choice(symbol) {
            return self.assign(symbol, Tristate::Yes);
        }
        let choices = self.state.choices(symbol);
        let now = self.state.tristate(symbol);
        let after = choices.iter().position(|choice| *choice == now).map_or(0, |at| at + 1);
        match choices.get(after % choices.len().max(1)) {
            Some(next) if *next != now => self.assign(symbol, *next),
            _ if row.submenu == Some(true) => self.open(row.entry),
            _ => {
                let other = if now == Tristate::No { Tristate::Yes } else { Tristate::No };
                self.refuse(symbol, other);
            }
        }
    }

    fn is_member_of_open_choice(&self, symbol: SymbolId) -> bool {
        let tree = self.state.tree();
        match tree.entry(self.place().menu).kind() {
            EntryKind::Choice(choice) => {
                tree.choice_of(symbol) == Some(choice) && self.state.kind(symbol) == Kind::Bool
            }
            _ => false,
        }
    }

    /// y, n, m: sets the selected line's symbol.
    pub(crate) fn choose(&mut self, value: Tristate) {
        let Some(symbol) = self.row().and_then(|row| row.symbol) else { return };
        // As menuconfig does: m is y where there are no modules.
        let value = match (self.state.kind(symbol), value) {
            (Kind::Bool, Tristate::Mod) => Tristate::Yes,
            (Kind::Bool | Kind::Tristate, value) => value,
            _ => {
                "Press Enter to edit the value".clone_into(&mut self.message);
                return;
            }
        };
        self.assign(symbol, value);
    }

    /// Sets a bool or tristate. Choosing in a choice closes it, as in menuconfig.
    fn assign(&mut self, symbol: SymbolId, value: Tristate) {
        let chosen = self.is_member_of_open_choice(symbol) && value == Tristate::Yes;
        if !self.state.set_tristate(symbol, value) {
            return self.refuse(symbol, value);
        }
        let cause = format!("{}={value}", self.name(symbol));
        if chosen {
            self.back();
        }
        self.changed(vec![cause]);
    }

    /// What a symbol or choice is called.
    pub(crate) fn name(&self, symbol: SymbolId) -> String {
        let tree = self.state.tree();
        let symbol = tree.get(symbol);
        match (&*symbol.name, tree.prompt(symbol)) {
            ("", Some(prompt)) => prompt.to_owned(),
            (name, _) => name.to_owned(),
        }
    }

    /// Says why a bool or tristate cannot be `value`, and searches for what would make it so.
    fn refuse(&mut self, symbol: SymbolId, value: Tristate) {
        self.say_why(symbol);
        self.wish(symbol, Some(value.letter()));
    }

    /// Says why a symbol cannot have another value.
    fn say_why(&mut self, symbol: SymbolId) {
        let name = self.name(symbol);
        let why = self.state.explain(&name);
        let why = why.unwrap_or_else(|| format!("{name} cannot have another value"));
        // One line is all there is. Where the symbol is defined stands in its help.
        why.split("; defined at").next().unwrap_or_default().clone_into(&mut self.message);
    }

    /// Opens the value of a number or text.
    fn edit(&mut self, symbol: SymbolId, title: String) {
        if !self.state.is_changeable(symbol) {
            self.say_why(symbol);
            return self.wish(symbol, None);
        }
        let hint = self.range_hint(symbol);
        let input = Input::new(self.state.value(symbol));
        self.dialogs.push(Dialog::Edit { symbol, title, hint, input, error: None });
    }

    /// What values a symbol takes.
    fn range_hint(&mut self, symbol: SymbolId) -> String {
        let what = match self.state.tree().get(symbol).kind {
            Kind::Int => "A number",
            Kind::Hex => "A hexadecimal number, such as 0x2a",
            _ => "A text",
        };
        match self.state.range_text(symbol) {
            Some((low, high)) => format!("{what} from {low} to {high}"),
            None => what.to_owned(),
        }
    }

    /// Takes the edited value; gives what is wrong with it.
    pub(crate) fn accept(&mut self, symbol: SymbolId, value: &str) -> Result<(), String> {
        let text = self.state.tree().get(symbol).kind == Kind::String;
        let value = if text { value } else { value.trim() };
        if !self.state.set(symbol, value) {
            let hint = self.range_hint(symbol);
            return Err(format!("{value:?} is not possible: {}", hint.to_lowercase()));
        }
        let cause = format!("{}={}", self.name(symbol), self.state.value(symbol));
        self.changed(vec![cause]);
        Ok(())
    }

    /// u: takes back what the user said for the selected line's symbol. Of a choice, for all of
    /// its members.
    pub(crate) fn unset(&mut self) {
        let Some(symbol) = self.row().and_then(|row| row.symbol) else { return };
        let tree = self.state.tree();
        let choice = tree.choice_of(symbol).or_else(|| match self.row() {
            Some(row) if matches!(tree.entry(row.entry).kind(), EntryKind::Choice(_)) => {
                Some(symbol)
            }
            _ => None,
        });
        let own = [symbol];
        let symbols = choice.map_or(&own[..], |choice| tree.members(choice));
        let base = |id: SymbolId| {
            self.subject.base.as_ref().and_then(|base| base.get(&*tree.get(id).name)).cloned()
        };
        // What is chosen is all that counts in a choice.
        let counts =
            |value: Option<&str>| value.filter(|v| choice.is_none() || *v != "n").is_some();
        let is_said = |id: SymbolId| {
            let (said, base) = (self.state.user_value(id), base(id));
            said != base.as_deref() && (counts(said) || counts(base.as_deref()))
        };
        let name = self.name(symbol);
        if !symbols.iter().any(|id| is_said(*id)) {
            self.message = format!("{name} is not set: it has its default");
            return;
        }
        let again: Vec<_> = symbols.iter().filter_map(|id| Some((*id, base(*id)?))).collect();
        self.state.unset_all(symbols);
        for (id, value) in again {
            self.state.set(id, &value);
        }
        self.unsaid = self.subject.base.is_some();
        let cause = match choice {
            Some(choice) => self.state.chosen(choice).map(|id| format!("{}=y", self.name(id))),
            None => Some(format!("{name}={}", self.state.value(symbol))),
        };
        self.changed(cause.into_iter().collect());
        self.message = format!("{name} has its default again");
    }

    /// z: shows what is hidden, or hides it again.
    pub(crate) fn toggle_hidden(&mut self) {
        self.hidden = !self.hidden;
        let message = if self.hidden { "Hidden entries are shown" } else { "" };
        message.clone_into(&mut self.message);
        // A menu that is hidden itself closes.
        while !self.hidden && self.places.len() > 1 && !self.is_open_shown() {
            self.back();
        }
        self.refresh();
    }

    fn is_open_shown(&mut self) -> bool {
        let entry: MenuId = self.place().menu;
        let entry = self.state.tree().entry(entry);
        crate::rows::is_reachable(&mut self.state, entry)
    }
}
