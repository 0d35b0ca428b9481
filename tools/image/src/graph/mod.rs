//! Who calls into whom, and from how many places: the libraries of a linked image ([`image`]), the
//! top-level directories of a Linux tree ([`linux`]), or what libraries say that they are written
//! against ([`written`]).

mod debug;
mod draw;
mod files;
pub mod image;
mod layout;
mod linked;
pub mod linux;
mod objects;
mod source;
pub mod written;

pub use draw::Layout;
pub(crate) use draw::escaped;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// How one library uses another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uses {
    /// Distinct places of the source that call, whatever became of them.
    pub sites: u64,
    /// Call and jump instructions (or relocations, or calls in the source).
    pub calls: u64,
    /// Copies of a function that were put in place of a call.
    pub inlined: u64,
    /// Addresses of functions that are taken, for a call that nobody can see.
    pub references: u64,
}

impl Uses {
    fn add(&mut self, other: Uses) {
        self.sites += other.sites;
        self.calls += other.calls;
        self.inlined += other.inlined;
        self.references += other.references;
    }
}

/// Libraries or directories, and what each uses of the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// What was looked at.
    pub subject: String,
    /// What was counted.
    pub method: String,
    /// What a node is: `libraries`, `directories`.
    pub unit: &'static str,
    /// By name.
    pub nodes: BTreeSet<String>,
    /// From, to.
    pub edges: BTreeMap<(String, String), Uses>,
    /// What could not be counted, for the user to know.
    pub notes: Vec<String>,
}

/// The graph in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// Libraries or directories.
    pub nodes: usize,
    /// Pairs of which the first calls the second; of a graph without counts, all pairs.
    pub edges: usize,
    /// Pairs of which the first only takes addresses of the second.
    pub address_only: usize,
    /// Edges per node.
    pub density: f64,
    /// Over all edges.
    pub uses: Uses,
}

impl Graph {
    /// Its numbers.
    pub fn summary(&self) -> Summary {
        let mut uses = Uses::default();
        self.edges.values().for_each(|edge| uses.add(*edge));
        let address_only = self.edges.values().filter(|e| e.sites == 0 && e.references > 0).count();
        let (nodes, edges) = (self.nodes.len(), self.edges.len() - address_only);
        let density = if nodes == 0 { 0.0 } else { edges as f64 / nodes as f64 };
        Summary { nodes, edges, address_only, density, uses }
    }

    /// Its numbers in a line.
    pub fn summary_line(&self) -> String {
        let s = self.summary();
        let sites = match s.uses.sites {
            0 => String::new(),
            n => format!(", {n} call sites"),
        };
        let more = match s.address_only {
            0 => String::new(),
            n => format!(" ({n} more only take an address)"),
        };
        format!(
            "{} {}, {} edges, {:.1} edges per node{sites}{more}",
            s.nodes, self.unit, s.edges, s.density
        )
    }

    /// Leaves out nodes; tells which names are of none.
    pub fn exclude<'a>(&mut self, names: &'a [String]) -> Vec<&'a str> {
        let unknown: Vec<&str> =
            names.iter().filter(|n| !self.nodes.contains(*n)).map(String::as_str).collect();
        let out = |name: &String| names.contains(name);
        self.nodes.retain(|name| !out(name));
        self.edges.retain(|(from, to), _| !out(from) && !out(to));
        unknown
    }
}

/// A place that calls: of the source (file, line, column), or an address if that is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Place {
    Source(u32, u32, u32),
    Address(u64),
}

/// Counts uses, and each place once.
#[derive(Default)]
struct Counter {
    names: Vec<String>,
    ids: HashMap<String, u32>,
    nodes: BTreeSet<u32>,
    uses: HashMap<(u32, u32), Uses>,
    places: HashSet<(u32, u32, Place)>,
}

impl Counter {
    /// The number of a name.
    fn id(&mut self, name: &str) -> u32 {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let id = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// It is there, used or not.
    fn node(&mut self, id: u32) {
        self.nodes.insert(id);
    }

    fn edge(&mut self, from: u32, to: u32) -> Option<&mut Uses> {
        if from == to {
            return None;
        }
        self.nodes.extend([from, to]);
        Some(self.uses.entry((from, to)).or_default())
    }

    fn site(&mut self, from: u32, to: u32, place: Place) {
        if from != to && self.places.insert((from, to, place)) {
            self.uses.entry((from, to)).or_default().sites += 1;
        }
    }

    fn call(&mut self, from: u32, to: u32, place: Place) {
        if let Some(uses) = self.edge(from, to) {
            uses.calls += 1;
            self.site(from, to, place);
        }
    }

    fn inlined(&mut self, from: u32, to: u32, place: Place) {
        if let Some(uses) = self.edge(from, to) {
            uses.inlined += 1;
            self.site(from, to, place);
        }
    }

    /// `count` calls of as many places.
    fn calls(&mut self, from: u32, to: u32, count: u64) {
        if let Some(uses) = self.edge(from, to) {
            uses.calls += count;
            uses.sites += count;
        }
    }

    fn reference(&mut self, from: u32, to: u32) {
        if let Some(uses) = self.edge(from, to) {
            uses.references += 1;
        }
    }

    fn finish(self, subject: String, method: &str, unit: &'static str) -> Graph {
        let name = |id: u32| self.names[id as usize].clone();
        Graph {
            subject,
            method: method.to_owned(),
            unit,
            nodes: self.nodes.iter().map(|id| name(*id)).collect(),
            edges: self
                .uses
                .iter()
                .map(|((from, to), uses)| ((name(*from), name(*to)), *uses))
                .collect(),
            notes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_once_and_an_address_is_no_call() {
        let mut counter = Counter::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| counter.id(name));
        let place = Place::Source(0, 7, 9);
        counter.call(a, b, place);
        counter.inlined(a, b, place);
        counter.call(a, a, place);
        counter.reference(a, c);
        let mut graph = counter.finish("x".to_owned(), "", "libraries");
        let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let uses = Uses { sites: 1, calls: 1, inlined: 1, references: 0 };
        assert_eq!(graph.edges[&edge("a", "b")], uses);
        assert_eq!(graph.edges[&edge("a", "c")].references, 1);
        assert_eq!(
            graph.summary_line(),
            "3 libraries, 1 edges, 0.3 edges per node, 1 call sites (1 more only take an address)"
        );
        let names = ["c".to_owned(), "d".to_owned()];
        assert_eq!(graph.exclude(&names), ["d"]);
        assert_eq!((graph.nodes.len(), graph.edges.len()), (2, 1));
    }
}
