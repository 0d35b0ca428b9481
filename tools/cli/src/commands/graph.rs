//! `unilith graph`

use crate::args::{Graph, GraphFormat};
use crate::error::{Error, Result};
use crate::output::print;
use crate::project;
use serde_json::json;
use unilith_image::catalog::Catalog;
use unilith_image::graph;

pub fn graph(args: &Graph) -> Result {
    let root = project::root()?;
    let app = project::subject(&args.target.app)?.app;
    let catalog = Catalog::load(&root)?;
    let configuration = project::configure(&root, &app, &args.target.options)?;
    let drawn = graph::graph(&catalog, &catalog.selected(|symbol| configuration.is_set(symbol)));
    let text = match args.format {
        GraphFormat::Dot => drawn.dot(),
        GraphFormat::Svg => drawn.svg(),
        GraphFormat::Json => {
            format!("{:#}\n", json!({ "nodes": drawn.nodes, "edges": drawn.edges }))
        }
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map(|()| 0)
            .map_err(|e| Error::failed(format!("{}: {e}", path.display()))),
        None => print(text),
    }
}
