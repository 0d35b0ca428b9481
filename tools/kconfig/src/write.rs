//! Writers: `.config`, and the few lines that differ from the defaults.

use crate::model::{Item, Kind, Tree};
use crate::{Config, Solution};

fn line(kind: Kind, name: &str, value: &str) -> Option<String> {
    match kind {
        Kind::Bool | Kind::Tristate if value == "y" => Some(format!("CONFIG_{name}=y\n")),
        Kind::Bool | Kind::Tristate => Some(format!("# CONFIG_{name} is not set\n")),
        Kind::Int | Kind::Hex if value.is_empty() => None,
        Kind::Int | Kind::Hex => Some(format!("CONFIG_{name}={value}\n")),
        Kind::String => {
            let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
            Some(format!("CONFIG_{name}=\"{escaped}\"\n"))
        }
    }
}

impl Solution {
    /// The whole configuration as a `.config` file; `header` is its first comment.
    pub fn to_config(&self, tree: &Tree, header: &str) -> String {
        let mut text = format!("#\n# {header}\n# {}\n#\n", tree.title);
        for item in &tree.items {
            match item {
                Item::Menu(title) => text.push_str(&format!("\n#\n# {title}\n#\n")),
                Item::EndMenu => {}
                Item::Symbol(i) => {
                    let symbol = &tree.symbols[*i];
                    // What is neither visible nor set does not concern this configuration.
                    let written = self.visible[*i] || !matches!(self.values[*i].as_str(), "n" | "");
                    if written && let Some(line) = line(symbol.kind, &symbol.name, &self.values[*i])
                    {
                        text.push_str(&line);
                    }
                }
            }
        }
        text
    }

    /// The assignments without which the solution would be another: each is left out in turn.
    pub fn to_defconfig(&self, tree: &Tree) -> String {
        let mut config = Config::new();
        for (symbol, value) in tree.symbols.iter().zip(&self.values) {
            config.set(&symbol.name, value);
        }
        for (i, symbol) in tree.symbols.iter().enumerate() {
            let Some(value) = config.get(&symbol.name).map(str::to_owned) else { continue };
            if !self.visible[i] {
                config.unset(&symbol.name);
                continue;
            }
            let mut without = config.clone();
            without.unset(&symbol.name);
            if tree.solve(&without).values == self.values {
                config = without;
            } else {
                config.set(&symbol.name, &value);
            }
        }
        let lines = tree
            .symbols
            .iter()
            .filter_map(|symbol| line(symbol.kind, &symbol.name, config.get(&symbol.name)?));
        lines.collect()
    }
}
