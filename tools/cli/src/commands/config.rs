//! `unilith config`

use crate::args::{Config, ConfigCommand, Platform, Target};
use crate::error::{Error, Result};
use crate::project;
use serde_json::{Map, Value};
use std::path::Path;
use unilith_image::app::App;
use unilith_image::compose::Configuration;

pub fn config(args: &Config) -> Result {
    match &args.command {
        ConfigCommand::Show { target, json } => show(target, *json),
        ConfigCommand::Get { target, symbol } => get(target, symbol),
        ConfigCommand::Set { app, assignments } => set(app, assignments),
    }
}

fn resolve(target: &Target) -> Result<(App, Configuration)> {
    let app = project::subject(&target.app)?.app;
    let plat = target.plat.unwrap_or(Platform::Qemu);
    let configuration = project::configure(&project::root()?, &app, plat, &target.set)?;
    Ok((app, configuration))
}

fn show(target: &Target, json: bool) -> Result {
    let (app, configuration) = resolve(target)?;
    if json {
        let values: Map<String, Value> = configuration
            .tree
            .symbols()
            .filter_map(|s| Some((s.name.clone(), configuration.solution.value(&s.name)?.into())))
            .collect();
        println!("{:#}", Value::Object(values));
    } else {
        print!("{}", configuration.solution.to_config(&configuration.tree, &app.name));
    }
    Ok(0)
}

fn get(target: &Target, symbol: &str) -> Result {
    let (_, configuration) = resolve(target)?;
    let name = symbol.strip_prefix("CONFIG_").unwrap_or(symbol);
    if configuration.tree.symbol(name).is_none() {
        // The assignment's error suggests the nearest name.
        let mut scratch = configuration.wanted.clone();
        let error = configuration.tree.assign(&mut scratch, &format!("{name}=y")).err();
        return Err(Error::usage(
            error.map_or_else(|| format!("no symbol {name}"), |e| e.to_string()),
        ));
    }
    println!("{}", configuration.solution.value(name).unwrap_or("n"));
    Ok(0)
}

/// Writes into `[config]` of unilith.toml, line by line: the rest of the file stays as it is.
fn set(path: &Path, assignments: &[String]) -> Result {
    let app = App::load(path)?;
    // Fails if one of them is wrong or cannot hold.
    project::configure(&project::root()?, &app, Platform::Qemu, assignments)?;
    let file = app.directory.join(project::APP_FILE);
    let failed = |e: std::io::Error| Error::failed(format!("{}: {e}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(failed)?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for assignment in assignments {
        let Some((name, value)) = assignment.split_once('=') else { continue };
        let name = name.strip_prefix("CONFIG_").unwrap_or(name);
        let value = match value {
            "y" | "true" => "true".to_owned(),
            "n" | "false" => "false".to_owned(),
            number if number.parse::<i64>().is_ok() => number.to_owned(),
            text => format!("{text:?}"),
        };
        let line = format!("{name} = {value}");
        let section = match lines.iter().position(|l| l.trim() == "[config]") {
            Some(at) => at,
            None => {
                lines.extend([String::new(), "[config]".to_owned()]);
                lines.len() - 1
            }
        };
        let end = lines[section + 1..]
            .iter()
            .position(|l| l.trim_start().starts_with('['))
            .map_or(lines.len(), |n| section + 1 + n);
        let known = (section + 1..end)
            .find(|&i| lines[i].split('=').next().is_some_and(|key| key.trim() == name));
        match known {
            Some(at) => lines[at] = line,
            None => lines.insert(section + 1, line),
        }
    }
    std::fs::write(&file, lines.join("\n") + "\n").map_err(failed)?;
    Ok(0)
}
