//! `unilith size`

use crate::args::Size;
use crate::error::Result;
use crate::project;
use serde_json::json;
use unilith_image::symbols;

pub fn size(args: &Size) -> Result {
    let (_, _, catalog, _, image) = project::build_target(&args.target)?;
    let symbols = symbols::symbols(&catalog, &image.debug_image)?;
    let rows = symbols::sizes(&symbols, image.bytes);
    if args.json {
        let list: Vec<_> =
            rows.iter().map(|(owner, bytes)| json!({ "library": owner, "bytes": bytes })).collect();
        println!("{:#}", json!({ "image": image.image, "bytes": image.bytes, "libraries": list }));
        return Ok(0);
    }
    for (owner, bytes) in &rows {
        println!("{bytes:>8}  {:>5.1}%  {owner}", *bytes as f64 * 100.0 / image.bytes as f64);
    }
    println!("{:>8}  100.0%  {}", image.bytes, image.image.display());
    Ok(0)
}
