//! docs/syscalls.md tells what the declarations say.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_document_is_up_to_date() {
    let path = root().join("docs/syscalls.md");
    let document = unilith_coverage::document();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &document).expect("the document");
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = document.lines().zip(committed.lines()).find(|(new, old)| new != old);
    assert!(
        document == committed,
        "docs/syscalls.md is out of date: {differing:?}\n\
         make it again: UPDATE=1 cargo test -p unilith-coverage"
    );
}

/// A family that is left out would count as missing.
#[test]
fn every_family_is_in_it() {
    let families = std::fs::read_dir(root().join("lib/posix")).expect("the directory");
    for family in families {
        let path = family.expect("an entry").path();
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let has = manifest.contains("syscalls = \"");
        assert_eq!(has, unilith_coverage::LIBRARIES.contains(&name), "{name}");
    }
}
