//! Configurations side by side.

use super::{resolve, values};
use crate::args::{Options, Target};
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use unilith_kconfig::{Config, Solution, Tree};

fn tree() -> Result<Tree> {
    let file = project::root()?.join("Kconfig");
    Tree::load(&file, &BTreeMap::new()).map_err(Error::failed)
}

/// What another configuration is: an application's, or that of a `.config` file.
fn other(path: &Path, options: &Options, tree: &Tree) -> Result<Solution> {
    let is_file = path.is_file() && path.extension().is_some_and(|end| end == "config")
        || path.file_name().is_some_and(|name| name == ".config");
    if !is_file {
        let app = project::subject(path)?.app;
        return Ok(project::configure(&project::root()?, &app, options)?.solution);
    }
    let failed = |e: &dyn std::fmt::Display| Error::usage(format!("{}: {e}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| failed(&e))?;
    let config = Config::parse(&text, &path.display().to_string()).map_err(|e| failed(&e))?;
    Ok(tree.solve(&config))
}

/// What differs between an application's configuration and another, or the defaults.
pub fn diff(target: &Target, with: Option<&Path>, as_json: bool) -> Result {
    let (_, configuration) = resolve(target)?;
    let tree = &configuration.tree;
    let base = match with {
        Some(path) => other(path, &target.options, tree)?,
        None => tree.solve(&Config::new()),
    };
    let value = |solution: &Solution, name: &str| solution.value(name).unwrap_or("").to_owned();
    let (mut changes, mut text) = (Map::new(), String::new());
    for symbol in tree.symbols() {
        let (old, new) = (value(&base, &symbol.name), value(&configuration.solution, &symbol.name));
        if old == new {
            continue;
        }
        let show = |value: &str| if value.is_empty() { "unset".to_owned() } else { value.into() };
        text.push_str(&format!("{:<32} {} -> {}\n", symbol.name, show(&old), show(&new)));
        let change = json!([super::typed(symbol, &old), super::typed(symbol, &new)]);
        changes.insert(symbol.name.to_string(), change);
    }
    if as_json { print_json(&Value::Object(changes)) } else { print(text) }
}

/// What a configuration is of which nobody says anything.
pub fn defaults(as_json: bool) -> Result {
    let tree = tree()?;
    if as_json {
        return print_json(&Value::Object(values(&tree, &tree.solve(&Config::new()))));
    }
    print(tree.to_config(&Config::new(), "defaults"))
}
