//! From files to a model.

use crate::error::Error;
use crate::expr::Expr;
use crate::glob::glob;
use crate::lexer::{Token, TokenKind, expand, tokens};
use crate::model::{Choice, Item, Kind, Location, Property, Symbol};
use crate::words::{Line, Words};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Files that source files that source files.
const DEPTH_MAX: usize = 64;
/// Lines of all files together: a file that sources itself under two names ends here.
const LINES_MAX: usize = 2_000_000;

pub struct Parsed {
    pub title: String,
    pub symbols: Vec<Symbol>,
    pub index: HashMap<String, usize>,
    pub choices: Vec<Choice>,
    pub items: Vec<Item>,
}

pub fn parse(root: &Path, env: &BTreeMap<String, String>) -> Result<Parsed, Error> {
    let mut parser = Parser {
        base: root.parent().unwrap_or(Path::new("")).to_owned(),
        env,
        out: Parsed {
            title: String::new(),
            symbols: vec![],
            index: HashMap::new(),
            choices: vec![],
            items: vec![],
        },
        blocks: vec![],
        current: Current::Nothing,
        lines: 0,
        line: Line::default(),
    };
    parser.file(root, 0)?;
    Ok(parser.out)
}

/// A block that is open.
struct Block {
    kind: BlockKind,
    /// What everything inside depends on, by this block alone.
    condition: Expr,
    /// When prompts inside are visible, by this block alone.
    visible: Expr,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BlockKind {
    Menu,
    If,
    Choice(usize),
}

impl BlockKind {
    fn name(self) -> &'static str {
        match self {
            Self::Menu => "menu",
            Self::If => "if",
            Self::Choice(_) => "choice",
        }
    }
}

/// What the next property belongs to.
enum Current {
    Nothing,
    Config(Definition),
    /// The innermost block.
    Block,
    Comment,
}

/// One `config` with its properties; a symbol may have several.
struct Definition {
    symbol: usize,
    depends: Expr,
    prompt: Option<(String, Expr)>,
    defaults: Vec<Property<Expr>>,
    selects: Vec<Property<String>>,
    implies: Vec<Property<String>>,
    ranges: Vec<Property<(Expr, Expr)>>,
}

struct Parser<'a> {
    base: PathBuf,
    env: &'a BTreeMap<String, String>,
    out: Parsed,
    blocks: Vec<Block>,
    current: Current,
    lines: usize,
    line: Line,
}

