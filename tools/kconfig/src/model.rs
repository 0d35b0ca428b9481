//! A tree of Kconfig files, read and finished.

use crate::error::{Error, Location};
use crate::expr::{ExprId, Exprs};
use crate::finalize::Finalizer;
use crate::graph;
use crate::macros::{Macros, Message};
use crate::menu::{Line, MenuId, Menus, PropertyKind};
use crate::parser::Parser;
use crate::shell::Shell;
use crate::simplify::Simplifier;
use crate::symbol::{Symbol, SymbolId, Symbols};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// How a tree is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the names of sourced files are relative to; the first file's directory if `None`.
    pub srctree: Option<PathBuf>,
    /// What `$(NAME)` and the commands of `$(shell,...)` see.
    pub environment: BTreeMap<String, String>,
    /// Where the commands of `$(shell,...)` run; this process's own directory if `None`.
    pub directory: Option<PathBuf>,
    /// A file that keeps the answers of `$(shell,...)`.
    pub shell_cache: Option<PathBuf>,
}

/// A tree of Kconfig files.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) symbols: Symbols,
    pub(crate) exprs: Exprs,
    pub(crate) menus: Menus,
    pub(crate) files: Vec<Box<str>>,
    pub(crate) modules: SymbolId,
    pub(crate) messages: Vec<Message>,
    /// An order in which every symbol comes after all that its value depends on.
    pub(crate) order: Vec<SymbolId>,
    /// Values are computed in that order, since some depend on so many others in a row that
    /// computing them on demand would nest too deeply.
    pub(crate) deep: bool,
    /// Which of them whether modules are on depends on.
    pub(crate) before_modules: Vec<bool>,
}

impl Tree {
    /// Reads `root` and all that it sources, relative to its directory. `env` gives the values
    /// of `$(NAME)`.
    ///
    /// # Errors
    /// A file that cannot be read or understood; a dependency loop.
    pub fn load(root: &Path, env: &BTreeMap<String, String>) -> Result<Self, Error> {
        let options = Options { environment: env.clone(), ..Options::default() };
        Self::load_with(root, &options)
    }

    /// Reads `root` and all that it sources.
    ///
    /// # Errors
    /// A file that cannot be read or understood; a dependency loop.
    pub fn load_with(root: &Path, options: &Options) -> Result<Self, Error> {
        let directory = root.parent().unwrap_or(Path::new("")).to_owned();
        let srctree = options.srctree.clone().unwrap_or(directory);
        let shell = Shell::new(options).map_err(Error::plain)?;
        let mut macros = Macros::new(&options.environment, shell);
        let mut parser = Parser::new(&mut macros, &srctree);
        let read = parser.root(root);
        let Parser { mut symbols, mut exprs, mut menus, files, modules, .. } = parser;
        macros.shell.save().map_err(Error::plain)?;
        read?;
        let modules = modules.unwrap_or(SymbolId::NO);
        let mut messages = std::mem::take(&mut macros.messages);
        let checked = vec![false; symbols.len()];
        Finalizer {
            symbols: &mut symbols,
            menus: &mut menus,
            simplifier: Simplifier::new(&mut exprs),
            files: &files,
            messages: &mut messages,
            modules,
            checked,
        }
        .entry(MenuId::ROOT, 0);
        let mut tree = Self {
            symbols,
            exprs,
            menus,
            files,
            modules,
            messages,
            order: vec![],
            deep: false,
            before_modules: vec![],
        };
        (tree.order, tree.deep) = graph::order(&tree)?;
        if tree.deep {
            tree.before_modules = graph::before(&tree, modules);
        }
        Ok(tree)
    }

    /// What was odd about the files, and what `$(info,...)` and `$(warning-if,...)` said.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    /// The files that the tree was read from, in order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(AsRef::as_ref)
    }

    /// The title of the main menu.
    pub fn title(&self) -> &str {
        let prompt = self.menus[MenuId::ROOT].prompt;
        prompt.and_then(|prompt| self.menus[prompt].text()).unwrap_or("Main menu")
    }

    /// All symbols that are defined, in the order of their definition.
    pub fn symbols(&self) -> impl Iterator<Item = &Symbol> {
        self.defined().map(|id| &self.symbols[id])
    }

    /// The numbers of all symbols that are defined, in the order of their definition.
    pub(crate) fn defined(&self) -> impl Iterator<Item = SymbolId> + '_ {
        (0..self.menus.entries.len() as u32).map(MenuId).filter_map(|id| {
            let symbol = self.menus[id].symbol?;
            let own = &self.symbols[symbol];
            (!own.choice && own.entries.first() == Some(&id)).then_some(symbol)
        })
    }

    /// A symbol by name, if it is defined.
    pub fn symbol(&self, name: &str) -> Option<&Symbol> {
        self.find(name).map(|id| &self.symbols[id])
    }

    /// The number of a symbol, if it is defined.
    pub fn find(&self, name: &str) -> Option<SymbolId> {
        let id = self.symbols.named(name)?;
        (!self.symbols[id].entries.is_empty()).then_some(id)
    }

    /// A symbol by its number.
    pub fn get(&self, id: SymbolId) -> &Symbol {
        &self.symbols[id]
    }

    /// A property's or an entry's place.
    pub(crate) fn location(&self, line: Line) -> Location {
        let file = self.files.get(line.file as usize).map(AsRef::as_ref).unwrap_or_default();
        Location { file: file.to_owned(), line: line.number as usize }
    }

    /// Where a symbol is first defined.
    pub fn defined_at(&self, symbol: &Symbol) -> Location {
        symbol
            .entries
            .first()
            .map_or_else(Location::default, |entry| self.location(self.menus[*entry].line))
    }

    /// What a menu shows for a symbol; `None` if users do not set it.
    pub fn prompt(&self, symbol: &Symbol) -> Option<&str> {
        symbol
            .entries
            .iter()
            .find_map(|entry| self.menus[*entry].prompt)
            .and_then(|prompt| self.menus[prompt].text())
    }

    /// A symbol's help text; empty if there is none.
    pub fn help(&self, symbol: &Symbol) -> &str {
        let text = symbol.entries.iter().find_map(|entry| self.menus[*entry].help.as_deref());
        text.unwrap_or_default()
    }

    /// The titles of the menus that a symbol is in, outermost first.
    pub fn menus_of(&self, symbol: &Symbol) -> Vec<&str> {
        let mut titles = vec![];
        let mut at = symbol.entries.first().and_then(|entry| self.menus[*entry].parent);
        while let Some(entry) = at.filter(|entry| *entry != MenuId::ROOT) {
            let prompt = self.menus[entry].prompt.map(|prompt| &self.menus[prompt].kind);
            if let (None, Some(PropertyKind::Menu(title))) = (self.menus[entry].symbol, prompt) {
                titles.push(&**title);
            }
            at = self.menus[entry].parent;
        }
        titles.reverse();
        titles
    }

    /// An expression as the language writes it.
    pub(crate) fn expression(&self, id: ExprId) -> String {
        self.exprs.write(id, &self.symbols, &mut |_| String::new())
    }
}
