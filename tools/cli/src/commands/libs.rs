//! `unilith libs`

use crate::args::Libs;
use crate::error::Result;
use crate::output::{print, print_json};
use crate::project;
use serde_json::json;
use unilith_image::catalog::Catalog;

pub fn libs(args: &Libs) -> Result {
    let root = project::root()?;
    let catalog = Catalog::load(&root)?;
    let configuration = match &args.app {
        Some(path) => {
            let app = project::subject(path)?.app;
            Some(project::configure(&root, &app, &args.options)?)
        }
        None => None,
    };
    let mut libraries: Vec<_> = catalog.libraries.values().collect();
    libraries.sort_by(|a, b| a.directory.cmp(&b.directory));
    let rows = libraries.iter().map(|library| {
        let symbol = library.binding.as_ref().map(|b| b.symbol.as_str());
        // Nobody selects an API crate: it comes with what is written against it.
        let on = configuration.as_ref().zip(symbol).map(|(c, symbol)| c.is_set(symbol));
        (library, symbol, on)
    });
    if args.json {
        let list: Vec<_> = rows
            .map(|(library, symbol, on)| {
                json!({
                    "library": library.directory,
                    "package": library.package,
                    "symbol": symbol,
                    "selected": on,
                    "description": library.description,
                })
            })
            .collect();
        return print_json(&json!(list));
    }
    let lines = rows.map(|(library, symbol, on)| {
        let state = match on {
            Some(true) => "* ",
            Some(false) => "  ",
            None if args.app.is_some() => "- ",
            None => "",
        };
        let symbol = symbol.unwrap_or("-");
        format!("{state}{:<26} {symbol:<14} {}\n", library.directory, library.description)
    });
    print(lines.collect::<String>())
}
