//! The lines of an entry that give it properties.

use crate::expr::ExprId;
use crate::lexer::Fault;
use crate::menu::{Property, PropertyKind};
use crate::parser::{Context, Parser};
use crate::symbol::{Kind, SymbolId};
use crate::words::Words;

impl Parser<'_, '_> {
    /// One option of the entry at hand.
    pub fn option(&mut self, at: usize, keyword: &str, words: &mut Words) -> Result<(), Fault> {
        use Context::{Choice, Comment, Config, Menu, MenuConfig, Nothing};
        let context = self.context;
        let symbol = match context {
            Config(symbol) | MenuConfig(symbol) | Choice(symbol) => Some(symbol),
            Nothing | Menu | Comment => None,
        };
        let kind = match keyword {
            "bool" | "boolean" | "def_bool" => Some(Kind::Bool),
            "tristate" | "def_tristate" => Some(Kind::Tristate),
            "int" | "def_int" => Some(Kind::Int),
            "hex" | "def_hex" => Some(Kind::Hex),
            "string" | "def_string" => Some(Kind::String),
            _ => None,
        };
        match (keyword, symbol, context) {
            ("depends", _, Config(_) | MenuConfig(_) | Choice(_) | Menu | Comment) => {
                words.keyword("on")?;
                let on = words.expression(&mut self.symbols, &mut self.exprs)?;
                self.depend(on);
            }
            ("visible", _, Menu) => {
                words.keyword("if")?;
                let on = words.expression(&mut self.symbols, &mut self.exprs)?;
                let before = self.menus[self.entry].visibility;
                self.menus[self.entry].visibility = self.exprs.and(before, Some(on));
            }
            ("prompt", Some(_), _) => self.prompt(context, words)?,
            ("default", Some(choice), Choice(_)) => {
                let member = words.named(&mut self.symbols)?;
                let value = self.exprs.symbol(member);
                let condition = words.condition(&mut self.symbols, &mut self.exprs)?;
                self.add_property(choice, PropertyKind::Default(value), condition);
            }
            ("optional", Some(choice), Choice(_)) => self.symbols[choice].optional = true,
            (_, Some(symbol), _) if kind.is_some_and(|kind| fits(kind, keyword, context)) => {
                if keyword.starts_with("def_") {
                    let value = words.expression(&mut self.symbols, &mut self.exprs)?;
                    let condition = words.condition(&mut self.symbols, &mut self.exprs)?;
                    self.add_property(symbol, PropertyKind::Default(value), condition);
                } else if !words.is_empty() {
                    self.prompt(context, words)?;
                }
                if let Some(kind) = kind {
                    self.set_kind(symbol, kind);
                }
            }
            (_, Some(symbol), Config(_) | MenuConfig(_)) => {
                self.symbol_option(at, keyword, symbol, words)?;
            }
            _ => return Err(Fault::new(at, self.misplaced(keyword))),
        }
        words.end()
    }

    /// An option that only symbols have.
    fn symbol_option(
        &mut self,
        at: usize,
        keyword: &str,
        symbol: SymbolId,
        words: &mut Words,
    ) -> Result<(), Fault> {
        let kind = match keyword {
            "default" => {
                PropertyKind::Default(words.expression(&mut self.symbols, &mut self.exprs)?)
            }
            "select" => PropertyKind::Select(words.named(&mut self.symbols)?),
            "imply" => PropertyKind::Imply(words.named(&mut self.symbols)?),
            "range" => {
                let low = words.symbol(&mut self.symbols)?;
                PropertyKind::Range(low, words.symbol(&mut self.symbols)?)
            }
            "modules" => return self.set_modules(at, symbol),
            "option" => return self.legacy(at, symbol, words),
            _ => return Err(Fault::new(at, self.misplaced(keyword))),
        };
        let condition = words.condition(&mut self.symbols, &mut self.exprs)?;
        self.add_property(symbol, kind, condition);
        Ok(())
    }

    fn misplaced(&self, keyword: &str) -> String {
        const OPTIONS: [&str; 23] = [
            "bool",
            "tristate",
            "int",
            "hex",
            "string",
            "def_bool",
            "def_tristate",
            "def_int",
            "def_hex",
            "def_string",
            "boolean",
            "prompt",
            "default",
            "depends",
            "select",
            "imply",
            "range",
            "visible",
            "optional",
            "modules",
            "option",
            "on",
            "help",
        ];
        if !OPTIONS.contains(&keyword) {
            let near = crate::nearest(keyword, OPTIONS);
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return format!("unknown keyword `{keyword}`{hint}");
        }
        let expected = match self.context {
            Context::Nothing => "expected a statement like `config`, `menu`, `if` or `source`",
            Context::Menu => "a menu has only `depends on` and `visible if`",
            Context::Comment => "a comment has only `depends on`",
            Context::Choice(_) => {
                "a choice has only a type, `prompt`, `default`, `depends on`, `optional` and `help`"
            }
            Context::Config(_) | Context::MenuConfig(_) => "this is no option of a symbol",
        };
        format!("`{keyword}` does not belong here: {expected}")
    }

