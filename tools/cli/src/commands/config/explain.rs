//! Why a symbol has its value, and what would give it another.

use super::{known, resolve, typed};
use crate::args::Target;
use crate::error::Result;
use crate::output::{print, print_json};
use serde_json::{Value, json};
use unilith_kconfig::Kind;

pub fn explain(target: &Target, symbol: &str, json: bool) -> Result {
    let (_, configuration) = resolve(target)?;
    let symbol = known(&configuration, symbol)?;
    let name = &*symbol.name;
    let (tree, wanted) = (&configuration.tree, &configuration.wanted);
    let value = configuration.value(name);
    let off = symbol.kind == Kind::Bool && value == "n";
    let remedy = if off { tree.remedy(wanted, name, "y") } else { None };
    let changes = remedy
        .as_ref()
        .map(|list| list.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>());
    if json {
        return print_json(&json!({
            "symbol": name,
            "value": typed(symbol, value),
            "why": tree.state(wanted).explain(name),
            "turn_on": changes.map_or(Value::Null, Value::from),
        }));
    }
    let mut text = tree.state(wanted).explain_fully(name).unwrap_or_default();
    text.truncate(text.trim_end().len());
    text.push('\n');
    match (off, changes) {
        (false, _) => {}
        (true, None) => text.push_str("\nNo changes were found that turn it on.\n"),
        (true, Some(list)) => {
            text.push_str(&format!("\nTo turn it on: --set {}\n", list.join(" --set ")));
        }
    }
    print(text)
}
