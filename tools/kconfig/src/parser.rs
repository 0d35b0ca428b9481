//! The statements of Kconfig files, and the menu tree that they make.

use crate::blocks::{Block, BlockKind, Insert};
use crate::error::Error;
use crate::expr::Exprs;
use crate::files;
use crate::glob::glob;
use crate::lexer::{Fault, Lexer, Token, TokenKind};
use crate::macros::{Macros, Message, Place};
use crate::menu::{Line, MenuId, Menus, PropertyKind};
use crate::symbol::{SymbolId, Symbols};
use crate::words::Words;
use std::path::{Path, PathBuf};

/// Files that source each other.
const SOURCE_DEPTH_MAX: usize = 64;
/// Files that are sourced in all.
const SOURCES_MAX: usize = 100_000;

/// What the next line may give an option to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Context {
    Nothing,
    Config(SymbolId),
    /// A `menuconfig`, whose prompt is a menu.
    MenuConfig(SymbolId),
    Choice(SymbolId),
    Menu,
    Comment,
}

/// Reads files and builds the tree's parts.
pub(crate) struct Parser<'m, 'e> {
    pub macros: &'m mut Macros<'e>,
    pub symbols: Symbols,
    pub exprs: Exprs,
    pub menus: Menus,
    /// The names of the files that were read.
    pub files: Vec<Box<str>>,
    /// The symbol that says whether modules are on.
    pub modules: Option<SymbolId>,
    srctree: PathBuf,
    /// The files that are being read, each sourced by the one before it.
    pub open: Vec<String>,
    sources: usize,
    pub blocks: Vec<Block>,
    /// The entry that options belong to.
    pub entry: MenuId,
    pub menu: MenuId,
    pub insert: Insert,
    pub context: Context,
    pub line: Line,
}

impl<'m, 'e> Parser<'m, 'e> {
    pub fn new(macros: &'m mut Macros<'e>, srctree: &Path) -> Self {
        Self {
            macros,
            symbols: Symbols::new(),
            exprs: Exprs::default(),
            menus: Menus::new(),
            files: vec![],
            modules: None,
            srctree: srctree.to_owned(),
            open: vec![],
            sources: 0,
            blocks: vec![],
            entry: MenuId::ROOT,
            menu: MenuId::ROOT,
            insert: Insert::FirstOf(MenuId::ROOT),
            context: Context::Nothing,
            line: Line { file: 0, number: 1 },
        }
    }

    /// Reads the tree's first file.
    pub fn root(&mut self, path: &Path) -> Result<(), Error> {
        let name = path.strip_prefix(&self.srctree).unwrap_or(path).to_string_lossy().into_owned();
        let text =
            files::read(path).map_err(|e| Error::plain(format!("{}: {e}", path.display())))?;
        self.file(&name, &text)?;
        if self.menus[MenuId::ROOT].prompt.is_none() {
            self.entry = MenuId::ROOT;
            self.add_prompt(PropertyKind::Menu, "Main menu", None);
        }
        Ok(())
    }

    /// Says something about the statement at hand.
    pub fn warn(&mut self, line: Line, text: std::fmt::Arguments) {
        let file = &self.files[line.file as usize];
        self.macros
            .messages
            .push(Message::Warning(format!("{file}:{}:warning: {text}", line.number)));
    }