    fn prompt(&mut self, context: Context, words: &mut Words) -> Result<(), Fault> {
        let text = words.text()?;
        let condition = words.condition(&mut self.symbols, &mut self.exprs)?;
        let kind = match context {
            Context::MenuConfig(_) => PropertyKind::Menu,
            _ => PropertyKind::Prompt,
        };
        self.add_prompt(kind, text, condition);
        Ok(())
    }

    /// Gives the entry at hand what a menu shows for it.
    pub fn add_prompt(
        &mut self,
        kind: fn(Box<str>) -> PropertyKind,
        text: &str,
        condition: Option<ExprId>,
    ) {
        let shown = text.trim_start();
        if shown.len() < text.len() {
            self.warn(self.line, format_args!("leading whitespace ignored"));
        }
        if self.menus[self.entry].prompt.is_some() {
            self.warn(self.line, format_args!("prompt redefined"));
        }
        // What a menu around it is visible under counts for prompts only.
        let mut condition = condition;
        if self.menus[self.entry].symbol.is_some() {
            let mut above = self.menus[self.entry].parent;
            while let Some(menu) = above {
                let visibility = self.menus[menu].visibility;
                condition = self.exprs.and(condition, visibility);
                above = self.menus[menu].parent;
            }
        }
        let property =
            Property { kind: kind(shown.into()), entry: self.entry, condition, line: self.line };
        let id = self.menus.add(property);
        if let Some(symbol) = self.menus[self.entry].symbol {
            self.symbols[symbol].properties.push(id);
        }
        self.menus[self.entry].prompt = Some(id);
    }

    fn add_property(&mut self, symbol: SymbolId, kind: PropertyKind, condition: Option<ExprId>) {
        let id = self.menus.add(Property { kind, entry: self.entry, condition, line: self.line });
        self.symbols[symbol].properties.push(id);
    }

    fn set_kind(&mut self, symbol: SymbolId, kind: Kind) {
        let known = self.symbols[symbol].kind;
        if known == Kind::Unknown {
            self.symbols[symbol].kind = kind;
        } else if known != kind {
            let name = self.symbols[symbol].label().to_owned();
            // As Linux's tools name it here.
            let shown = |kind: Kind| if kind == Kind::Int { "integer" } else { kind.name() };
            let (from, to) = (shown(known), shown(kind));
            self.warn(
                self.menus[self.entry].line,
                format_args!("ignoring type redefinition of '{name}' from '{from}' to '{to}'"),
            );
        }
    }

    fn set_modules(&mut self, at: usize, symbol: SymbolId) -> Result<(), Fault> {
        match self.modules {
            Some(known) if known != symbol => {
                let known = &self.symbols[known].name;
                Err(Fault::new(at, format!("`modules` is already an option of {known}")))
            }
            _ => {
                self.modules = Some(symbol);
                Ok(())
            }
        }
    }

    /// `option ...`, which Linux had before it had macros.
    fn legacy(&mut self, at: usize, symbol: SymbolId, words: &mut Words) -> Result<(), Fault> {
        if words.modules() {
            return self.set_modules(at, symbol);
        }
        match words.word("`modules`, `env=`, `defconfig_list` or `allnoconfig_y`")? {
            "env" => {
                let name = words.environment()?;
                let value = self.macros.environment(name).to_owned();
                let constant = self.symbols.constant(&value);
                let value = self.exprs.symbol(constant);
                self.add_property(symbol, PropertyKind::Default(value), None);
                Ok(())
            }
            name @ ("defconfig_list" | "allnoconfig_y") => {
                self.warn(self.line, format_args!("`option {name}` has no effect"));
                Ok(())
            }
            other => Err(Fault::new(at, format!("unknown option `{other}`"))),
        }
    }
}

/// Whether an entry of this context may have this type.
fn fits(kind: Kind, keyword: &str, context: Context) -> bool {
    match context {
        Context::Choice(_) => kind.is_bool() && !keyword.starts_with("def_"),
        _ => true,
    }
}
