//! `unilith size`

use crate::args::Size;
use crate::error::Result;
use crate::output::{print, print_json};
use crate::project;
use serde_json::json;
use unilith_image::symbols;

pub fn size(args: &Size) -> Result {
    let (catalog, image) = project::build_target(&args.target)?;
    let symbols = symbols::symbols(&catalog, &image.debug_image)?;
    let rows = symbols::sizes(&symbols, image.bytes);
    if args.json {
        let list: Vec<_> =
            rows.iter().map(|(owner, bytes)| json!({ "library": owner, "bytes": bytes })).collect();
        return print_json(
            &json!({ "image": image.image, "bytes": image.bytes, "libraries": list }),
        );
    }
    let share = |bytes: u64| bytes as f64 * 100.0 / image.bytes as f64;
    let mut text: String = rows
        .iter()
        .map(|(owner, bytes)| format!("{bytes:>8}  {:>5.1}%  {owner}\n", share(*bytes)))
        .collect();
    text.push_str(&format!("{:>8}  100.0%  {}\n", image.bytes, image.image.display()));
    print(text)
}
