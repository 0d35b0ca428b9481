//! `unilith new lib`

use super::names;
use super::skeleton::{Made, fill, shown};
use crate::args::NewLib;
use crate::error::{Error, Result};
use crate::output::print;
use crate::project;
use std::fmt::Write as _;
use std::path::Path;
use unilith_image::catalog::Catalog;

pub fn lib(args: &NewLib) -> Result {
    let root = project::root()?;
    let given = args.name.strip_prefix("lib/").unwrap_or(&args.name);
    let Some((family, name)) = given.split_once('/').filter(|(_, name)| !name.contains('/')) else {
        return Err(Error::usage(format!(
            "{:?}: give FAMILY/NAME, such as net/mdns; families are {}",
            args.name,
            families(&root)?
        )));
    };
    names::check("family", family)?;
    names::check("name", name)?;
    if family.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(Error::usage(format!(
            "family {family:?}: a family starts with a letter; give another name"
        )));
    }
    if name == "api" || name.ends_with("-api") {
        return Err(Error::usage(format!(
            "{given}: an API crate has traits and no symbol to select it; start from another, such as lib/block/api"
        )));
    }
    let directory = root.join("lib").join(family).join(name);
    if directory.symlink_metadata().is_ok() {
        return Err(Error::usage(format!(
            "{}: there is something already; give another name",
            shown(&directory)
        )));
    }
    let package = format!("unilith-{name}");
    names::check_crate(&root, &package)?;
    let symbol = format!("{family}_{name}").replace('-', "_").to_uppercase();
    if project::tree(&root)?.find(&symbol).is_some() {
        return Err(Error::usage(format!(
            "{given}: there is a symbol {symbol} already; give another name"
        )));
    }
    let (code, title) = (package.replace('-', "_"), titled(name));
    let values =
        [("PACKAGE", package.as_str()), ("CRATE", &code), ("SYMBOL", &symbol), ("TITLE", &title)];
    let mut made = Made::default();
    for (file, template) in [
        ("Cargo.toml", include_str!("templates/lib/Cargo.toml")),
        ("Kconfig", include_str!("templates/lib/Kconfig")),
        ("src/lib.rs", include_str!("templates/lib/lib.rs")),
    ] {
        made.file(&directory.join(file), &fill(template, &values))?;
    }
    // A family that the root of the configuration does not name has a menu of its own.
    if project::tree(&root)?.find(&symbol).is_none() {
        let path = root.join("lib").join(family).join("Kconfig");
        // External libraries are in the same menu, unless they have one.
        let external = if root.join("ext").join(family).join("Kconfig").is_file() {
            String::new()
        } else {
            format!("osource \"ext/{family}/*/Kconfig\"\n")
        };
        let values = [("FAMILY", family), ("MENU", &titled(family)), ("EXTERNAL", &external)];
        made.file(&path, &fill(include_str!("templates/lib/family"), &values))?;
    }
    let catalog = Catalog::load(&root)?;
    if !catalog.libraries.contains_key(&package) || project::tree(&root)?.find(&symbol).is_none() {
        return Err(Error::failed(format!(
            "{given}: what was made is not found again; is lib/{family}/Kconfig sourced by the Kconfig of the checkout?"
        )));
    }
    made.keep();
    let mut text = String::new();
    made.files().for_each(|path| {
        let _ = writeln!(text, "made {}", shown(path));
    });
    let _ = write!(
        text,
        "test it: cargo test -p {package}\nselect it: unilith config set apps/hello {symbol}=y\nuse it, in a Cargo.toml: {package} = {{ path = \"../../lib/{family}/{name}\" }}\n"
    );
    print(text)
}

/// The families of `lib/`.
fn families(root: &Path) -> Result<String> {
    let catalog = Catalog::load(root)?;
    let families = catalog.libraries.values().filter_map(|l| l.family().strip_prefix("lib/"));
    let mut families: Vec<&str> = families.collect();
    families.sort_unstable();
    families.dedup();
    Ok(families.join(", "))
}

/// A name as a title: `ring-buffer` is `Ring buffer`.
fn titled(name: &str) -> String {
    let mut chars = name.chars().map(|c| if c == '-' { ' ' } else { c });
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}
