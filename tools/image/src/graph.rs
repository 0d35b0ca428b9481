//! The selected libraries and what each is written against, as a picture.

use crate::catalog::{Catalog, Library};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// Nodes and edges, by the libraries' directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The libraries.
    pub nodes: BTreeSet<String>,
    /// From a library to one that it is written against.
    pub edges: BTreeSet<(String, String)>,
}

/// The graph of `selected`, with the API crates between them.
pub fn graph(catalog: &Catalog, selected: &[&Library]) -> Graph {
    let mut graph = Graph::default();
    let mut open: Vec<&Library> = selected.to_vec();
    while let Some(library) = open.pop() {
        if !graph.nodes.insert(library.directory.clone()) {
            continue;
        }
        for next in library.dependencies.iter().filter_map(|p| catalog.libraries.get(p)) {
            graph.edges.insert((library.directory.clone(), next.directory.clone()));
            open.push(next);
        }
    }
    graph
}

impl Graph {
    /// In graphviz's language.
    pub fn dot(&self) -> String {
        let mut text =
            "digraph image {\n  rankdir=TB;\n  node [shape=box, fontname=\"sans-serif\"];\n"
                .to_owned();
        for node in &self.nodes {
            let _ = writeln!(text, "  {node:?};");
        }
        for (from, to) in &self.edges {
            let _ = writeln!(text, "  {from:?} -> {to:?};");
        }
        text.push_str("}\n");
        text
    }

    /// Rows of nodes: each stands below all that are written against it.
    fn rows(&self) -> Vec<Vec<&str>> {
        let mut rows: Vec<Vec<&str>> = Vec::new();
        let mut placed: BTreeSet<&str> = BTreeSet::new();
        while placed.len() < self.nodes.len() {
            let free = |node: &&String| {
                !placed.contains(node.as_str())
                    && self.edges.iter().all(|(from, to)| {
                        to != *node || from == to || placed.contains(from.as_str())
                    })
            };
            let mut row: Vec<&str> = self.nodes.iter().filter(free).map(String::as_str).collect();
            if row.is_empty() {
                // Cargo forbids cycles; should there be one, its nodes share a row.
                row =
                    self.nodes.iter().map(String::as_str).filter(|n| !placed.contains(n)).collect();
            }
            placed.extend(&row);
            rows.push(row);
        }
        rows
    }

    /// As a drawing.
    pub fn svg(&self) -> String {
        const W: i32 = 170;
        const H: i32 = 30;
        const GAP_X: i32 = 20;
        const GAP_Y: i32 = 60;
        let rows = self.rows();
        let widest = rows.iter().map(Vec::len).max().unwrap_or(0) as i32;
        let (width, height) =
            (widest * (W + GAP_X) + GAP_X, rows.len() as i32 * (H + GAP_Y) + GAP_X);
        let place = |node: &str| {
            rows.iter().enumerate().find_map(|(y, row)| {
                let x = row.iter().position(|n| *n == node)? as i32;
                let left = (width - row.len() as i32 * (W + GAP_X) + GAP_X) / 2;
                Some((left + x * (W + GAP_X), GAP_X + y as i32 * (H + GAP_Y)))
            })
        };
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (from, to) in &self.edges {
            if let (Some((x1, y1)), Some((x2, y2))) = (place(from), place(to)) {
                let _ = writeln!(
                    text,
                    "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{y2}\" stroke=\"#999\"/>",
                    x1 + W / 2,
                    y1 + H,
                    x2 + W / 2
                );
            }
        }
        for node in &self.nodes {
            if let Some((x, y)) = place(node) {
                let _ = writeln!(
                    text,
                    "<rect x=\"{x}\" y=\"{y}\" width=\"{W}\" height=\"{H}\" rx=\"4\" fill=\"#eef\" stroke=\"#446\"/><text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{node}</text>",
                    x + W / 2,
                    y + H / 2 + 4
                );
            }
        }
        text.push_str("</svg>\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_stand_above_what_they_use() {
        let edge = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let graph = Graph {
            nodes: ["a", "b", "c"].map(str::to_owned).into(),
            edges: [edge("a", "b"), edge("b", "c"), edge("a", "c")].into(),
        };
        assert_eq!(graph.rows(), [vec!["a"], vec!["b"], vec!["c"]]);
        assert!(graph.dot().contains("\"a\" -> \"b\""));
        assert!(graph.svg().ends_with("</svg>\n"));
    }
}
