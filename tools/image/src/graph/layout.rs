use super::Graph;
pub fn svg(graph: &Graph) -> String { graph.dot() }
