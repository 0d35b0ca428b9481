//! Solving once: a user's assignments in, values out.

use crate::config::Config;
use crate::model::Tree;
use crate::state::State;
use crate::symbol::{Kind, SymbolId};

/// The value of every symbol.
#[derive(Clone, Debug)]
pub struct Solution {
    /// By the symbols' numbers.
    pub(crate) values: Vec<Option<Box<str>>>,
    names: crate::hash::Map<Box<str>, SymbolId>,
    warnings: Vec<String>,
}

impl Solution {
    /// Whether a symbol is y.
    pub fn is_set(&self, name: &str) -> bool {
        self.value(name) == Some("y")
    }

    /// A symbol's value as text: y, m, n, a number, text without quotation marks. `None` if there
    /// is no such symbol.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.names.get(name).and_then(|id| self.values[id.index()].as_deref())
    }

    /// Contradictions of the tree: symbols that are selected although their dependencies do not
    /// hold.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Tree {
    /// The state that follows from assignments, as if a configuration file had made them.
    pub fn state(&self, config: &Config) -> State<'_> {
        let mut state = State::new(self);
        state.forget_user();
        for (name, value) in config.iter() {
            let Some(id) = self.symbols.find(name) else { continue };
            if self.symbols[id].kind == Kind::String {
                state.assign_text(id, value.into());
            } else {
                state.assign(id, value);
            }
        }
        state.settle();
        state
    }

    /// Values every symbol.
    pub fn solve(&self, config: &Config) -> Solution {
        let mut state = self.state(config);
        let mut values = vec![None; self.symbols.len()];
        let mut names = crate::hash::Map::default();
        for id in self.defined() {
            values[id.index()] = Some(state.value(id).into());
            names.insert(self.symbols[id].name.clone(), id);
        }
        Solution { values, names, warnings: state.warnings().to_vec() }
    }

    /// The whole configuration as a `.config` file; `heading` is its first comment.
    pub fn to_config(&self, config: &Config, heading: &str) -> String {
        self.state(config).write_config_with(heading)
    }

    /// The assignments that differ from what defaults give.
    pub fn to_defconfig(&self, config: &Config) -> String {
        self.state(config).write_defconfig()
    }
}
