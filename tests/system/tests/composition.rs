//! What is not selected is not in the image.

use unilith_harness::{PLATFORMS, json};

/// The crate of each library with a symbol of its own, and whether it is selected.
fn libraries(app: &str, plat: &str) -> Vec<(String, bool)> {
    let list = json(["libs", app, "-p", plat, "--json"]);
    let list = list.as_array().expect("a list");
    let bound = list.iter().filter(|library| library["symbol"].is_string());
    bound
        .map(|library| {
            let package = library["package"].as_str().expect("a name").replace('-', "_");
            (package, library["selected"].as_bool().expect("a truth"))
        })
        .collect()
}

fn symbols(app: &str, plat: &str) -> String {
    let built = json(["build", app, "-p", plat, "--json"]);
    std::fs::read_to_string(built["symbols"].as_str().expect("a path")).expect("the symbols")
}

/// Whether `text` has `name` as a whole identifier.
fn mentions(text: &str, name: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + name.len()..].starts_with(part))
}

#[test]
fn a_library_that_is_not_selected_leaves_no_symbol() {
    for app in ["apps/hello", "/bin/busybox"] {
        for plat in PLATFORMS {
            let symbols = symbols(app, plat);
            let libraries = libraries(app, plat);
            assert!(libraries.iter().any(|(_, selected)| !selected));
            for (name, _) in libraries.iter().filter(|(_, selected)| !selected) {
                assert!(!mentions(&symbols, name), "{name} is in {app} for {plat}");
            }
        }
    }
}

/// The check above can fail: the same libraries are found where they are selected.
#[test]
fn selected_libraries_are_found_by_their_symbols() {
    let symbols = symbols("/bin/busybox", "qemu");
    for name in ["unilith_tlsf", "unilith_cpio", "unilith_posix_fs", "unilith_elf", "unilith_vfs"] {
        assert!(mentions(&symbols, name), "{name}");
    }
}

/// One at a time: switching a library off takes its symbols out of the image.
#[test]
fn switching_a_library_off_removes_it() {
    for (symbol, name) in [("POSIX_TIME", "unilith_posix_time"), ("DEVFS", "unilith_devfs")] {
        let off = format!("{symbol}=n");
        let built = json(["build", "/bin/busybox", "-p", "qemu", "--set", &off, "--json"]);
        let symbols = std::fs::read_to_string(built["symbols"].as_str().expect("a path"));
        assert!(!mentions(&symbols.expect("the symbols"), name), "{name}");
    }
}
