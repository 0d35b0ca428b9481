//! The fewest assignments that give a symbol a value.
//!
//! Candidates are derived backwards: what a prompt or a select demands, and what that demands in
//! turn. Each is tried on the whole tree, the smallest first, so that what is told works.

use crate::config::Config;
use crate::explain::NotHeld;
use crate::expr::{Comparison, Expr, ExprId, Operator};
use crate::menu::PropertyKind;
use crate::model::Tree;
use crate::state::State;
use crate::symbol::SymbolId;
use crate::tristate::Tristate::No;
use std::collections::BTreeMap;

/// Demands of demands that are followed.
const DEPTH: usize = 8;

/// Candidates that are kept of each demand, the smallest ones.
const MOST: usize = 12;

/// The effort of deriving candidates, in candidates that are looked at. Derivations that take
/// more are less deep.
const EFFORT: usize = 8_000;

/// Assignments, by symbol.
type Changes = BTreeMap<SymbolId, Box<str>>;

/// Changes that might do; none of them if there is nothing that could.
type Candidates = Vec<Changes>;

/// One that demands nothing.
fn nothing() -> Candidates {
    vec![Changes::new()]
}

fn one(symbol: SymbolId, value: &str) -> Candidates {
    vec![Changes::from([(symbol, value.into())])]
}

impl Tree {
    /// The fewest assignments, to be made besides those of `config`, with which `name` is `wanted`
    /// and everything else that `config` demands still holds: symbols with their values, `name`
    /// itself among them if it has to be set. `None` if there are none that are found.
    ///
    /// The search is bounded; what it tells has been tried.
    pub fn remedy(
        &self,
        config: &Config,
        name: &str,
        wanted: &str,
    ) -> Option<Vec<(String, String)>> {
        let mut search = RemedySearch::new(self, config.clone(), name, wanted);
        loop {
            match search.step() {
                Step::Working => {}
                Step::Found(changes) => return Some(changes),
                Step::Nothing => return None,
            }
        }
    }
}

/// What a step of a [`RemedySearch`] led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more to try.
    Working,
    /// These assignments do.
    Found(Vec<(String, String)>),
    /// None were found.
    Nothing,
}

/// The search of [`Tree::remedy`] in steps, for those who have other things to do meanwhile: one
/// values the whole tree once.
pub struct RemedySearch<'t> {
    tree: &'t Tree,
    config: Config,
    name: String,
    wanted: String,
    selects: bool,
    /// What has to be no worse afterwards; known after the first step.
    before: Option<(State<'t>, Verdict)>,
    /// How deep the next derivation goes; 0 if there is none.
    depth: usize,
    candidates: std::vec::IntoIter<Changes>,
}

/// What is wrong with a configuration.
struct Verdict {
    /// Symbols that are selected although their dependencies do not hold.
    unmet: usize,
    /// The symbols whose assignments do not hold.
    broken: Vec<NotHeld>,
}

impl Verdict {
    fn new(state: &mut State, config: &Config) -> Self {
        for id in state.tree.defined() {
            state.calculate(id);
        }
        Self { unmet: state.warnings().len(), broken: state.check(config) }
    }
}

impl<'t> RemedySearch<'t> {
    /// Begins the search for what makes `name` `wanted`, besides what `config` says.
    pub fn new(tree: &'t Tree, config: Config, name: &str, wanted: &str) -> Self {
        Self {
            tree,
            config,
            name: name.to_owned(),
            wanted: wanted.to_owned(),
            selects: false,
            before: None,
            depth: DEPTH,
            candidates: vec![].into_iter(),
        }
    }

    /// What `config` sets to n may be selected: in a whole file, everything that is off is there.
    #[must_use]
    pub fn may_select(self) -> Self {
        Self { selects: true, ..self }
    }

    /// Tries one more candidate.
    pub fn step(&mut self) -> Step {
        let Some(id) = self.tree.find(&self.name) else { return Step::Nothing };
        let Some((state, _)) = &mut self.before else {
            let mut state = self.tree.state(&self.config);
            let verdict = Verdict::new(&mut state, &self.config);
            self.before = Some((state, verdict));
            return Step::Working;
        };
        if self.depth > 0 {
            let mut finder = Finder::new(state);
            let candidates = finder.all(id, &self.wanted, self.depth);
            self.depth = if finder.effort > 0 { 0 } else { self.depth / 2 };
            self.candidates = candidates.into_iter();
            return Step::Working;
        }
        let Some(changes) = self.candidates.next() else { return Step::Nothing };
        if changes.is_empty() || !self.holds(&changes, id) {
            return Step::Working;
        }
        let named = |(id, value): (SymbolId, Box<str>)| {
            (self.tree.symbols[id].name.to_string(), value.into_string())
        };
        Step::Found(changes.into_iter().map(named).collect())
    }

