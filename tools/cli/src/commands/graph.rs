//! `unilith graph`

use crate::args::{self, GraphFormat, GraphFrom, GraphLayout};
use crate::error::{Error, Result};
use crate::output::{UNREAD, print, say};
use crate::project;
use serde_json::{Value, json};
use unilith_image::catalog::Catalog;
use unilith_image::graph::{Graph, Layout, image, linux, written};

pub fn graph(args: &args::Graph) -> Result {
    let mut graph = counted(args)?;
    for name in graph.exclude(&args.exclude) {
        graph.notes.push(format!("--exclude: there is no {name} in this graph"));
    }
    let text = match args.format {
        GraphFormat::Dot => graph.dot(),
        GraphFormat::Svg => graph.svg(&layout(args.layout, &graph)?).map_err(Error::failed)?,
        GraphFormat::Json => format!("{:#}\n", as_json(&graph)),
    };
    match &args.output {
        Some(path) => std::fs::write(path, text)
            .map_err(|e| Error::failed(format!("{}: {e}", path.display())))?,
        None => {
            if print(text)? == UNREAD {
                return Ok(UNREAD);
            }
        }
    }
    say(format!("{}: {}", graph.subject, graph.summary_line()));
    graph.notes.iter().for_each(|note| say(format!("note: {note}")));
    Ok(0)
}

fn counted(args: &args::Graph) -> Result<Graph> {
    if let Some(path) = &args.linux {
        let method = args.from.map(|from| match from {
            GraphFrom::Source => linux::Method::Source,
            GraphFrom::Objects => linux::Method::Objects,
        });
        return Ok(linux::graph(path, method)?);
    }
    // clap asks for one of both.
    let Some(app) = &args.app else { return Err(Error::usage("what is to be drawn?")) };
    let (root, app) = (project::root()?, project::subject(app)?.app);
    if args.written {
        let catalog = Catalog::load(&root)?;
        let configuration = project::configure(&root, &app, &args.options)?;
        let selected = catalog.selected(|symbol| configuration.is_set(symbol));
        return Ok(written::graph(&catalog, &app.name, &selected));
    }
    let (catalog, _, built) = project::build(&root, &app, &args.options)?;
    Ok(image::graph(&catalog, &built)?)
}

/// More edges per node than layers can show.
const DENSE: f64 = 5.0;

fn layout(wanted: Option<GraphLayout>, graph: &Graph) -> Result<Layout> {
    let dense = graph.summary().density > DENSE;
    if wanted == Some(GraphLayout::Ring) || wanted.is_none() && dense {
        return Ok(Layout::Ring);
    }
    match unilith_vmm::host::find("dot") {
        Some(dot) => Ok(Layout::Layers(dot)),
        None if wanted.is_none() => Ok(Layout::Ring),
        None => Err(Error::failed(
            "--layout layers needs graphviz: apt-get install graphviz, or leave it out",
        )),
    }
}

fn as_json(graph: &Graph) -> Value {
    let edges: Vec<Value> = graph
        .edges
        .iter()
        .map(|((from, to), uses)| {
            json!({
                "from": from,
                "to": to,
                "sites": uses.sites,
                "calls": uses.calls,
                "inlined": uses.inlined,
                "references": uses.references,
            })
        })
        .collect();
    let summary = graph.summary();
    json!({
        "subject": graph.subject,
        "method": graph.method,
        "unit": graph.unit,
        "summary": {
            "nodes": summary.nodes,
            "edges": summary.edges,
            "edges_per_node": (summary.density * 100.0).round() / 100.0,
            "address_only": summary.address_only,
            "sites": summary.uses.sites,
            "calls": summary.uses.calls,
            "inlined": summary.uses.inlined,
            "references": summary.uses.references,
        },
        "notes": graph.notes,
        "nodes": graph.nodes,
        "edges": edges,
    })
}
