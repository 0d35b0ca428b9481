//! `unilith size`

use crate::args::{self, Options};
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::{Value, json};
use std::path::Path;
use unilith_image::catalog::Catalog;
use unilith_image::sizes::{Change, Row, Sizes, compare};
use unilith_image::{symbols, treemap};

pub fn size(args: &args::Size) -> Result {
    let (catalog, image) = project::build_target(&args.target)?;
    let sizes = Sizes::new(&symbols::symbols(&catalog, &image.debug_image)?, image.bytes);
    if let Some(path) = &args.tree_map {
        let name = image.directory.file_name().unwrap_or_default().to_string_lossy();
        std::fs::write(path, treemap::svg(&sizes, &name))
            .map_err(|e| Error::failed(format!("{}: {e}", path.display())))?;
    }
    let name = image.image.display().to_string();
    if let Some(other) = &args.compare {
        let before = other_image(&catalog, other, &args.target.options)?;
        return if args.json {
            print_json(&compared_json(&name, &sizes, other, &before))
        } else {
            print(compared(&sizes, &before, limit(args)))
        };
    }
    if args.json {
        return print_json(&as_json(&name, &sizes));
    }
    let share = |bytes: u64| bytes as f64 * 100.0 / sizes.total as f64;
    let line = |bytes: u64, what: &str| format!("{bytes:>8}  {:>5.1}%  {what}\n", share(bytes));
    let mut text = String::new();
    match limit(args) {
        None => {
            for (library, bytes) in sizes.libraries() {
                text.push_str(&line(bytes, &library));
            }
        }
        Some(limit) => {
            let (shown, rest) = sizes.symbols.split_at(limit.min(sizes.symbols.len()));
            let width = shown.iter().map(|row| row.library.chars().count()).max().unwrap_or(0);
            for row in shown {
                text.push_str(&line(row.bytes, &format!("{:width$}  {}", row.library, row.symbol)));
            }
            if !rest.is_empty() {
                let bytes = rest.iter().map(|row| row.bytes).sum();
                text.push_str(&line(bytes, &format!("({} more symbols)", rest.len())));
            }
        }
    }
    text.push_str(&line(sizes.total, &name));
    print(text)
}

/// How many symbols are listed; `None`: libraries are.
fn limit(args: &args::Size) -> Option<usize> {
    if args.symbols { Some(usize::MAX) } else { args.top.map(|n| n as usize) }
}

/// What `--compare` names: sizes that were written before, an image that was built, or an
/// application.
fn other_image(catalog: &Catalog, path: &Path, options: &Options) -> Result<Sizes> {
    if path.is_file() {
        let bytes =
            std::fs::read(path).map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
        if bytes.trim_ascii_start().starts_with(b"{") {
            return from_json(&bytes).map_err(|why| {
                Error::usage(format!(
                    "{}: {why}; give what `unilith size APP --json` writes",
                    path.display()
                ))
            });
        }
        if let Some(sizes) = Sizes::of_image(catalog, path)? {
            return Ok(sizes);
        }
    }
    let app = project::subject(path)?.app;
    let (catalog, _, image) = project::build(&catalog.root, &app, options)?;
    Ok(Sizes::new(&symbols::symbols(&catalog, &image.debug_image)?, image.bytes))
}

fn as_json(image: &str, sizes: &Sizes) -> Value {
    let libraries: Vec<_> = sizes
        .libraries()
        .iter()
        .map(|(library, bytes)| json!({ "library": library, "bytes": bytes }))
        .collect();
    let row =
        |row: &Row| json!({ "symbol": row.symbol, "library": row.library, "bytes": row.bytes });
    let symbols: Vec<_> = sizes.symbols.iter().map(row).collect();
    json!({ "image": image, "bytes": sizes.total, "libraries": libraries, "symbols": symbols })
}