    fn holds(&self, changes: &Changes, id: SymbolId) -> bool {
        let Some((_, before)) = &self.before else { return false };
        let tree = self.tree;
        let mut changed = self.config.clone();
        for (symbol, value) in changes {
            // One of a choice excludes what was chosen before.
            let choice = tree.symbols[*symbol].member_of.filter(|_| &**value == "y");
            for other in choice.iter().flat_map(|choice| &tree.symbols[*choice].members) {
                changed.unset(&tree.symbols[*other].name);
            }
            changed.set(&tree.symbols[*symbol].name, value);
        }
        let mut state = tree.state(&changed);
        if state.value(id) != self.wanted {
            return false;
        }
        let now = Verdict::new(&mut state, &changed);
        let excused = |now: &NotHeld| {
            // What did not hold before is not the fault of these changes.
            now.symbol != self.name && before.broken.iter().any(|old| old.symbol == now.symbol)
                || self.selects
                    && now.wanted == "n"
                    && !changes.keys().any(|id| *tree.symbols[*id].name == now.symbol)
        };
        // A select that overrides a dependency is no remedy.
        now.unmet <= before.unmet && now.broken.iter().all(excused)
    }
}

/// Derives candidates.
struct Finder<'s, 't> {
    state: &'s mut State<'t>,
    tree: &'t Tree,
    /// What is left of the effort.
    effort: usize,
}

impl<'s, 't> Finder<'s, 't> {
    fn new(state: &'s mut State<'t>) -> Self {
        let tree = state.tree;
        Self { state, tree, effort: EFFORT }
    }

    /// What makes a symbol `value`.
    fn all(&mut self, id: SymbolId, value: &str, depth: usize) -> Candidates {
        match value {
            "y" | "m" => self.on(id, value, depth),
            "n" => self.off(id, depth),
            _ => self.set(id, value, depth),
        }
    }

    /// Takes from the effort; false if there is nothing left of it.
    fn can_afford(&mut self, cost: usize) -> bool {
        self.effort = self.effort.saturating_sub(cost);
        self.effort > 0
    }

    /// The smallest ones, each once; of equally small ones those first that came first.
    fn smallest(&mut self, mut all: Candidates) -> Candidates {
        if !self.can_afford(1 + all.len()) {
            return vec![];
        }
        all.sort_by_key(Changes::len);
        let mut kept: Candidates = vec![];
        for changes in all {
            if kept.len() == MOST {
                break;
            }
            if !kept.contains(&changes) {
                kept.push(changes);
            }
        }
        kept
    }

    /// What does both; none if they contradict each other.
    fn both(&mut self, a: &Candidates, b: &Candidates) -> Candidates {
        let mut all = vec![];
        if !self.can_afford(a.len() * b.len()) {
            return all;
        }
        for one in a {
            for other in b {
                let agree = other.iter().all(|(id, value)| one.get(id).is_none_or(|v| v == value));
                if agree {
                    all.push(one.iter().chain(other).map(|(id, v)| (*id, v.clone())).collect());
                }
            }
        }
        self.smallest(all)
    }

    /// What does any of these.
    fn any(
        &mut self,
        parts: &[ExprId],
        mut find: impl FnMut(&mut Self, ExprId) -> Candidates,
    ) -> Candidates {
        let mut all = vec![];
        for part in parts {
            all.extend(find(self, *part));
        }
        self.smallest(all)
    }

    /// What does all of these.
    fn every(
        &mut self,
        parts: &[ExprId],
        mut find: impl FnMut(&mut Self, ExprId) -> Candidates,
    ) -> Candidates {
        let mut all = nothing();
        for part in parts {
            let own = find(self, *part);
            all = self.both(&all, &own);
            if all.is_empty() {
                break;
            }
        }
        all
    }

    /// What makes a boolean symbol `value`, which is y or m.
    fn on(&mut self, id: SymbolId, value: &str, depth: usize) -> Candidates {
        if self.state.tristate(id) != No && (value == "m" || self.state.value(id) == "y") {
            return nothing();
        }
        if depth == 0 || self.tree.symbols[id].constant || !self.can_afford(1) {
            return vec![];
        }
        let tree = self.tree;
        let mut all = self.set(id, value, depth - 1);
        for &cause in &tree.symbols[id].selected_by {
            all.extend(self.holds(cause, depth - 1));
        }
        self.smallest(all)
    }

