//! `unilith config`

pub mod change;
mod compare;
mod explain;
mod profiles;

use crate::args::{Config, ConfigCommand, Target};
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::{Map, Value, json};
use unilith_image::app::App;
use unilith_image::compose::Configuration;
use unilith_kconfig::{Kind, Solution, Symbol, Tree, bare};

pub fn config(args: &Config) -> Result {
    match &args.command {
        ConfigCommand::Show { target, json } => show(target, *json),
        ConfigCommand::Get { target, symbol, json } => get(target, symbol, *json),
        ConfigCommand::Set { app, assignments } => change::set(app, assignments),
        ConfigCommand::Unset { app, symbols } => change::unset(app, symbols),
        ConfigCommand::Explain { target, symbol, json } => explain::explain(target, symbol, *json),
        ConfigCommand::Diff { target, other, json } => {
            compare::diff(target, other.as_deref(), *json)
        }
        ConfigCommand::Defaults { json } => compare::defaults(*json),
        ConfigCommand::SaveMin { target } => save_min(target),
        ConfigCommand::Validate { target } => validate(target),
        ConfigCommand::Profiles { json } => profiles::profiles(*json),
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

/// The symbol of this name, with or without CONFIG_.
fn known<'c>(configuration: &'c Configuration, name: &str) -> Result<&'c Symbol> {
    let name = bare(name);
    configuration.tree.symbol(name).ok_or_else(|| {
        // The assignment's error suggests the nearest name.
        let mut scratch = configuration.wanted.clone();
        let error = configuration.tree.assign(&mut scratch, &format!("{name}=y")).err();
        Error::usage(error.map_or_else(|| format!("there is no symbol {name}"), |e| e.to_string()))
    })
}

/// All values, by name, with JSON's types.
fn values(tree: &Tree, solution: &Solution) -> Map<String, Value> {
    let value = |symbol: &Symbol| {
        let text = solution.value(&symbol.name).unwrap_or_default();
        (symbol.name.to_string(), typed(symbol, text))
    };
    tree.symbols().map(value).collect()
}

/// The assignments that make the configuration out of defaults.
fn save_min(target: &Target) -> Result {
    let (_, configuration) = resolve(target)?;
    print(configuration.tree.to_defconfig(&configuration.wanted))
}

/// Resolving it says what is wrong.
fn validate(target: &Target) -> Result {
    let (app, configuration) = resolve(target)?;
    let on = configuration.tree.symbols().filter(|s| configuration.is_set(&s.name)).count();
    print(format!("{}: everything holds ({on} symbols are on)\n", app.name))
}

fn show(target: &Target, json: bool) -> Result {
    let (app, configuration) = resolve(target)?;
    if json {
        let values = values(&configuration.tree, &configuration.solution);
        return print_json(&Value::Object(values));
    }
    print(configuration.to_config(&app.name))
}

fn get(target: &Target, symbol: &str, json: bool) -> Result {
    let (_, configuration) = resolve(target)?;
    let symbol = known(&configuration, symbol)?;
    let name = &*symbol.name;
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
