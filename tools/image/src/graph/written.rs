//! The selected libraries and what each is written against: their manifests' word for it.

use super::{Graph, Uses};
use crate::catalog::{Catalog, Library};

/// The graph of `selected`, with the API crates between them.
pub fn graph(catalog: &Catalog, subject: &str, selected: &[&Library]) -> Graph {
    let mut graph = Graph {
        subject: subject.to_owned(),
        method: "dependencies that the manifests declare".to_owned(),
        unit: "libraries",
        ..Graph::default()
    };
    let mut open: Vec<&Library> = selected.to_vec();
    while let Some(library) = open.pop() {
        if !graph.nodes.insert(library.directory.clone()) {
            continue;
        }
        for next in library.dependencies.iter().filter_map(|p| catalog.libraries.get(p)) {
            let edge = (library.directory.clone(), next.directory.clone());
            graph.edges.insert(edge, Uses::default());
            open.push(next);
        }
    }
    graph
}