    /// What makes a boolean symbol n.
    fn off(&mut self, id: SymbolId, depth: usize) -> Candidates {
        if self.state.tristate(id) == No {
            return nothing();
        }
        if depth == 0 || self.tree.symbols[id].constant || !self.can_afford(1) {
            return vec![];
        }
        let tree = self.tree;
        let symbol = &tree.symbols[id];
        if let Some(choice) = symbol.member_of {
            // Another member instead.
            let mut all = vec![];
            for &other in tree.symbols[choice].members.iter().filter(|other| **other != id) {
                all.extend(self.set(other, "y", depth - 1));
            }
            return self.smallest(all);
        }
        let mut all = if tree.prompt(symbol).is_some() { one(id, "n") } else { nothing() };
        for &cause in &symbol.selected_by {
            if self.state.evaluate(cause) != No {
                let without = self.fails(cause, depth - 1);
                all = self.both(&all, &without);
            }
        }
        // Or what it depends on goes.
        for &direct in &symbol.direct {
            all.extend(self.fails(direct, depth - 1));
        }
        self.smallest(all)
    }

    /// To set a symbol, and what makes that possible.
    fn set(&mut self, id: SymbolId, value: &str, depth: usize) -> Candidates {
        let shown = self.shown(id, depth);
        self.both(&one(id, value), &shown)
    }

    /// What makes a prompt of a symbol visible.
    fn shown(&mut self, id: SymbolId, depth: usize) -> Candidates {
        let tree = self.tree;
        let mut all = vec![];
        for &property in &tree.symbols[id].properties {
            let property = &tree.menus[property];
            if !matches!(property.kind, PropertyKind::Prompt(_) | PropertyKind::Menu(_)) {
                continue;
            }
            match property.condition {
                None => return nothing(),
                Some(condition) => all.extend(self.holds(condition, depth)),
            }
        }
        self.smallest(all)
    }

    /// What makes an expression hold.
    fn holds(&mut self, id: ExprId, depth: usize) -> Candidates {
        if self.state.evaluate(id) != No {
            return nothing();
        }
        let tree = self.tree;
        match &tree.exprs[id] {
            // The choice around its members is there when they are.
            Expr::Symbol(symbol) if tree.symbols[*symbol].choice => nothing(),
            Expr::Symbol(symbol) => self.on(*symbol, "y", depth),
            Expr::Not(inner) => self.fails(*inner, depth),
            Expr::Compare(a, Comparison::Equal, b) => self.equal(*a, *b, depth),
            Expr::Compare(..) => vec![],
            Expr::Nary(Operator::And, parts) => {
                self.every(parts, |own, part| own.holds(part, depth))
            }
            Expr::Nary(Operator::Or, parts) => self.any(parts, |own, part| own.holds(part, depth)),
        }
    }

    /// What makes an expression fail.
    fn fails(&mut self, id: ExprId, depth: usize) -> Candidates {
        if self.state.evaluate(id) == No {
            return nothing();
        }
        let tree = self.tree;
        match &tree.exprs[id] {
            Expr::Symbol(symbol) => self.off(*symbol, depth),
            Expr::Not(inner) => self.holds(*inner, depth),
            Expr::Compare(a, Comparison::Unequal, b) => self.equal(*a, *b, depth),
            Expr::Compare(..) => vec![],
            Expr::Nary(Operator::And, parts) => self.any(parts, |own, part| own.fails(part, depth)),
            Expr::Nary(Operator::Or, parts) => {
                self.every(parts, |own, part| own.fails(part, depth))
            }
        }
    }

    /// What makes a symbol equal a constant.
    fn equal(&mut self, a: SymbolId, b: SymbolId, depth: usize) -> Candidates {
        let tree = self.tree;
        let (symbol, constant) = if tree.symbols[b].constant { (a, b) } else { (b, a) };
        if !tree.symbols[constant].constant || tree.symbols[symbol].constant || depth == 0 {
            return vec![];
        }
        match &*tree.symbols[constant].name {
            "n" => self.off(symbol, depth - 1),
            value @ ("y" | "m") => self.on(symbol, value, depth - 1),
            value => self.set(symbol, value, depth - 1),
        }
    }
}
