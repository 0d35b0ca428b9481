//! Which symbols a value depends on: loops, and an order without them.
//!
//! A choice and its members decide together, so they are one node of the graph.

use crate::error::{Error, Location};
use crate::expr::ExprId;
use crate::menu::{Line, PropertyKind};
use crate::model::Tree;
use crate::symbol::{Symbol, SymbolId};

/// Steps of computing beyond which values are computed in order: one for each level of an
/// expression, and some for each symbol on the way.
const DEMAND_DEPTH_MAX: u32 = 1000;
const SYMBOL_STEPS: u32 = 5;

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
    /// What it takes to get there.
    steps: u32,
    from: SymbolId,
    reason: Reason,
    line: Option<Line>,
}

/// The choice that decides for a symbol, or itself.
fn node(tree: &Tree, symbol: SymbolId) -> SymbolId {
    tree.symbols[symbol].member_of.unwrap_or(symbol)
}

/// What the value of a node depends on. `ranges` says whether the bounds of numbers count. What
/// is the condition of several properties is given once.
fn inputs(tree: &Tree, of: SymbolId, ranges: bool) -> Vec<Edge> {
    let (mut edges, mut ends) = (vec![], vec![]);
    let members = tree.symbols[of].members.iter().copied();
    for from in std::iter::once(of).chain(members) {
        let symbol = &tree.symbols[from];
        let mut add = |id: ExprId, reason: Reason, line: Option<Line>| {
            let steps = SYMBOL_STEPS + tree.exprs.depth(id);
            tree.exprs.symbols(id, &mut |to| {
                // The members of a choice depend on it by being its members.
                let own_choice = to == of && tree.symbols[of].choice;
                if !tree.symbols[to].constant && !own_choice {
                    edges.push(Edge { to, steps, from, reason, line });
                }
            });
        };
        symbol.direct.iter().for_each(|id| add(*id, Reason::DependsOn, None));
        symbol.selected_by.iter().for_each(|id| add(*id, Reason::SelectedBy, None));
        symbol.implied_by.iter().for_each(|id| add(*id, Reason::ImpliedBy, None));
        let mut seen: Vec<ExprId> = vec![];
        for &id in &symbol.properties {
            let property = &tree.menus[id];
            let line = Some(property.line);
            if let PropertyKind::Range(low, high) = property.kind
                && ranges
            {
                ends.extend([low, high].map(|to| (to, from, line)));
            }
            if matches!(property.kind, PropertyKind::Select(_) | PropertyKind::Imply(_)) {
                continue;
            }
            if let Some(condition) = property.condition
                && !seen.contains(&condition)
            {
                seen.push(condition);
                add(condition, Reason::Condition(property.name()), line);
            }
            if let PropertyKind::Default(value) = property.kind
                && !symbol.choice
            {
                add(value, Reason::Default, line);
            }
        }
    }
    for (to, from, line) in ends {
        if !tree.symbols[to].constant {
            edges.push(Edge { to, steps: SYMBOL_STEPS, from, reason: Reason::Range, line });
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

/// The order in which a walk is done with nodes.
struct Walk {
    order: Vec<SymbolId>,
    /// The longest way from a node to its inputs.
    depth: u32,
    /// There are numbers that bound each other.
    bounded: bool,
}

/// Walks the graph depth first without recursion, or gives the edges of a loop. Bounds of numbers
/// may refer to each other.
fn walk(tree: &Tree, ranges: bool) -> Result<Walk, Vec<Edge>> {
    let n = tree.symbols.len();
    let mut marks = vec![Mark::New; n];
    let mut depths = vec![0_u32; n];
    let mut walk = Walk { order: Vec::with_capacity(n), depth: 0, bounded: false };
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
                let depth = edges.iter().map(|e| depths[node(tree, e.to).index()] + e.steps).max();
                let depth = depth.unwrap_or(0);
                depths[at.index()] = depth;
                marks[at.index()] = Mark::Done;
                walk.depth = walk.depth.max(depth);
                walk.order.push(at);
                walk.order.extend_from_slice(&tree.symbols[at].members);
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
                Mark::Open => {
                    let first = stack.iter().position(|(n, ..)| *n == to).unwrap_or(0);
                    let taken = |(_, edges, next): &(SymbolId, Vec<Edge>, usize)| {
                        matches!(edges[*next - 1].reason, Reason::Range)
                    };
                    if stack[first..].iter().any(taken) {
                        walk.bounded = true;
                        continue;
                    }
                    let path = stack.drain(first..);
                    return Err(path
                        .map(|(_, mut edges, next)| edges.swap_remove(next - 1))
                        .collect());
                }
            }
        }
    }
    Ok(walk)
}

/// An order of all symbols in which inputs come first, and whether some are far away.
///
/// # Errors
/// A loop, and how it goes.
pub fn order(tree: &Tree) -> Result<(Vec<SymbolId>, bool), Error> {
    let walked = walk(tree, true).and_then(|walked| {
        // A loop may have been taken for one of numbers that bound each other.
        if walked.bounded {
            walk(tree, false)?;
        }
        Ok(walked)
    });
    match walked {
        Ok(walked) => Ok((walked.order, walked.depth > DEMAND_DEPTH_MAX)),
        Err(path) => Err(describe(tree, &path)),
    }
}

fn describe(tree: &Tree, path: &[Edge]) -> Error {
    let steps = path.iter().take(STEPS_SHOWN).map(|edge| step(tree, edge));
    let mut lines: Vec<String> = steps.collect();
    if path.len() > STEPS_SHOWN {
        lines.push(format!("  and {} more", path.len() - STEPS_SHOWN));
    }
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
    let at = path.first().map_or_else(Location::default, |first| place(tree, first));
    Error::plain(format!(
        "{at}: a dependency loop: {}\n{}",
        names.join(" needs "),
        lines.join("\n")
    ))
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
