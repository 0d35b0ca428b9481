//! `unilith build`

use crate::args::Build;
use crate::error::{Error, Result};
use crate::output::{print, print_json};
use crate::project;
use serde_json::json;
use unilith_image::app::Kind;
use unilith_image::symbols;

pub fn build(args: &Build) -> Result {
    let app = project::subject(&args.target.app)?.app;
    if app.kind == Kind::C {
        // The program is no part of the image, but a build that succeeds can be run.
        project::compile(&app)?;
    }
    let (catalog, _, image) = project::build(&project::root()?, &app, &args.target.options)?;
    if args.json {
        // Addresses, sizes and names, for profilers and debuggers that read no DWARF.
        let path = image.directory.join("image.sym");
        if image.rebuilt || !path.is_file() {
            let list: String = symbols::symbols(&catalog, &image.debug_image)?
                .iter()
                .map(|s| format!("{:016x} {:6x} {}\n", s.address, s.size, s.name))
                .collect();
            std::fs::write(&path, list)
                .map_err(|e| Error::failed(format!("{}: {e}", path.display())))?;
        }
        return print_json(&json!({
            "image": image.image,
            "debug_image": image.debug_image,
            "bytes": image.bytes,
            "platform": image.platform,
            "arch": image.arch,
            "symbols": path,
        }));
    }
    print(format!("{} ({} bytes)\n", image.image.display(), image.bytes))
}
