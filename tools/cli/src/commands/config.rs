//! `unilith config`

use crate::args::{Config, ConfigCommand, Options, Target};
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::{Map, Value, json};
use std::path::Path;
use toml_edit::{DocumentMut, Item, Table, value};
use unilith_image::app::App;
use unilith_image::compose::Configuration;
use unilith_kconfig::{Kind, Symbol};

pub fn config(args: &Config) -> Result {
    match &args.command {
        ConfigCommand::Show { target, json } => show(target, *json),
        ConfigCommand::Get { target, symbol, json } => get(target, symbol, *json),
        ConfigCommand::Set { app, assignments } => set(app, assignments),
    }
}

fn resolve(target: &Target) -> Result<(App, Configuration)> {
    let app = project::subject(&target.app)?.app;
    let configuration = project::configure(&project::root()?, &app, &target.options)?;
    Ok((app, configuration))
}

/// A symbol's value with JSON's types; hexadecimal numbers stay text, what is unset is null.
fn typed(symbol: &Symbol, text: &str) -> Value {
    match symbol.kind {
        Kind::Bool | Kind::Tristate => (text == "y").into(),
        Kind::Int => text.parse::<i64>().map_or(Value::Null, Value::from),
        Kind::Hex if text.is_empty() => Value::Null,
        Kind::Hex | Kind::String | Kind::Unknown => text.into(),
    }
}

fn show(target: &Target, json: bool) -> Result {
    let (app, configuration) = resolve(target)?;
    if json {
        let values: Map<String, Value> = configuration
            .tree
            .symbols()
            .map(|s| (s.name.to_string(), typed(s, configuration.value(&s.name))))
            .collect();
        return print_json(&Value::Object(values));
    }
    print(configuration.to_config(&app.name))
}

fn get(target: &Target, symbol: &str, json: bool) -> Result {
    let (_, configuration) = resolve(target)?;
    let name = symbol.strip_prefix("CONFIG_").unwrap_or(symbol);
    let Some(symbol) = configuration.tree.symbol(name) else {
        // The assignment's error suggests the nearest name.
        let mut scratch = configuration.wanted.clone();
        let error = configuration.tree.assign(&mut scratch, &format!("{name}=y")).err();
        return Err(Error::usage(
            error.map_or_else(|| format!("there is no symbol {name}"), |e| e.to_string()),
        ));
    };
    let (tree, text) = (&configuration.tree, configuration.value(name));
    if !json {
        return print(format!("{text}\n"));
    }
    print_json(&json!({
        "symbol": &*symbol.name,
        "type": symbol.kind.name(),
        "value": typed(symbol, text),
        "prompt": tree.prompt(symbol),
        "help": tree.help(symbol),
        "depends_on": tree.dependencies(symbol),
        "why": tree.state(&configuration.wanted).explain(name),
    }))
}

fn set(path: &Path, assignments: &[String]) -> Result {
    let app = App::load(path)?;
    // Fails if one of them is wrong or cannot hold.
    let options = Options { plat: None, set: assignments.to_vec() };
    let configuration = project::configure(&project::root()?, &app, &options)?;
    write(&app, &configuration, assignments)?;
    Ok(0)
}

/// Writes assignments, which hold in `configuration`, into `[config]` of unilith.toml; the rest of
/// the file stays as it is.
pub fn write(app: &App, configuration: &Configuration, assignments: &[String]) -> Result<()> {
    let tree = &configuration.tree;
    let file = app.directory.join(project::APP_FILE);
    let failed = |e: std::io::Error| Error::failed(format!("{}: {e}", file.display()));
    let wrong = |why: &str| Error::usage(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(failed)?;
    let mut document: DocumentMut = text.parse().map_err(|e| wrong(&format!("{e}")))?;
    let table = document
        .entry("config")
        .or_insert(Item::Table(Table::new()))
        .as_table_like_mut()
        .ok_or_else(|| wrong("config is not a table"))?;
    for assignment in assignments {
        let Some((name, text)) = assignment.split_once('=') else { continue };
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        let new = match tree.symbol(name).map(|s| s.kind) {
            Some(Kind::Bool | Kind::Tristate) => value(configuration.is_set(name)),
            Some(Kind::Int) => text.parse::<i64>().map_or_else(|_| value(text), value),
            _ => value(text),
        };
        // Of a choice the file says one member: of two, the alphabet would choose.
        if configuration.is_set(name)
            && let Some(choice) = tree.find(name).and_then(|id| tree.choice_of(id))
        {
            for &member in tree.members(choice) {
                let other = &*tree.get(member).name;
                if other != name {
                    table.remove(other);
                }
            }
        }
        // A comment behind a value belongs to the symbol.
        match table.get_mut(name).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                if let Ok(mut new) = new.into_value() {
                    *new.decor_mut() = decor;
                    *old = new;
                }
            }
            None => drop(table.insert(name, new)),
        }
    }
    std::fs::write(&file, document.to_string()).map_err(failed)
}
