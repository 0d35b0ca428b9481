//! `unilith graph`

use crate::args::{Graph, GraphFormat, Platform};
use crate::error::{Error, Result};
use crate::project;
use serde_json::json;
use unilith_image::catalog::Catalog;
use unilith_image::graph;

pub fn graph(args: &Graph) -> Result {
    let root = project::root()?;
    let app = project::subject(&args.target.app)?.app;
    let plat = args.target.plat.unwrap_or(Platform::Qemu);
    let catalog = Catalog::load(&root)?;
    let configuration = project::configure(&root, &app, plat, &args.target.set)?;
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
            .map_err(|e| Error::failed(format!("{}: {e}", path.display())))?,
        None => print!("{text}"),
    }
    Ok(0)
}