    fn file(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let file = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
        self.files.push(name.into());
        self.open.push(name.to_owned());
        let outer = self.blocks.len();
        let mut lexer = Lexer::new(text, name);
        let mut tokens = vec![];
        let fault = |fault: Fault| Error::at(name, text, fault.at, fault.message);
        while let Some(number) = lexer.statement(&mut tokens, self.macros).map_err(fault)? {
            self.line = Line { file, number };
            let source = self.statement(&mut lexer, &tokens, text).map_err(fault)?;
            if let Some((keyword, pattern)) = source {
                let at = tokens.get(1).map_or(0, |token| token.at);
                let fail = |message: String| Error::at(name, text, at, message);
                for found in self.sourced(name, keyword, &pattern).map_err(fail)? {
                    let path = self.srctree.join(&found);
                    match files::read(&path) {
                        Ok(inner) => self.file(&found, &inner)?,
                        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                            if !keyword.starts_with('o') {
                                let base = self.srctree.display();
                                return Err(fail(format!("there is no file {found:?} in {base}")));
                            }
                        }
                        Err(e) => return Err(fail(format!("{}: {e}", path.display()))),
                    }
                }
                self.context = Context::Nothing;
            }
        }
        self.open.pop();
        match self.blocks.get(outer..).and_then(<[Block]>::last) {
            Some(open) => {
                let kind = open.kind.name();
                let line = self.menus[open.entry].line.number;
                let message = format!(
                    "the file ends inside of the `{kind}` of line {line}: expected `end{kind}`"
                );
                Err(Error::at(name, text, text.trim_end().len(), message))
            }
            None => {
                self.context = Context::Nothing;
                Ok(())
            }
        }
    }

    /// The names of the files that a `source` names.
    fn sourced(&mut self, from: &str, keyword: &str, pattern: &str) -> Result<Vec<String>, String> {
        let pattern = match from.rsplit_once('/') {
            Some((directory, _)) if keyword.ends_with("rsource") && !pattern.starts_with('/') => {
                format!("{directory}/{pattern}")
            }
            _ => pattern.to_owned(),
        };
        let found = glob(&self.srctree, &pattern);
        if found.is_empty() && !keyword.starts_with('o') {
            return Err(format!("no file matches {pattern:?} in {}", self.srctree.display()));
        }
        if let Some(again) = found.iter().find(|name| self.open.contains(name)) {
            let chain = self.open.join(" sources ");
            return Err(format!("a loop of files: {chain} sources {again}"));
        }
        self.sources += found.len();
        if self.open.len() >= SOURCE_DEPTH_MAX || self.sources > SOURCES_MAX {
            return Err("too many files source each other; is there a loop?".to_owned());
        }
        Ok(found)
    }

    /// One statement; the caller reads the files that it sources.
    fn statement<'a>(
        &mut self,
        lexer: &mut Lexer<'a>,
        tokens: &[Token<'a>],
        text: &str,
    ) -> Result<Option<(&'static str, String)>, Fault> {
        let Some((first, rest)) = tokens.split_first() else { return Ok(None) };
        let last = rest.last().unwrap_or(first).at;
        let end = text[last..].find('\n').map_or(text.len(), |n| last + n);
        let end = last + text[last..end].trim_end().len();
        let mut words = Words::new(rest, end);
        let keyword = match &first.kind {
            TokenKind::Keyword(keyword) => *keyword,
            TokenKind::Word(word) => match rest.first().map(|token| &token.kind) {
                Some(TokenKind::Assign(flavor)) => {
                    let Some(TokenKind::Value(value)) = rest.get(1).map(|t| &t.kind) else {
                        return Err(Fault::new(first.at, "an assignment without a value"));
                    };
                    let file = self.files[self.line.file as usize].clone();
                    let place = Place { file: &file, line: self.line.number };
                    let at = rest.get(1).map_or(first.at, |token| token.at);
                    self.macros
                        .assign(word, value, *flavor, place)
                        .map_err(|message| Fault::new(at, message))?;
                    self.context = Context::Nothing;
                    return Ok(None);
                }
                _ => word,
            },
            _ => return Err(Fault::new(first.at, "expected a statement")),
        };
        let in_choice = self
            .blocks
            .iter()
            .rev()
            .find(|block| block.kind != BlockKind::If)
            .is_some_and(|block| block.kind == BlockKind::Choice);
        if in_choice && matches!(keyword, "menu" | "menuconfig" | "choice" | "mainmenu") {
            let message = format!(
                "`{keyword}` in a choice: expected `config`, `comment`, `if`, `source` or `endchoice`"
            );
            return Err(Fault::new(first.at, message));
        }
        match keyword {
            "mainmenu" => self.mainmenu(first.at, &mut words)?,
            "config" | "menuconfig" => self.config(keyword, &mut words)?,
            "choice" => {
                let name =
                    if words.is_empty() { None } else { Some(words.word("the choice's name")?) };
                words.end()?;
                let symbol = self.symbols.choice(name);
                self.add_entry(Some(symbol));
                self.begin(BlockKind::Choice, first.at)?;
                self.context = Context::Choice(symbol);
            }
            "menu" => {
                let title = words.text()?;
                words.end()?;
                self.add_entry(None);
                self.add_prompt(PropertyKind::Menu, title, None);
                self.begin(BlockKind::Menu, first.at)?;
                self.context = Context::Menu;
            }
            "if" => {
                let condition = words.expression(&mut self.symbols, &mut self.exprs)?;
                words.end()?;
                self.add_entry(None);
                self.depend(condition);
                self.begin(BlockKind::If, first.at)?;
            }
            "endmenu" | "endif" | "endchoice" => {
                words.end()?;
                self.end(first.at, keyword)?;
            }
            "comment" => {
                let text = words.text()?;
                words.end()?;
                self.add_entry(None);
                self.add_prompt(PropertyKind::Comment, text, None);
                self.context = Context::Comment;
            }
            "source" | "rsource" | "osource" | "orsource" => {
                let pattern = words.text()?;
                words.end()?;
                let keyword = match keyword {
                    "source" => "source",
                    "rsource" => "rsource",
                    "osource" => "osource",
                    _ => "orsource",
                };
                return Ok(Some((keyword, pattern.to_owned())));
            }
            "help" => {
                words.end()?;
                self.help(lexer, first.at)?;
            }
            _ => self.option(first.at, keyword, &mut words)?,
        }
        Ok(None)
    }

    fn mainmenu(&mut self, at: usize, words: &mut Words) -> Result<(), Fault> {
        let title = words.text()?;
        words.end()?;
        if self.menus.entries.len() > 1 || !self.blocks.is_empty() {
            return Err(Fault::new(at, "`mainmenu` has to come before all entries"));
        }
        self.entry = MenuId::ROOT;
        self.add_prompt(PropertyKind::Menu, title, None);
        self.context = Context::Nothing;
        Ok(())
    }

    fn config(&mut self, keyword: &str, words: &mut Words) -> Result<(), Fault> {
        let at = words.fault::<()>("").err().map_or(0, |fault| fault.at);
        let symbol = words.named(&mut self.symbols)?;
        words.end()?;
        if self.symbols[symbol].constant {
            return Err(Fault::new(at, "y, m and n are constants: expected another name"));
        }
        self.add_entry(Some(symbol));
        self.menus[self.entry].menuconfig = keyword == "menuconfig";
        self.context = match keyword {
            "config" => Context::Config(symbol),
            _ => Context::MenuConfig(symbol),
        };
        Ok(())
    }

    fn help(&mut self, lexer: &mut Lexer, at: usize) -> Result<(), Fault> {
        let symbol = match self.context {
            Context::Config(symbol) | Context::MenuConfig(symbol) | Context::Choice(symbol) => {
                symbol
            }
            _ => return Err(Fault::new(at, "`help` does not belong here")),
        };
        let text = lexer.help();
        if self.menus[self.entry].help.is_some() {
            let name = self.symbols[symbol].label().to_owned();
            self.warn(
                self.line,
                format_args!("'{name}' defined with more than one help text -- only the last one will be used"),
            );
        }
        if text.is_empty() {
            let name = self.symbols[symbol].label().to_owned();
            self.warn(self.line, format_args!("'{name}' defined with blank help text"));
        }
        self.menus[self.entry].help = Some(text.into());
        Ok(())
    }
}
