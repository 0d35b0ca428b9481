//! Values: those that a user gave, and those that follow.
//!
//! A value is computed when somebody asks for it and kept until a user's value changes.

use crate::expr::{Comparison, Expr, ExprId, Operator};
use crate::hash::Map;
use crate::menu::MenuId;
use crate::model::Tree;
use crate::number::{self, Number};
use crate::symbol::{Kind, SymbolId};
use crate::tristate::Tristate;

/// The text of a value, by where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Empty,
    /// Of a bool that was not looked at as one: Linux's tools have `n` here, whatever its value.
    No,
    /// The name of an undefined symbol or constant.
    Name(SymbolId),
    /// What the user said for this symbol.
    User(SymbolId),
}

/// What is known of one symbol.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub text: Text,
    pub tri: Tristate,
    /// The member of a choice that is y.
    pub chosen: Option<SymbolId>,
    pub visible: Tristate,
    pub direct: Tristate,
    pub selected: Tristate,
    pub implied: Tristate,
    /// The value is computed.
    pub valid: bool,
    /// It belongs into a configuration file.
    pub write: bool,
    /// The user gave it a value.
    pub user: bool,
    pub user_tri: Tristate,
    pub user_text: Option<Box<str>>,
    pub user_chosen: Option<SymbolId>,
    /// The members of a choice that were given no value are to be n.
    pub fill_choice: bool,
}

/// The values of a tree's symbols.
#[derive(Clone, Debug)]
pub struct State<'t> {
    pub(crate) tree: &'t Tree,
    pub(crate) slots: Vec<Slot>,
    /// By property: the visibility of symbols' prompts, as it was computed last.
    pub(crate) prompts: Vec<Tristate>,
    /// The value of the symbol that says whether modules are on, when it was computed last.
    pub(crate) modules: Tristate,
    /// The configuration is not what a file says.
    pub(crate) changed: bool,
    warnings: Vec<String>,
    warned: Map<SymbolId, ()>,
}

impl<'t> State<'t> {
    /// No user's values.
    pub fn new(tree: &'t Tree) -> Self {
        let slot = Slot {
            text: Text::Empty,
            tri: Tristate::No,
            chosen: None,
            visible: Tristate::No,
            direct: Tristate::No,
            selected: Tristate::No,
            implied: Tristate::No,
            valid: false,
            write: false,
            user: false,
            user_tri: Tristate::No,
            user_text: None,
            user_chosen: None,
            fill_choice: false,
        };
        let mut slots = vec![slot; tree.symbols.len()];
        let constants = [
            (SymbolId::NO, Tristate::No),
            (SymbolId::MOD, Tristate::Mod),
            (SymbolId::YES, Tristate::Yes),
        ];
        for (id, tri) in constants {
            let slot = &mut slots[id.index()];
            (slot.text, slot.tri, slot.valid) = (Text::Name(id), tri, true);
        }
        Self {
            tree,
            slots,
            prompts: vec![Tristate::No; tree.menus.properties.len()],
            modules: Tristate::No,
            changed: true,
            warnings: vec![],
            warned: Map::default(),
        }
    }

