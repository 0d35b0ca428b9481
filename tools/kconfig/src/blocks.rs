//! Entries of the menu tree as they are read, and the blocks that they stand in.

use crate::expr::ExprId;
use crate::lexer::Fault;
use crate::menu::{Entry, MenuId, Statement};
use crate::parser::{Context, Parser};
use crate::symbol::SymbolId;

/// Blocks in blocks.
const BLOCK_DEPTH_MAX: usize = 100;

/// What `end...` ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BlockKind {
    Menu,
    If,
    Choice,
}

impl BlockKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Menu => "menu",
            Self::If => "if",
            Self::Choice => "choice",
        }
    }
}

/// A block that was begun and not ended.
pub(crate) struct Block {
    pub kind: BlockKind,
    pub entry: MenuId,
    /// How many files were open when it began.
    pub depth: usize,
}

/// Where the next entry goes.
pub(crate) enum Insert {
    FirstOf(MenuId),
    Behind(MenuId),
}

impl Parser<'_, '_> {
    /// Adds an entry behind the last one of the menu at hand; options belong to it from now on.
    pub fn add_entry(&mut self, symbol: Option<SymbolId>) {
        self.context = Context::Nothing;
        let id = self.menus.push(Entry {
            symbol,
            parent: Some(self.menu),
            within: Some(self.menu),
            next: None,
            child: None,
            prompt: None,
            menuconfig: false,
            visibility: None,
            depends: None,
            help: None,
            line: self.line,
        });
        match self.insert {
            Insert::FirstOf(menu) => self.menus[menu].child = Some(id),
            Insert::Behind(entry) => self.menus[entry].next = Some(id),
        }
        self.insert = Insert::Behind(id);
        self.entry = id;
        if let Some(symbol) = symbol {
            self.symbols[symbol].entries.push(id);
        }
    }

    /// The entry at hand depends on a condition, too.
    pub fn depend(&mut self, on: ExprId) {
        let before = self.menus[self.entry].depends;
        self.menus[self.entry].depends = self.exprs.and(before, Some(on));
        let statement = Statement { entry: self.entry, condition: on, line: self.line };
        self.menus.statements.push(statement);
    }

    /// What comes next is inside of the entry at hand.
    pub fn begin(&mut self, kind: BlockKind, at: usize) -> Result<(), Fault> {
        if self.blocks.len() >= BLOCK_DEPTH_MAX {
            return Err(Fault::new(at, "blocks are nested too deeply"));
        }
        self.blocks.push(Block { kind, entry: self.entry, depth: self.open.len() });
        self.menu = self.entry;
        self.insert = Insert::FirstOf(self.entry);
        Ok(())
    }

    pub fn end(&mut self, at: usize, keyword: &str) -> Result<(), Fault> {
        let Some(block) = self.blocks.last() else {
            return Err(Fault::new(at, "there is no block to end"));
        };
        let kind = block.kind.name();
        let line = self.menus[block.entry].line;
        let file = &self.files[line.file as usize];
        if block.depth != self.open.len() {
            let message = format!(
                "a file ends only what it begins; the innermost `{kind}` is that of {file}:{}",
                line.number
            );
            return Err(Fault::new(at, message));
        }
        if keyword[3..] != *kind {
            let message = format!("expected `end{kind}` for the `{kind}` of line {}", line.number);
            return Err(Fault::new(at, message));
        }
        self.insert = Insert::Behind(block.entry);
        self.menu = self.menus[block.entry].parent.unwrap_or(MenuId::ROOT);
        self.blocks.pop();
        self.context = Context::Nothing;
        Ok(())
    }
}
