//! What would make an assignment hold that was refused.
//!
//! It is searched for between keys; the next key ends the search.

use crate::dialog::{Dialog, Offer};
use crate::menu::Menu;
use crate::text;
use unilith_kconfig::{Kind, RemedySearch, Step, SymbolId};

/// A search for what would make a wish come true.
pub(crate) struct Wish<'t> {
    symbol: SymbolId,
    /// The value that it should have; `None`: any, it only has to become changeable.
    value: Option<String>,
    search: RemedySearch<'t>,
}

impl Menu<'_> {
    /// Begins to search for what would make a symbol `value`, or changeable.
    pub(crate) fn wish(&mut self, symbol: SymbolId, value: Option<&str>) {
        let tree = self.state.tree();
        let name = &*tree.get(symbol).name;
        // A choice has no value of its own that somebody could set.
        if tree.find(name) == Some(symbol) {
            let any = self.any_value(symbol);
            let wanted = value.unwrap_or(&any);
            let search = RemedySearch::new(tree, self.state.config(), name, wanted).may_select();
            self.wish = Some(Wish { symbol, value: value.map(str::to_owned), search });
        }
    }

    /// Some value that a symbol can have.
    fn any_value(&mut self, symbol: SymbolId) -> String {
        let value = self.state.value(symbol).to_owned();
        match (self.state.kind(symbol), self.state.range_text(symbol)) {
            (Kind::Int | Kind::Hex, Some((low, _))) if value.is_empty() => low,
            (Kind::Int, None) if value.is_empty() => "0".to_owned(),
            (Kind::Hex, None) if value.is_empty() => "0x0".to_owned(),
            _ => value,
        }
    }

    /// Tries one thing; offers what was found.
    pub(crate) fn pursue(&mut self) {
        let Some(mut wish) = self.wish.take() else { return };
        match wish.search.step() {
            Step::Working => self.wish = Some(wish),
            Step::Found(changes) => self.offer(&wish, &changes),
            Step::Nothing => {
                self.message.push_str("; nothing was found that changes that");
                if text::width(&self.message) > self.area.width.into() {
                    self.dialogs.push(Dialog::text("Not possible", self.message.clone()));
                }
            }
        }
    }

    fn offer(&mut self, wish: &Wish, changes: &[(String, String)]) {
        let tree = self.state.tree();
        let find = |(name, value): &(String, String)| Some((tree.find(name)?, value.clone()));
        let mut changes: Vec<(SymbolId, String)> = changes.iter().filter_map(find).collect();
        if wish.value.is_none() {
            changes.retain(|(symbol, _)| *symbol != wish.symbol);
        }
        let name = self.name(wish.symbol);
        let what = match &wish.value {
            None => format!("{name} can be changed with:"),
            Some(value) => format!("{name}={value} holds with:"),
        };
        let mut text = format!("{}\n\n{what}\n", self.message);
        for (symbol, value) in &changes {
            let symbol = tree.get(*symbol);
            let prompt = tree.prompt(symbol).unwrap_or_default();
            text.push_str(&format!("  {}={value}  {prompt}\n", symbol.name));
        }
        let wanted = (wish.symbol, wish.value.clone());
        self.dialogs.push(Dialog::Offer(Offer { text, wanted, changes, button: 0 }));
    }

    /// Makes the changes of an offer.
    pub(crate) fn take_offer(&mut self, offer: &Offer) {
        let tree = self.state.tree();
        let mut config = self.state.config();
        // Some can be made only after others.
        let mut left: Vec<&(SymbolId, String)> = offer.changes.iter().collect();
        let mut before = usize::MAX;
        while left.len() < before {
            before = left.len();
            left.retain(|(symbol, value)| !self.state.set(*symbol, value));
        }
        let causes: Vec<String> = offer
            .changes
            .iter()
            .map(|(symbol, value)| format!("{}={value}", tree.get(*symbol).name))
            .collect();
        let (symbol, value) = &offer.wanted;
        let holds = match value {
            Some(value) => self.state.value(*symbol) == value,
            None => self.state.is_changeable(*symbol),
        };
        if !left.is_empty() || !holds {
            // Then all at once, as it was tried.
            for cause in &causes {
                // The search gives only values of the symbols' types.
                let _ = tree.assign(&mut config, cause);
            }
            self.state = tree.state(&config);
        }
        self.changed(causes);
    }
}
