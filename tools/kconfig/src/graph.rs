//! Which symbols a value depends on: loops, and an order without them.
//!
//! A choice and its members decide together, so they are one node of the graph.

use crate::error::{Error, Location};
use crate::expr::ExprId;
use crate::menu::{Line, PropertyKind};
use crate::model::Tree;
use crate::symbol::{Symbol, SymbolId};

/// Inputs of inputs beyond which values are computed in order.
const DEMAND_DEPTH_MAX: u32 = 150;

/// Steps of a loop that an error shows.
const STEPS_SHOWN: usize = 40;

/// Why the value of one symbol depends on that of another.
#[derive(Clone, Copy, Debug)]
enum Reason {
    DependsOn,
    SelectedBy,
    ImpliedBy,
    /// A condition of this property.
    Condition(&'static str),
    /// The value of a default.
    Default,
    Range,
}

struct Edge {
    to: SymbolId,
    from: SymbolId,
    reason: Reason,
    line: Option<Line>,
}

/// The choice that decides for a symbol, or itself.
fn node(tree: &Tree, symbol: SymbolId) -> SymbolId {
    tree.symbols[symbol].member_of.unwrap_or(symbol)
}

/// What the value of a node depends on. `ranges` says whether the bounds of numbers count.
fn inputs(tree: &Tree, of: SymbolId, ranges: bool) -> Vec<Edge> {
    let mut edges = vec![];
    let members = tree.symbols[of].members.iter().copied();
    for from in std::iter::once(of).chain(members) {
        let symbol = &tree.symbols[from];
        let mut add = |id: ExprId, reason: Reason, line: Option<Line>| {
            tree.exprs.symbols(id, &mut |to| {
                // The members of a choice depend on it by being its members.
                let own_choice = to == of && tree.symbols[of].choice;
                if !tree.symbols[to].constant && !own_choice {
                    edges.push(Edge { to, from, reason, line });
                }
            });
        };
        symbol.direct.iter().for_each(|id| add(*id, Reason::DependsOn, None));
        symbol.selected_by.iter().for_each(|id| add(*id, Reason::SelectedBy, None));
        symbol.implied_by.iter().for_each(|id| add(*id, Reason::ImpliedBy, None));
        for &id in &symbol.properties {
            let property = &tree.menus[id];
            let line = Some(property.line);
            if matches!(property.kind, PropertyKind::Select(_) | PropertyKind::Imply(_)) {
                continue;
            }
            if let Some(condition) = property.condition {
                add(condition, Reason::Condition(property.name()), line);
            }
            if let PropertyKind::Default(value) = property.kind
                && !symbol.choice
            {
                add(value, Reason::Default, line);
            }
        }
        if ranges {
            for &id in &symbol.properties {
                if let PropertyKind::Range(low, high) = tree.menus[id].kind {
                    let line = Some(tree.menus[id].line);
                    for to in [low, high].into_iter().filter(|to| !tree.symbols[*to].constant) {
                        edges.push(Edge { to, from, reason: Reason::Range, line });
                    }
                }
            }
        }
    }
    edges
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    New,
    Open,
    Done,
}

/// Walks the graph depth first without recursion. Gives the nodes in the order in which they are
/// done, or the edges of a loop.
fn walk(tree: &Tree, ranges: bool) -> Result<Vec<(SymbolId, u32)>, Vec<Edge>> {
    let n = tree.symbols.len();
    let mut marks = vec![Mark::New; n];
    let mut depths = vec![0_u32; n];
    let mut done = Vec::with_capacity(n);
    for start in tree.symbols.ids() {
        let start = node(tree, start);
        if marks[start.index()] != Mark::New {
            continue;
        }
        marks[start.index()] = Mark::Open;
        let mut stack = vec![(start, inputs(tree, start, ranges), 0)];
        while let Some((at, edges, next)) = stack.last_mut() {
            let at = *at;
            let Some(edge) = edges.get(*next) else {
                let depth = edges.iter().map(|e| depths[node(tree, e.to).index()] + 1).max();
                depths[at.index()] = depth.unwrap_or(0);
                marks[at.index()] = Mark::Done;
                done.push((at, depths[at.index()]));
                stack.pop();
                continue;
            };
            *next += 1;
            let to = node(tree, edge.to);
            match marks[to.index()] {
                Mark::Done => {}
                Mark::New => {
                    marks[to.index()] = Mark::Open;
                    let edges = inputs(tree, to, ranges);
                    stack.push((to, edges, 0));
                }
                // Bounds may refer to each other.
                Mark::Open if ranges => {}
                Mark::Open => {
                    let first = stack.iter().position(|(n, ..)| *n == to).unwrap_or(0);
                    let path = stack.drain(first..).filter_map(|(_, mut edges, next)| {
                        (next <= edges.len()).then(|| edges.swap_remove(next - 1))
                    });
                    return Err(path.collect());
                }
            }
        }
    }
    Ok(done)
}

/// Fails if there is a loop, and says how it goes.
pub fn check(tree: &Tree) -> Result<(), Error> {
    let Err(path) = walk(tree, false) else { return Ok(()) };
    let steps = path.iter().take(STEPS_SHOWN).map(|edge| step(tree, edge));
    let mut lines: Vec<String> = steps.collect();
    if path.len() > STEPS_SHOWN {
        lines.push(format!("  and {} more", path.len() - STEPS_SHOWN));
    }
    let Some(first) = path.first() else { return Ok(()) };
    let mut names: Vec<&str> = vec![];
    for edge in path.iter().take(STEPS_SHOWN) {
        let own = tree.symbols[edge.from].label();
        if names.last() != Some(&own) {
            names.push(own);
        }
        // A member is reached, another one or the choice goes on.
        names.push(tree.symbols[edge.to].label());
    }
    names.dedup();
    Err(Error::plain(format!(
        "{}: a dependency loop: {}\n{}",
        place(tree, first),
        names.join(" needs "),
        lines.join("\n")
    )))
}

fn place(tree: &Tree, edge: &Edge) -> Location {
    match edge.line {
        Some(line) => tree.location(line),
        None => tree.defined_at(&tree.symbols[edge.from]),
    }
}

fn step(tree: &Tree, edge: &Edge) -> String {
    let name = |symbol: &Symbol| match symbol.member_of.map(|choice| &tree.symbols[choice]) {
        Some(choice) => format!("{} (of the {})", symbol.name, choice_label(tree, choice)),
        None if symbol.choice => format!("the {}", choice_label(tree, symbol)),
        None => symbol.name.to_string(),
    };
    let (from, to) = (name(&tree.symbols[edge.from]), name(&tree.symbols[edge.to]));
    let at = place(tree, edge);
    match edge.reason {
        Reason::DependsOn => format!("  {at}: {from} depends on {to}"),
        Reason::SelectedBy => format!("  {at}: {from} is selected by {to}, or on its condition"),
        Reason::ImpliedBy => format!("  {at}: {from} is implied by {to}, or on its condition"),
        Reason::Condition(what) => format!("  {at}: a {what} of {from} depends on {to}"),
        Reason::Default => format!("  {at}: a default of {from} is {to}, or contains it"),
        Reason::Range => format!("  {at}: a range of {from} ends at {to}"),
    }
}

fn choice_label(tree: &Tree, choice: &Symbol) -> String {
    match tree.prompt(choice) {
        Some(prompt) => format!("choice {prompt:?}"),
        None => "choice".to_owned(),
    }
}

/// An order of all symbols in which inputs come first, and whether some are far away.
pub fn order(tree: &Tree) -> (Vec<SymbolId>, bool) {
    let Ok(done) = walk(tree, true) else { return (vec![], false) };
    let deep = done.iter().any(|(_, depth)| *depth > DEMAND_DEPTH_MAX);
    let mut order = Vec::with_capacity(tree.symbols.len());
    for (node, _) in done {
        order.push(node);
        order.extend_from_slice(&tree.symbols[node].members);
    }
    (order, deep)
}

/// For each symbol of the tree's order, whether the value of `of` depends on it.
pub fn before(tree: &Tree, of: SymbolId) -> Vec<bool> {
    let mut known = vec![false; tree.symbols.len()];
    let mut open = vec![node(tree, of)];
    while let Some(at) = open.pop() {
        if std::mem::replace(&mut known[at.index()], true) {
            continue;
        }
        open.extend(inputs(tree, at, true).iter().map(|edge| node(tree, edge.to)));
    }
    tree.order.iter().map(|id| known[node(tree, *id).index()]).collect()
}
