//! `unilith bench`

mod apps;
mod boot;
mod counter;
mod guest;
mod job;
mod linux;
mod load;

use crate::args::{Bench, BenchWhat};
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use serde_json::{Value, json};
use std::path::Path;

pub fn bench(args: &Bench) -> Result {
    match args.what {
        BenchWhat::Boot => boot::boot(args),
        BenchWhat::Apps => apps::apps(args),
    }
}

/// Writes a result to its file and shows it.
fn finish(
    args: &Bench,
    root: &Path,
    name: &str,
    result: &Value,
    table: impl FnOnce(&Value) -> String,
) -> Result {
    let default = || root.join(format!("bench/results/{name}.json"));
    let path = args.output.clone().unwrap_or_else(default);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(Error::failed)?;
    }
    std::fs::write(&path, format!("{result:#}\n")).map_err(Error::failed)?;
    if args.json {
        return print_json(result);
    }
    print(format!("{}\nwritten to {}\n", table(result), path.display()))
}

fn summary(mut values: Vec<f64>) -> Value {
    values.sort_by(f64::total_cmp);
    let round = |v: f64| (v * 1000.0).round() / 1000.0;
    match values.as_slice() {
        [] => Value::Null,
        [min, .., max] => json!({
            "min": round(*min),
            "median": round(values[values.len() / 2]),
            "max": round(*max),
        }),
        [one] => json!({ "min": round(*one), "median": round(*one), "max": round(*one) }),
    }
}