impl Parser<'_> {
    fn error<T>(&self, column: usize, message: impl Into<String>) -> Result<T, Error> {
        self.line.error(column, message)
    }

    fn file(&mut self, path: &Path, depth: usize) -> Result<(), Error> {
        let name = path.strip_prefix(&self.base).unwrap_or(path).display().to_string();
        if depth > DEPTH_MAX {
            return self.error(1, format!("{name}: files source each other too deeply: a loop?"));
        }
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if depth == 0 => {
                return Err(Error {
                    location: None,
                    column: 0,
                    text: String::new(),
                    message: format!("{}: {error}", path.display()),
                });
            }
            Err(error) => return self.error(1, format!("{name}: {error}")),
        };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().collect();
        let outer = self.blocks.len();
        let mut i = 0;
        while i < lines.len() {
            let start = i;
            let mut joined = lines[i].to_owned();
            while joined.ends_with('\\') && i + 1 < lines.len() {
                joined.pop();
                i += 1;
                joined.push_str(lines[i]);
            }
            i += 1;
            self.lines += 1;
            let location = Location { file: name.clone(), line: start + 1 };
            self.line = Line { location, text: lines[start].to_owned() };
            if self.lines > LINES_MAX {
                return self.error(1, "too many lines: do files source each other?");
            }
            let env = self.env;
            let expanded = match expand(&joined, &|name| env.get(name).cloned()) {
                Ok(expanded) => expanded,
                Err(message) => return self.error(1, message),
            };
            let words = match tokens(&expanded) {
                Ok(words) => words,
                Err((column, message)) => return self.error(column, message),
            };
            let Some((first, rest)) = words.split_first() else { continue };
            let TokenKind::Word(keyword) = &first.kind else {
                return self.error(first.column, "expected a keyword");
            };
            if keyword == "help" || keyword == "---help---" {
                i = self.help(&lines, i);
            } else {
                self.statement(keyword, first.column, rest, path, depth)?;
                // A sourced file has left its own last line behind.
                self.line = Line {
                    location: Location { file: name.clone(), line: start + 1 },
                    text: lines[start].to_owned(),
                };
            }
        }
        self.finish();
        match self.blocks.get(outer..).and_then(<[Block]>::last) {
            Some(open) => {
                let kind = open.kind.name();
                self.error(1, format!("the file ends inside of `{kind}`: expected `end{kind}`"))
            }
            None if self.blocks.len() < outer => {
                self.error(1, "the file ends a block that it did not begin")
            }
            None => Ok(()),
        }
    }

    /// Takes the help text that begins at line `i`; gives the line behind it.
    fn help(&mut self, lines: &[&str], mut i: usize) -> usize {
        let indent = |line: &str| {
            line.chars()
                .take_while(|c| c.is_whitespace())
                .fold(0, |n, c| if c == '\t' { (n / 8 + 1) * 8 } else { n + 1 })
        };
        let first = lines[i..].iter().find(|l| !l.trim().is_empty()).map_or(0, |l| indent(l));
        let mut text = String::new();
        while let Some(line) =
            lines.get(i).filter(|l| l.trim().is_empty() || (first > 0 && indent(l) >= first))
        {
            text.push_str(line.trim());
            text.push('\n');
            i += 1;
        }
        if let Current::Config(definition) = &self.current {
            self.out.symbols[definition.symbol].help = text.trim().to_owned();
        }
        i
    }

    fn statement(
        &mut self,
        keyword: &str,
        column: usize,
        rest: &[Token],
        path: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let mut words = Words::new(&self.line, rest);
        match keyword {
            "mainmenu" => {
                let title = words.text()?;
                words.end()?;
                self.out.title = title;
            }
            "config" | "menuconfig" => {
                let name = words.word("a symbol's name")?;
                words.end()?;
                self.finish();
                self.begin_config(&name);
            }
            "choice" => {
                // A choice may have a name, which nothing here needs.
                if rest.len() == 1 {
                    words.word("a name")?;
                }
                words.end()?;
                self.finish();
                let id = self.out.choices.len();
                self.out.choices.push(Choice {
                    optional: false,
                    visible: Expr::Const(false),
                    defaults: vec![],
                    members: vec![],
                });
                self.open(BlockKind::Choice(id), Expr::Const(true));
            }
            "menu" => {
                let title = words.text()?;
                words.end()?;
                self.finish();
                self.out.items.push(Item::Menu(title));
                self.open(BlockKind::Menu, Expr::Const(true));
            }
            "if" => {
                let condition = words.expression()?;
                words.end()?;
                self.finish();
                self.open(BlockKind::If, condition);
                self.current = Current::Nothing;
            }
            "endmenu" | "endif" | "endchoice" => {
                words.end()?;
                self.finish();
                match self.blocks.pop() {
                    Some(block) if keyword[3..] == *block.kind.name() => {
                        if block.kind == BlockKind::Menu {
                            self.out.items.push(Item::EndMenu);
                        }
                    }
                    Some(block) => {
                        let kind = block.kind.name();
                        return self.error(column, format!("expected `end{kind}`"));
                    }
                    None => return self.error(column, "there is no block to end"),
                }
            }
            "comment" => {
                words.text()?;
                words.end()?;
                self.finish();
                self.current = Current::Comment;
            }
            "source" | "rsource" | "osource" | "orsource" => {
                let pattern = words.text()?;
                words.end()?;
                self.finish();
                self.source(keyword, &pattern, path, depth)?;
            }
            _ => return self.property(keyword, column, rest),
        }
        Ok(())
    }

    fn source(
        &mut self,
        keyword: &str,
        pattern: &str,
        path: &Path,
        depth: usize,
    ) -> Result<(), Error> {
        let base = if keyword.ends_with("rsource") {
            path.parent().unwrap_or(Path::new("")).to_owned()
        } else {
            self.base.clone()
        };
        let files = glob(&base, pattern);
        if files.is_empty() && !keyword.starts_with('o') {
            return self.error(1, format!("no file matches {pattern:?} in {}", base.display()));
        }
        files.iter().try_for_each(|file| self.file(file, depth + 1))
    }

    fn open(&mut self, kind: BlockKind, condition: Expr) {
        self.blocks.push(Block { kind, condition, visible: Expr::Const(true) });
        self.current = Current::Block;
    }

    fn begin_config(&mut self, name: &str) {
        let next = self.out.symbols.len();
        let symbol = *self.out.index.entry(name.to_owned()).or_insert(next);
        if symbol == next {
            let menu = self.out.items.iter().fold(Vec::new(), |mut menu, item| {
                match item {
                    Item::Menu(title) => menu.push(title.clone()),
                    Item::EndMenu => {
                        menu.pop();
                    }
                    Item::Symbol(_) => {}
                }
                menu
            });
            self.out.symbols.push(Symbol {
                name: name.to_owned(),
                kind: Kind::Bool,
                has_kind: false,
                prompt: None,
                help: String::new(),
                defined_at: self.line.location.clone(),
                menu,
                dependencies: Expr::Const(false),
                visible: vec![],
                defaults: vec![],
                selects: vec![],
                implies: vec![],
                ranges: vec![],
                choice: None,
            });
            self.out.items.push(Item::Symbol(symbol));
        }
        self.current = Current::Config(Definition {
            symbol,
            depends: Expr::Const(true),
            prompt: None,
            defaults: vec![],
            selects: vec![],
            implies: vec![],
            ranges: vec![],
        });
    }

    /// Ends the definition of a symbol: its conditions get those of the blocks around it.
    fn finish(&mut self) {
        let Current::Config(definition) = std::mem::replace(&mut self.current, Current::Nothing)
        else {
            return;
        };
        let fold = |part: fn(&Block) -> &Expr| {
            self.blocks.iter().fold(Expr::Const(true), |all, block| all.and(part(block).clone()))
        };
        let depends = fold(|b| &b.condition).and(definition.depends);
        let shown = fold(|b| &b.visible);
        let choice = self.blocks.iter().rev().find_map(|block| match block.kind {
            BlockKind::Choice(id) => Some(id),
            _ => None,
        });
        let symbol = &mut self.out.symbols[definition.symbol];
        symbol.dependencies =
            std::mem::replace(&mut symbol.dependencies, Expr::Const(false)).or(depends.clone());
        if let Some((text, condition)) = definition.prompt {
            symbol.visible.push(shown.and(condition).and(depends.clone()));
            symbol.prompt.get_or_insert(text);
        }
        fn conditioned<T>(
            list: Vec<Property<T>>,
            depends: &Expr,
        ) -> impl Iterator<Item = Property<T>> {
            list.into_iter().map(|mut property| {
                property.condition = property.condition.and(depends.clone());
                property
            })
        }
        symbol.defaults.extend(conditioned(definition.defaults, &depends));
        symbol.selects.extend(conditioned(definition.selects, &depends));
        symbol.implies.extend(conditioned(definition.implies, &depends));
        symbol.ranges.extend(conditioned(definition.ranges, &depends));
        if let Some(id) = choice
            && symbol.choice.is_none()
        {
            symbol.choice = Some(id);
            self.out.choices[id].members.push(definition.symbol);
        }
    }

    fn property(&mut self, keyword: &str, column: usize, rest: &[Token]) -> Result<(), Error> {
        let location = self.line.location.clone();
        let mut words = Words::new(&self.line, rest);
        let kind = match keyword {
            "bool" | "boolean" | "def_bool" => Some(Kind::Bool),
            "tristate" | "def_tristate" => Some(Kind::Tristate),
            "int" => Some(Kind::Int),
            "hex" => Some(Kind::Hex),
            "string" => Some(Kind::String),
            _ => None,
        };
        enum Parsed {
            Prompt(Option<(String, Expr)>),
            Default(Expr, Expr),
            Depends(Expr),
            Visible(Expr),
            Select(String, Expr),
            Imply(String, Expr),
            Range(Expr, Expr, Expr),
            Optional,
        }
        let parsed = match keyword {
            "def_bool" | "def_tristate" | "default" => {
                let value = words.expression()?;
                Parsed::Default(value, words.condition()?)
            }
            _ if kind.is_some() && rest.is_empty() => Parsed::Prompt(None),
            "prompt" => {
                let text = words.text()?;
                Parsed::Prompt(Some((text, words.condition()?)))
            }
            _ if kind.is_some() => {
                let text = words.text()?;
                Parsed::Prompt(Some((text, words.condition()?)))
            }
            "depends" => {
                words.keyword("on")?;
                Parsed::Depends(words.expression()?)
            }
            "visible" => {
                words.keyword("if")?;
                Parsed::Visible(words.expression()?)
            }
            "select" => {
                let name = words.word("a symbol's name")?;
                Parsed::Select(name, words.condition()?)
            }
            "imply" => {
                let name = words.word("a symbol's name")?;
                Parsed::Imply(name, words.condition()?)
            }
            "range" => {
                let (low, high) = (words.value()?, words.value()?);
                Parsed::Range(low, high, words.condition()?)
            }
            "optional" => Parsed::Optional,
            "modules" | "option" => return Ok(()),
            other => return self.error(column, format!("unknown keyword `{other}`")),
        };
        words.end()?;
        let misplaced = format!("`{keyword}` does not belong here");
        let choice = match self.blocks.last().map(|b| b.kind) {
            Some(BlockKind::Choice(id)) => Some(id),
            _ => None,
        };
        match (&mut self.current, parsed) {
            (Current::Config(definition), parsed) => {
                if let Some(kind) = kind {
                    let symbol = &mut self.out.symbols[definition.symbol];
                    if symbol.has_kind && symbol.kind != kind {
                        let name = symbol.name.clone();
                        return self.error(column, format!("{name} already has another type"));
                    }
                    symbol.kind = kind;
                    symbol.has_kind = true;
                }
                match parsed {
                    Parsed::Prompt(Some(prompt)) => definition.prompt = Some(prompt),
                    Parsed::Prompt(None) => {}
                    Parsed::Default(value, condition) => {
                        definition.defaults.push(Property { value, condition, location });
                    }
                    Parsed::Depends(on) => {
                        let before = std::mem::replace(&mut definition.depends, Expr::Const(true));
                        definition.depends = before.and(on);
                    }
                    Parsed::Select(value, condition) => {
                        definition.selects.push(Property { value, condition, location });
                    }
                    Parsed::Imply(value, condition) => {
                        definition.implies.push(Property { value, condition, location });
                    }
                    Parsed::Range(low, high, condition) => {
                        definition.ranges.push(Property {
                            value: (low, high),
                            condition,
                            location,
                        });
                    }
                    Parsed::Visible(_) | Parsed::Optional => return self.error(column, misplaced),
                }
            }
            (Current::Block, Parsed::Depends(on)) => {
                if let Some(block) = self.blocks.last_mut() {
                    block.condition =
                        std::mem::replace(&mut block.condition, Expr::Const(true)).and(on);
                }
            }
            (Current::Block, Parsed::Visible(on)) => {
                if let Some(block) = self.blocks.last_mut() {
                    block.visible =
                        std::mem::replace(&mut block.visible, Expr::Const(true)).and(on);
                }
            }
            (Current::Block, parsed) => {
                let around = self.blocks.iter().fold(Expr::Const(true), |all, block| {
                    all.and(block.condition.clone()).and(block.visible.clone())
                });
                let Some(choice) = choice.map(|id| &mut self.out.choices[id]) else {
                    return self.error(column, misplaced);
                };
                match parsed {
                    Parsed::Prompt(Some((_, condition))) => {
                        let before = std::mem::replace(&mut choice.visible, Expr::Const(false));
                        choice.visible = before.or(around.and(condition));
                    }
                    Parsed::Prompt(None) => {}
                    Parsed::Default(Expr::Name(value), condition) => {
                        choice.defaults.push(Property { value, condition, location });
                    }
                    Parsed::Optional => choice.optional = true,
                    _ => return self.error(column, misplaced),
                }
            }
            (Current::Comment, Parsed::Depends(_)) => {}
            _ => return self.error(column, misplaced),
        }
        Ok(())
    }
}