/// The reverse of [`as_json`].
fn from_json(text: &[u8]) -> std::result::Result<Sizes, String> {
    let value: Value = serde_json::from_slice(text).map_err(|e| e.to_string())?;
    let rows = value["symbols"].as_array().ok_or("there is no list \"symbols\" in it")?;
    let row = |row: &Value| {
        Some(Row {
            symbol: row["symbol"].as_str()?.to_owned(),
            library: row["library"].as_str()?.to_owned(),
            bytes: row["bytes"].as_u64()?,
        })
    };
    let symbols: Option<Vec<Row>> = rows.iter().map(row).collect();
    let symbols = symbols.ok_or("a symbol without name, library or bytes")?;
    let sum = symbols.iter().try_fold(0u64, |sum, row| sum.checked_add(row.bytes));
    match (sum, value["bytes"].as_u64()) {
        (Some(sum), Some(total)) if sum == total && i64::try_from(sum).is_ok() => {
            Ok(Sizes::of_rows(total, symbols))
        }
        _ => Err("its symbols do not add up to its \"bytes\"".to_owned()),
    }
}

fn compared_json(image: &str, sizes: &Sizes, other: &Path, before: &Sizes) -> Value {
    let list = |by_symbol| -> Vec<Value> {
        let row = |change: &Change| {
            let mut row = json!({
                "library": change.library,
                "before": change.before,
                "after": change.after,
                "difference": change.difference(),
            });
            if let Some(symbol) = &change.symbol {
                row["symbol"] = json!(symbol);
            }
            row
        };
        compare(before, sizes, by_symbol).iter().map(row).collect()
    };
    json!({
        "image": image,
        "bytes": sizes.total,
        "other": other,
        "other_bytes": before.total,
        "libraries": list(false),
        "symbols": list(true),
    })
}

/// The differences as a table; `limit` symbols, or all libraries.
fn compared(sizes: &Sizes, before: &Sizes, limit: Option<usize>) -> String {
    let changes = compare(before, sizes, limit.is_some());
    let (shown, rest) = changes.split_at(limit.unwrap_or(usize::MAX).min(changes.len()));
    let line = |before: u64, after: u64, what: &str| {
        format!("{:>+9} {before:>9} {after:>9}  {what}\n", after as i64 - before as i64)
    };
    let width = shown.iter().map(|change| change.library.chars().count()).max().unwrap_or(0);
    let mut text = format!("{:>9} {:>9} {:>9}\n", "change", "other", "this");
    for change in shown {
        let what = match &change.symbol {
            Some(symbol) => format!("{:width$}  {symbol}", change.library),
            None => change.library.clone(),
        };
        text.push_str(&line(change.before, change.after, &what));
    }
    if !rest.is_empty() {
        let before = rest.iter().map(|change| change.before).sum();
        let after = rest.iter().map(|change| change.after).sum();
        text.push_str(&line(before, after, &format!("({} more symbols)", rest.len())));
    }
    text.push_str(&line(before.total, sizes.total, "the image"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(bytes: u64) -> Sizes {
        let row = |symbol: &str, library: &str, bytes| Row {
            symbol: symbol.to_owned(),
            library: library.to_owned(),
            bytes,
        };
        Sizes::of_rows(
            bytes + 30,
            vec![row("f", "lib/a", bytes), row("g", "b", 10), row("h", "b", 20)],
        )
    }

    #[test]
    fn what_is_written_is_read() {
        // Its difference from another is no number that is printed right.
        const HUGE: &str = "{\"bytes\": 9223372036854775808, \"symbols\": \
            [{\"symbol\": \"f\", \"library\": \"a\", \"bytes\": 9223372036854775808}]}";
        let text = as_json("image", &sizes(7)).to_string();
        assert_eq!(from_json(text.as_bytes()), Ok(sizes(7)));
        for bad in ["{", "{}", "{\"symbols\": [{}]}", "{\"symbols\": [], \"bytes\": 1}", HUGE] {
            assert!(from_json(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn differences_as_a_table() {
        assert_eq!(
            compared(&sizes(7), &sizes(9), None),
            "   change     other      this\n\
             \u{20}      -2         9         7  lib/a\n\
             \u{20}      -2        39        37  the image\n"
        );
        let none = Sizes::of_rows(0, vec![]);
        assert_eq!(
            compared(&sizes(7), &none, Some(1)),
            "   change     other      this\n\
             \u{20}     +20         0        20  b  h\n\
             \u{20}     +17         0        17  (2 more symbols)\n\
             \u{20}     +37         0        37  the image\n"
        );
        assert_eq!(compared(&none, &none, None).lines().count(), 2);
    }
}
