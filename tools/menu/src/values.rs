//! The values of all symbols at one time, and what is different at another.

use unilith_kconfig::{State, SymbolId, Tristate};

/// One symbol's value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Tristate(Tristate),
    Text(Box<str>),
}

/// The value of every symbol, in the order of their definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Values(Vec<Value>);

impl Values {
    /// The values that `symbols` have now.
    pub fn of(state: &mut State, symbols: &[SymbolId]) -> Self {
        let mut values = Self(vec![]);
        values.add(state, symbols);
        values
    }

    /// Adds the values of further symbols.
    pub fn add(&mut self, state: &mut State, symbols: &[SymbolId]) {
        let tree = state.tree();
        let value = |id: &SymbolId| match tree.get(*id).kind.is_bool() {
            true => Value::Tristate(state.tristate(*id)),
            false => Value::Text(state.value(*id).into()),
        };
        self.0.extend(symbols.iter().map(value));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// One of them as text.
    pub fn text(&self, number: usize) -> &str {
        match self.0.get(number) {
            Some(Value::Tristate(value)) => value.letter(),
            Some(Value::Text(text)) => text,
            None => "",
        }
    }
}

/// What followed from a change.
#[derive(Clone, Debug, Default)]
pub struct Consequences {
    /// What the user did, such as `HEAP_TLSF=y`.
    pub cause: String,
    /// What is no longer n.
    pub pulled_in: Vec<SymbolId>,
    /// What is n now.
    pub dropped: Vec<SymbolId>,
    /// What has another value.
    pub changed: Vec<SymbolId>,
}

impl Consequences {
    /// What is different between two times.
    pub fn new(cause: String, symbols: &[SymbolId], old: &Values, new: &Values) -> Self {
        let mut all = Self { cause, ..Self::default() };
        for (id, (old, new)) in symbols.iter().zip(old.0.iter().zip(&new.0)) {
            if old == new {
                continue;
            }
            match (old, new) {
                (Value::Tristate(Tristate::No), _) => all.pulled_in.push(*id),
                (_, Value::Tristate(Tristate::No)) => all.dropped.push(*id),
                _ => all.changed.push(*id),
            }
        }
        all
    }
}
