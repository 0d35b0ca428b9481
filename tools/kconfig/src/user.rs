//! Values that a user gives, and what a menu needs to know of them.

use crate::number;
use crate::state::State;
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate::{self, Mod, No, Yes};

impl State<'_> {
    /// The values that a user can choose for a bool or tristate; none if it is not theirs.
    pub fn choices(&mut self, id: SymbolId) -> Vec<Tristate> {
        self.calculate(id);
        [No, Mod, Yes].into_iter().filter(|value| self.may_be(id, *value)).collect()
    }

    fn may_be(&self, id: SymbolId, value: Tristate) -> bool {
        let slot = self.slot(id);
        let kind = self.kind(id);
        if slot.visible == No || !kind.is_bool() || kind == Kind::Bool && value == Mod {
            return false;
        }
        if slot.visible <= slot.selected {
            return false;
        }
        if self.tree.symbols[id].member_of.is_some() && slot.visible == Yes {
            return value == Yes;
        }
        value >= slot.selected && value <= slot.visible
    }

    /// The member of a choice that is y.
    pub fn chosen(&mut self, choice: SymbolId) -> Option<SymbolId> {
        self.calculate(choice);
        self.slot(choice).chosen
    }

    /// Whether a user can change a symbol at all.
    pub fn is_changeable(&mut self, id: SymbolId) -> bool {
        self.calculate(id);
        self.slot(id).visible > self.slot(id).selected
    }

    /// Whether a user can see a symbol's prompt; with `m`, they can choose at most that.
    pub fn visibility(&mut self, id: SymbolId) -> Tristate {
        self.calculate(id);
        self.slot(id).visible
    }

    /// What the user said for a symbol, whether it holds or not.
    pub fn user_value(&self, id: SymbolId) -> Option<&str> {
        let slot = self.slot(id);
        if !slot.user {
            None
        } else if self.tree.symbols[id].kind.is_bool() {
            Some(slot.user_tri.letter())
        } else {
            slot.user_text.as_deref()
        }
    }

    /// The bounds of a number, as they are written.
    pub fn range_text(&mut self, id: SymbolId) -> Option<(String, String)> {
        let (low, high) = self.range(id)?;
        let low = self.value(low).to_owned();
        Some((low, self.value(high).to_owned()))
    }

    /// Sets a bool or tristate; false if it cannot have this value.
    pub fn set_tristate(&mut self, id: SymbolId, value: Tristate) -> bool {
        let old = self.tristate(id);
        if old != value && !self.may_be(id, value) {
            return false;
        }
        self.slot_mut(id).user = true;
        let tree = self.tree;
        if let Some(choice) = tree.symbols[id].member_of.filter(|_| value == Yes) {
            let slot = self.slot_mut(choice);
            (slot.user_chosen, slot.user) = (Some(id), true);
            for &member in &tree.symbols[choice].members {
                let slot = self.slot_mut(member);
                slot.user |= slot.visible != No;
            }
        }
        self.slot_mut(id).user_tri = value;
        if old != value {
            self.clear();
        }
        true
    }

    /// Sets any symbol by its value's text; false if it cannot have this value.
    pub fn set(&mut self, id: SymbolId, value: &str) -> bool {
        let kind = self.tree.symbols[id].kind;
        if kind.is_bool() {
            return Tristate::from_letter(value).is_some_and(|value| self.set_tristate(id, value));
        }
        if kind == Kind::Unknown || !self.is_within_range(id, value) {
            return false;
        }
        let prefixed = value.starts_with("0x") || value.starts_with("0X");
        let text =
            if kind == Kind::Hex && !prefixed { format!("0x{value}") } else { value.to_owned() };
        let slot = self.slot_mut(id);
        slot.user = true;
        slot.user_text = Some(text.into());
        self.clear();
        true
    }

    /// Forgets what the user said for a symbol.
    pub fn unset(&mut self, id: SymbolId) {
        self.unset_all(&[id]);
    }

    /// Forgets what the user said for several symbols.
    pub fn unset_all(&mut self, ids: &[SymbolId]) {
        for &id in ids {
            let slot = self.slot_mut(id);
            (slot.user, slot.user_tri, slot.user_text) = (false, No, None);
            if let Some(choice) = self.tree.symbols[id].member_of {
                let slot = self.slot_mut(choice);
                if slot.user_chosen == Some(id) {
                    (slot.user_chosen, slot.user) = (None, false);
                }
            }
        }
        self.clear();
    }

    /// Whether a text is a value of a symbol's type.
    pub(crate) fn is_valid(&self, id: SymbolId, value: &str) -> bool {
        match self.tree.symbols[id].kind {
            Kind::String => true,
            Kind::Int => number::is_int(value),
            Kind::Hex => number::is_hex(value),
            Kind::Bool | Kind::Tristate => Tristate::from_letter(value).is_some(),
            Kind::Unknown => false,
        }
    }

    /// Whether a text is a value of a symbol's type and within its range.
    pub fn is_within_range(&mut self, id: SymbolId, value: &str) -> bool {
        let base = match self.tree.symbols[id].kind {
            Kind::Int => 10,
            Kind::Hex => 16,
            Kind::String => return true,
            Kind::Bool | Kind::Tristate => {
                return Tristate::from_letter(value).is_some_and(|value| self.may_be(id, value));
            }
            Kind::Unknown => return false,
        };
        if !self.is_valid(id, value) {
            return false;
        }
        let Some((low, high)) = self.range(id) else { return true };
        let value = number::strtoll(value, base);
        value >= self.bound_value(low, base) && value <= self.bound_value(high, base)
    }
}
