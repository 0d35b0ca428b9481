//! How a value follows.

use crate::expr::{Expr, ExprId};
use crate::menu::{PropertyId, PropertyKind};
use crate::number;
use crate::state::{State, Text};
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate::{self, Mod, No, Yes};

impl State<'_> {
    /// Computes a symbol's value unless it is known.
    pub(crate) fn calculate(&mut self, id: SymbolId) {
        if self.slot(id).valid {
            return;
        }
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        if let Some(choice) = symbol.member_of
            && std::mem::replace(&mut self.slot_mut(id).fill_choice, false)
        {
            self.calculate(choice);
        }
        let slot = self.slot_mut(id);
        slot.valid = true;
        let mut text = match symbol.kind {
            Kind::Unknown => {
                (slot.text, slot.tri) = (Text::Name(id), No);
                return;
            }
            Kind::Int | Kind::Hex | Kind::String => Text::Empty,
            Kind::Bool | Kind::Tristate => Text::No,
        };
        slot.write = false;
        self.calculate_visibility(id);
        let slot = self.slot_mut(id);
        slot.write = slot.visible != No;
        // What the symbol is to those that ask while it is computed.
        (slot.text, slot.tri, slot.chosen) = (text, No, None);
        let mut tri = No;
        if symbol.kind.is_bool() {
            tri = self.calculate_tristate(id);
        } else if slot.visible != No && slot.user {
            text = Text::User(id);
        } else if let Some((value, _)) = self.default(id)
            && let Expr::Symbol(of) = tree.exprs[value]
        {
            self.slot_mut(id).write = true;
            self.calculate(of);
            text = self.slot(of).text;
        }
        let slot = self.slot_mut(id);
        (slot.text, slot.tri) = (text, tri);
        if symbol.choice && tri == Yes {
            let chosen = self.choose(id);
            self.slot_mut(id).chosen = chosen;
        }
        self.bound(id);
        if id == tree.modules {
            self.modules = self.slot(id).tri;
        }
        if symbol.choice {
            if self.slot(id).write {
                for &member in &symbol.members {
                    let slot = self.slot_mut(member);
                    slot.write |= slot.visible != No;
                }
            }
            self.slot_mut(id).write = false;
        }
        if self.slot(id).fill_choice {
            self.fill_choice(id);
        }
    }

    fn calculate_tristate(&mut self, id: SymbolId) -> Tristate {
        let symbol = &self.tree.symbols[id];
        let slot = self.slot(id);
        let (visible, user) = (slot.visible, slot.user);
        let mut tri = No;
        if let Some(choice) = symbol.member_of.filter(|_| visible == Yes) {
            // The choice was computed: its members are visible because of it.
            if self.slot(choice).chosen == Some(id) {
                tri = Yes;
            }
        } else {
            if visible != No && user {
                tri = slot.user_tri.min(visible);
            } else {
                if slot.selected != No {
                    self.slot_mut(id).write = true;
                }
                if !symbol.choice {
                    tri = self.default_tristate(id);
                }
            }
            let slot = self.slot(id);
            let (direct, selected) = (slot.direct, slot.selected);
            if direct < selected {
                self.warn_once(id, |state| state.unmet(id));
            }
            tri = tri.max(selected);
        }
        if tri == Mod && self.kind(id) == Kind::Bool { Yes } else { tri }
    }

    /// What defaults and weak reverse dependencies make of a symbol.
    fn default_tristate(&mut self, id: SymbolId) -> Tristate {
        let mut tri = No;
        if let Some((value, condition)) = self.default(id) {
            tri = self.evaluate(value).min(condition);
            if tri != No {
                self.slot_mut(id).write = true;
            }
        }
        let slot = self.slot_mut(id);
        if slot.implied != No {
            slot.write = true;
            tri = tri.max(slot.implied).min(slot.direct);
        }
        tri
    }

    /// The default that counts, and the value of its condition.
    pub(crate) fn default(&mut self, id: SymbolId) -> Option<(ExprId, Tristate)> {
        let (property, condition) = self.default_property(id)?;
        match self.tree.menus[property].kind {
            PropertyKind::Default(value) => Some((value, condition)),
            _ => None,
        }
    }

    pub(crate) fn default_property(&mut self, id: SymbolId) -> Option<(PropertyId, Tristate)> {
        let tree = self.tree;
        for &id in &tree.symbols[id].properties {
            let property = &tree.menus[id];
            if matches!(property.kind, PropertyKind::Default(_)) {
                let condition = self.condition(property.condition);
                if condition != No {
                    return Some((id, condition));
                }
            }
        }
        None
    }

    /// The value of the condition under which an entry's prompt is shown, where it counts.
    fn prompt_value(&mut self, id: SymbolId, property: PropertyId) -> Tristate {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let value = self.condition(tree.menus[property].condition);
        // In a choice that is y no tristate can be m.
        match symbol.member_of {
            Some(choice)
                if symbol.kind == Kind::Tristate
                    && value == Mod
                    && self.slot(choice).tri == Yes =>
            {
                No
            }
            _ => value,
        }
    }

    pub(crate) fn calculate_visibility(&mut self, id: SymbolId) {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let mut visible = No;
        for &property in &symbol.properties {
            if tree.menus[property].text().is_some() {
                let value = self.prompt_value(id, property);
                self.prompts[property.0 as usize] = value;
                visible = visible.max(value);
            }
        }
        if visible == Mod && (symbol.kind != Kind::Tristate || self.modules == No) {
            visible = Yes;
        }
        self.slot_mut(id).visible = visible;
        if symbol.member_of.is_some() {
            return;
        }
        let any = |state: &mut Self, list: &[ExprId]| {
            list.iter().fold(No, |any, e| any.max(state.evaluate(*e)))
        };
        let direct = if symbol.direct.is_empty() { Yes } else { any(self, &symbol.direct) };
        let selected = any(self, &symbol.selected_by);
        let implied = any(self, &symbol.implied_by);
        let bound = |state: &Self, tri| {
            if tri == Mod && state.kind(id) == Kind::Bool { Yes } else { tri }
        };
        let (direct, selected, implied) =
            (bound(self, direct), bound(self, selected), bound(self, implied));
        let slot = self.slot_mut(id);
        (slot.direct, slot.selected, slot.implied) = (direct, selected, implied);
    }

    /// The member of a choice that is y.
    fn choose(&mut self, id: SymbolId) -> Option<SymbolId> {
        let tree = self.tree;
        let members = &tree.symbols[id].members;
        let mut user = true;
        for &member in members {
            self.calculate_visibility(member);
            let slot = self.slot(member);
            user &= slot.visible == No || slot.user;
        }
        self.slot_mut(id).user &= user;
        if let Some(chosen) = self.slot(id).user_chosen
            && self.slot(chosen).visible != No
        {
            return Some(chosen);
        }
        let default = self.choice_default(id);
        if default.is_none() {
            self.slot_mut(id).tri = No;
        }
        default
    }

    /// The member of a choice that is y if the user does not say: of a default, or the first.
    pub(crate) fn choice_default(&mut self, id: SymbolId) -> Option<SymbolId> {
        let tree = self.tree;
        for &property in &tree.symbols[id].properties {
            let property = &tree.menus[property];
            if let PropertyKind::Default(value) = property.kind
                && self.condition(property.condition) != No
                && let Expr::Symbol(member) = tree.exprs[value]
                && self.slot(member).visible != No
            {
                return Some(member);
            }
        }
        tree.symbols[id].members.iter().copied().find(|m| self.slot(*m).visible != No)
    }

    /// The members of a choice that were given no value are n.
    pub(crate) fn fill_choice(&mut self, choice: SymbolId) {
        for &member in &self.tree.symbols[choice].members {
            let slot = self.slot_mut(member);
            if !slot.user {
                slot.user_tri = No;
            }
        }
        let slot = self.slot_mut(choice);
        (slot.user, slot.valid, slot.fill_choice) = (true, false, false);
    }

    /// The bounds of a number's range that counts.
    pub(crate) fn range(&mut self, id: SymbolId) -> Option<(SymbolId, SymbolId)> {
        let tree = self.tree;
        for &property in &tree.symbols[id].properties {
            let property = &tree.menus[property];
            if let PropertyKind::Range(low, high) = property.kind
                && self.condition(property.condition) != No
            {
                return Some((low, high));
            }
        }
        None
    }

    /// A bound of a range for a number of this base.
    pub(crate) fn bound_value(&mut self, of: SymbolId, base: u32) -> i64 {
        self.calculate(of);
        let base = match self.tree.symbols[of].kind {
            Kind::Int => 10,
            Kind::Hex => 16,
            _ => base,
        };
        number::strtoll(self.raw_text(of), base)
    }

    /// A number outside of its range becomes the bound that it is beyond.
    fn bound(&mut self, id: SymbolId) {
        let base = match self.tree.symbols[id].kind {
            Kind::Int => 10,
            Kind::Hex => 16,
            _ => return,
        };
        let Some((low, high)) = self.range(id) else { return };
        let value = number::strtoll(self.raw_text(id), base);
        let mut bound = low;
        if value >= self.bound_value(low, base) {
            if value <= self.bound_value(high, base) {
                return;
            }
            bound = high;
        }
        let text = self.slot(bound).text;
        self.slot_mut(id).text = text;
    }

    /// What to say about a symbol that is selected although its dependencies do not hold.
    fn unmet(&mut self, id: SymbolId) -> String {
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        let letter = if self.slot(id).direct == Mod { 'm' } else { 'n' };
        let mut text = format!(
            "\nWARNING: unmet direct dependencies detected for {}\n  Depends on [{letter}]: ",
            symbol.name
        );
        let parts: Vec<String> = symbol.direct.iter().map(|e| self.annotated(*e)).collect();
        text.push_str(&parts.join(" || "));
        for level in [Yes, Mod] {
            let mut title = Some(format!("\n  Selected by [{level}]:"));
            for &cause in &symbol.selected_by {
                if self.evaluate(cause) == level {
                    text.extend(title.take());
                    let place = tree.cause_at(cause, id);
                    text.push_str(&format!("\n  - {} ({place})", self.annotated(cause)));
                }
            }
        }
        text
    }

    /// An expression with the values of its symbols, as they are known now: one may be computed.
    pub(crate) fn annotated(&mut self, id: ExprId) -> String {
        let tree = self.tree;
        tree.exprs.write(id, &tree.symbols, &mut |id| {
            let symbol = &tree.symbols[id];
            let plain = symbol.constant || symbol.kind == Kind::Unknown;
            if plain { String::new() } else { format!(" [={}]", self.text(id)) }
        })
    }
}