    /// The tree whose symbols have these values.
    pub fn tree(&self) -> &'t Tree {
        self.tree
    }

    pub(crate) fn slot(&self, id: SymbolId) -> &Slot {
        &self.slots[id.index()]
    }

    pub(crate) fn slot_mut(&mut self, id: SymbolId) -> &mut Slot {
        &mut self.slots[id.index()]
    }

    /// What was odd about values, each once: symbols that are selected although their
    /// dependencies do not hold, and lines of configuration files.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    pub(crate) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// Warns about a symbol, unless that was done.
    pub(crate) fn warn_once(&mut self, id: SymbolId, text: impl FnOnce(&mut Self) -> String) {
        if self.warned.insert(id, ()).is_none() {
            let text = text(self);
            self.warnings.push(text);
        }
    }

    /// Forgets all computed values.
    pub(crate) fn clear(&mut self) {
        for slot in self.slots.iter_mut().skip(3) {
            slot.valid = false;
        }
        self.changed = true;
        self.prepare();
    }

    /// Computes what others have to come after: whether modules are on, and, if the tree is deep,
    /// everything.
    pub(crate) fn prepare(&mut self) {
        let tree = self.tree;
        if tree.deep {
            for (id, first) in tree.order.iter().zip(&tree.before_modules) {
                if *first {
                    self.calculate(*id);
                }
            }
        }
        self.calculate(tree.modules);
        if tree.deep {
            tree.order.iter().for_each(|id| self.calculate(*id));
        }
    }

    /// The text of a value as it stands, which is not what a bool's value is.
    pub(crate) fn raw_text(&self, id: SymbolId) -> &str {
        match self.slot(id).text {
            Text::Empty => "",
            Text::No => "n",
            Text::Name(of) => &self.tree.symbols[of].name,
            Text::User(of) => self.slot(of).user_text.as_deref().unwrap_or_default(),
        }
    }

    /// A computed value as text.
    pub(crate) fn text(&self, id: SymbolId) -> &str {
        if self.tree.symbols[id].kind.is_bool() {
            self.slot(id).tri.letter()
        } else {
            self.raw_text(id)
        }
    }

    /// A symbol's value as text: y, m, n, a number, text without quotation marks.
    pub fn value(&mut self, id: SymbolId) -> &str {
        self.calculate(id);
        self.text(id)
    }

    /// A bool's or tristate's value.
    pub fn tristate(&mut self, id: SymbolId) -> Tristate {
        self.calculate(id);
        self.slot(id).tri
    }

    /// The type that a symbol has for users: a tristate is a bool while modules are off, and in a
    /// choice that is y.
    pub fn kind(&self, id: SymbolId) -> Kind {
        let symbol = &self.tree.symbols[id];
        let bound = symbol.member_of.is_some() && self.slot(id).visible == Tristate::Yes
            || self.modules == Tristate::No;
        if symbol.kind == Kind::Tristate && bound { Kind::Bool } else { symbol.kind }
    }

    /// The value of an expression.
    pub(crate) fn evaluate(&mut self, id: ExprId) -> Tristate {
        let tree = self.tree;
        match &tree.exprs[id] {
            Expr::Symbol(symbol) => {
                self.calculate(*symbol);
                self.slot(*symbol).tri
            }
            Expr::Not(inner) => !self.evaluate(*inner),
            Expr::Nary(Operator::And, list) => {
                list.iter().fold(Tristate::Yes, |all, operand| all.min(self.evaluate(*operand)))
            }
            Expr::Nary(Operator::Or, list) => {
                list.iter().fold(Tristate::No, |any, operand| any.max(self.evaluate(*operand)))
            }
            Expr::Compare(a, comparison, b) => {
                self.calculate(*a);
                self.calculate(*b);
                if self.compare(*a, *comparison, *b) { Tristate::Yes } else { Tristate::No }
            }
        }
    }

    /// The value of a condition; none is `y`.
    pub(crate) fn condition(&mut self, id: Option<ExprId>) -> Tristate {
        id.map_or(Tristate::Yes, |id| self.evaluate(id))
    }

    fn compare(&self, a: SymbolId, comparison: Comparison, b: SymbolId) -> bool {
        let (left, right) = (self.text(a), self.text(b));
        let number = |id: SymbolId, text: &str| match self.tree.symbols[id].kind {
            Kind::Bool | Kind::Tristate => Number::Signed(match text {
                "n" => 0,
                "m" => 1,
                "y" => 2,
                _ => -1,
            }),
            Kind::Int => number::parse_signed(text, 10),
            Kind::Hex => number::parse_hex(text),
            Kind::Unknown | Kind::String => number::parse_signed(text, 0),
        };
        let strings = [a, b].iter().all(|id| self.tree.symbols[*id].kind == Kind::String);
        let (x, y) = match strings {
            true => (Number::Text, Number::Text),
            false => (number(a, left), number(b, right)),
        };
        let order = match (x, y) {
            (Number::Text, _) | (_, Number::Text) => left.cmp(right),
            (Number::Signed(x), Number::Signed(y)) => x.cmp(&y),
            (Number::Unsigned(x), Number::Unsigned(y)) => x.cmp(&y),
            (Number::Unsigned(x), Number::Signed(y)) => x.cmp(&y.cast_unsigned()),
            (Number::Signed(x), Number::Unsigned(y)) => x.cast_unsigned().cmp(&y),
        };
        match comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::Unequal => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterEqual => order.is_ge(),
        }
    }

    /// Whether a menu shows an entry. A symbol that is shown only for what is below it counts as
    /// one that the user saw.
    pub fn is_shown(&mut self, id: MenuId) -> bool {
        let tree = self.tree;
        let entry = &tree.menus[id];
        let Some(prompt) = entry.prompt else { return false };
        if self.condition(entry.visibility) == Tristate::No {
            return false;
        }
        let visible = match entry.symbol {
            Some(symbol) => {
                self.calculate(symbol);
                self.prompts[prompt.0 as usize]
            }
            None => self.condition(tree.menus[prompt].condition),
        };
        if visible != Tristate::No {
            return true;
        }
        let Some(symbol) = entry.symbol else { return false };
        if self.slot(symbol).tri == Tristate::No {
            return false;
        }
        let shown = tree.menus.children(id).any(|child| self.is_shown(child));
        if shown {
            self.slot_mut(symbol).user = true;
        }
        shown
    }
}
