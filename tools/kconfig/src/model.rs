//! What a tree of Kconfig files says.

use crate::error::Error;
use crate::expr::Expr;
use crate::parser;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;

/// A place in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was named.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The type of a symbol's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// y or n.
    Bool,
    /// y or n, since modules are off.
    Tristate,
    /// A decimal number.
    Int,
    /// A hexadecimal number.
    Hex,
    /// Text.
    String,
}

impl Kind {
    /// Whether values are y and n.
    pub fn is_bool(self) -> bool {
        matches!(self, Self::Bool | Self::Tristate)
    }
}

/// A property with the condition under which it counts.
#[derive(Clone, Debug)]
pub(crate) struct Property<T> {
    pub value: T,
    /// The property's own condition and the symbol's dependencies.
    pub condition: Expr,
    pub location: Location,
}

/// A configuration symbol.
#[derive(Clone, Debug)]
pub struct Symbol {
    /// Its name, without CONFIG_.
    pub name: String,
    /// The type of its value.
    pub kind: Kind,
    /// What a menu shows; `None` if users do not set it.
    pub prompt: Option<String>,
    /// Its help text.
    pub help: String,
    /// Where it is first defined.
    pub defined_at: Location,
    /// The titles of the menus that it is in.
    pub menu: Vec<String>,
    pub(crate) has_kind: bool,
    pub(crate) dependencies: Expr,
    pub(crate) visible: Vec<Expr>,
    pub(crate) defaults: Vec<Property<Expr>>,
    pub(crate) selects: Vec<Property<String>>,
    pub(crate) implies: Vec<Property<String>>,
    pub(crate) ranges: Vec<Property<(Expr, Expr)>>,
    pub(crate) choice: Option<usize>,
}

impl Symbol {
    /// Its direct dependencies, as the language writes them; `y` if there are none.
    pub fn dependencies(&self) -> String {
        self.dependencies.to_string()
    }
}

/// A choice: at most one of its members is y.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub optional: bool,
    pub visible: Expr,
    pub defaults: Vec<Property<String>>,
    pub members: Vec<usize>,
}

/// What a menu lists, in order.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Menu(String),
    EndMenu,
    Symbol(usize),
}

/// A tree of Kconfig files.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) title: String,
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) index: HashMap<String, usize>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) items: Vec<Item>,
    /// Symbols in an order in which each comes after all that its value depends on.
    pub(crate) order: Vec<usize>,
    /// Who selects and who implies each symbol.
    pub(crate) selected_by: Vec<Vec<(usize, usize)>>,
    pub(crate) implied_by: Vec<Vec<(usize, usize)>>,
}

impl Tree {
    /// Parses `root` and all that it sources, relative to its directory. `env` gives the values
    /// of `$(NAME)`.
    ///
    /// # Errors
    /// A file that cannot be read or understood; a dependency loop.
    pub fn load(root: &Path, env: &BTreeMap<String, String>) -> Result<Self, Error> {
        let parsed = parser::parse(root, env)?;
        let n = parsed.symbols.len();
        let mut tree = Self {
            title: parsed.title,
            index: parsed.index,
            symbols: parsed.symbols,
            choices: parsed.choices,
            items: parsed.items,
            order: Vec::new(),
            selected_by: vec![Vec::new(); n],
            implied_by: vec![Vec::new(); n],
        };
        for (from, symbol) in tree.symbols.iter().enumerate() {
            for (list, by) in [(&symbol.selects, 0), (&symbol.implies, 1)] {
                for (i, property) in list.iter().enumerate() {
                    let Some(&to) = tree.index.get(&property.value) else { continue };
                    let lists = if by == 0 { &mut tree.selected_by } else { &mut tree.implied_by };
                    lists[to].push((from, i));
                }
            }
        }
        tree.order = tree.sort()?;
        Ok(tree)
    }

    /// All symbols, in the order of their definition.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.symbols.iter()
    }

    /// A symbol by name.
    pub fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.index.get(name).map(|&i| &self.symbols[i])
    }

    /// What the value of symbol `i` depends on.
    fn inputs(&self, i: usize) -> Vec<usize> {
        let symbol = &self.symbols[i];
        let mut names: Vec<&str> = Vec::new();
        {
            let mut visit = |name| names.push(name);
            symbol.dependencies.names(&mut visit);
            symbol.visible.iter().for_each(|e| e.names(&mut visit));
            for default in &symbol.defaults {
                default.value.names(&mut visit);
                default.condition.names(&mut visit);
            }
            for range in &symbol.ranges {
                range.value.0.names(&mut visit);
                range.value.1.names(&mut visit);
                range.condition.names(&mut visit);
            }
            if let Some(choice) = symbol.choice.map(|c| &self.choices[c]) {
                choice.visible.names(&mut visit);
                choice.defaults.iter().for_each(|d| d.condition.names(&mut visit));
                for &member in &choice.members {
                    self.symbols[member].visible.iter().for_each(|e| e.names(&mut visit));
                }
            }
            for (from, at) in &self.selected_by[i] {
                self.symbols[*from].selects[*at].condition.names(&mut visit);
            }
            for (from, at) in &self.implied_by[i] {
                self.symbols[*from].implies[*at].condition.names(&mut visit);
            }
        }
        let mut inputs: Vec<usize> =
            names.into_iter().filter_map(|name| self.index.get(name).copied()).collect();
        inputs.extend(self.selected_by[i].iter().chain(&self.implied_by[i]).map(|(from, _)| *from));
        inputs.sort_unstable();
        inputs.dedup();
        inputs
    }

    /// Orders the symbols (Kahn's algorithm); what cannot be ordered is in a loop.
    fn sort(&self) -> Result<Vec<usize>, Error> {
        let inputs: Vec<Vec<usize>> = (0..self.symbols.len()).map(|i| self.inputs(i)).collect();
        let mut users = vec![Vec::new(); inputs.len()];
        let mut open: Vec<usize> = inputs.iter().map(Vec::len).collect();
        for (i, list) in inputs.iter().enumerate() {
            list.iter().for_each(|&input| users[input].push(i));
        }
        let mut order: Vec<usize> = (0..inputs.len()).filter(|&i| open[i] == 0).collect();
        let mut next = 0;
        while let Some(&done) = order.get(next) {
            next += 1;
            for &user in &users[done] {
                open[user] -= 1;
                if open[user] == 0 {
                    order.push(user);
                }
            }
        }
        let Some(start) = (0..inputs.len()).find(|&i| open[i] > 0) else { return Ok(order) };
        // From any stuck symbol, stuck inputs lead into a loop.
        let mut path = vec![start];
        let loop_start = loop {
            let last = path[path.len() - 1];
            let Some(&input) = inputs[last].iter().find(|&&input| open[input] > 0) else {
                break 0;
            };
            if let Some(at) = path.iter().position(|&p| p == input) {
                path.push(input);
                break at;
            }
            path.push(input);
        };
        let names: Vec<&str> =
            path[loop_start..].iter().map(|&i| self.symbols[i].name.as_str()).collect();
        Err(Error {
            location: Some(self.symbols[start].defined_at.clone()),
            column: 1,
            text: format!("config {}", self.symbols[start].name),
            message: format!("a dependency loop: {}", names.join(" needs ")),
        })
    }
}
