//! Composition: a solved configuration becomes an image crate that a person can read.

use crate::app::{self, App, Kind};
use crate::catalog::{Catalog, Library, Link};
use crate::{Error, read};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use unilith_kconfig::{Config, NotHeld, Solution, Tree};

/// The configuration of one image.
pub struct Configuration {
    /// The language's tree.
    pub tree: Tree,
    /// What the user said.
    pub wanted: Config,
    /// What follows from it.
    pub solution: Solution,
}

/// What the profile of an application says.
///
/// # Errors
/// There is none of that name, or it cannot be parsed.
pub fn profile(root: &Path, app: &App) -> Result<Config, Error> {
    let directory = root.join("profiles");
    let file = directory.join(format!("{}.config", app.profile()));
    if !file.is_file() {
        let names = std::fs::read_dir(directory).into_iter().flatten().flatten();
        let mut names: Vec<String> = names
            .filter_map(|e| Some(e.path().file_stem()?.to_string_lossy().into_owned()))
            .collect();
        names.sort();
        return Err(Error::Config(format!(
            "there is no profile `{}`; profiles are: {}",
            app.profile(),
            names.join(", ")
        )));
    }
    let name = file.display().to_string();
    Config::parse(&read(&file)?, &name).map_err(|e| Error::Config(e.to_string()))
}

impl Configuration {
    /// Loads the tree, the application's profile and `[config]`, then `overrides` (`SYM=VAL`).
    ///
    /// # Errors
    /// A file that cannot be parsed, an unknown symbol, a wrong type, a value that cannot hold.
    pub fn resolve(root: &Path, app: &App, overrides: &[String]) -> Result<Self, Error> {
        let config = |error: &dyn std::fmt::Display| Error::Config(error.to_string());
        let tree = Tree::load(&root.join("Kconfig"), &BTreeMap::new()).map_err(|e| config(&e))?;
        let mut wanted = profile(root, app)?;
        // A profile is for every platform: what one does not have is left out. What the application
        // or the user says has to hold.
        let mut demanded = Config::new();
        for assignment in app.assignments()? {
            let file = app.directory.join(app::FILE);
            tree.assign(&mut wanted, &assignment)
                .and_then(|()| tree.assign(&mut demanded, &assignment))
                .map_err(|e| Error::file(&file, format!("[config]: {e}")))?;
        }
        for assignment in overrides {
            tree.assign(&mut wanted, assignment)
                .and_then(|()| tree.assign(&mut demanded, assignment))
                .map_err(|e| config(&e))?;
        }
        let solution = tree.solve(&wanted);
        if let Some(problem) = tree.state(&wanted).check(&demanded).first() {
            return Err(Error::Config(with_remedy(&tree, &wanted, problem)));
        }
        if app.kind.is_program() && !solution.is_set("ELF") {
            return Err(Error::Config(format!(
                "{} is a Linux program, and the configuration has nothing that runs one; set ELF=y, or take profile = \"elf\"",
                app.name
            )));
        }
        if let Some(warning) = solution.warnings().first() {
            return Err(Error::Config(warning.trim().to_owned()));
        }
        Ok(Self { tree, wanted, solution })
    }

    /// Whether a symbol is y.
    pub fn is_set(&self, symbol: &str) -> bool {
        self.solution.is_set(symbol)
    }

    /// A symbol's value as text.
    pub fn value(&self, symbol: &str) -> &str {
        self.solution.value(symbol).unwrap_or_default()
    }

    /// The whole configuration as a `.config` file of `name`.
    pub fn to_config(&self, name: &str) -> String {
        self.tree.to_config(&self.wanted, name)
    }
}

/// What is wrong, and the fewest assignments that would do, if it takes more than one other.
fn with_remedy(tree: &Tree, wanted: &Config, problem: &NotHeld) -> String {
    let changes = tree.remedy(wanted, &problem.symbol, &problem.wanted).unwrap_or_default();
    let others: Vec<String> = changes
        .iter()
        .filter(|(name, _)| *name != problem.symbol)
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    if others.len() < 2 {
        return problem.to_string();
    }
    format!("{problem}; all that it takes: {}", others.join(" "))
}

/// An image crate: the content of its files, and how its image is packed.
pub struct Composition {
    /// The package's and the image's name.
    pub name: String,
    /// `Cargo.toml`.
    pub manifest: String,
    /// `.cargo/config.toml`.
    pub cargo_config: String,
    /// `src/main.rs`.
    pub main: String,
    /// `.config`.
    pub config: String,
    /// The platform's way of linking.
    pub link: Link,
    /// `x86_64`.
    pub arch: String,
    /// `qemu`, `linux`.
    pub platform: String,
}

/// Composes the image crate `name` of `app`.
///
/// # Errors
/// The application's manifest cannot be read, or there is no platform.
pub fn compose(
    catalog: &Catalog,
    configuration: &Configuration,
    app: &App,
    name: &str,
) -> Result<Composition, Error> {
    let selected = catalog.selected(|symbol| configuration.is_set(symbol));
    let platform = selected
        .iter()
        .find(|library| library.binding.as_ref().is_some_and(|b| b.link.is_some()))
        .ok_or_else(|| Error::Config("no platform is selected".to_owned()))?;
    let link = platform.binding.clone().and_then(|b| b.link).unwrap_or_default();
    let application = match app.kind {
        Kind::Rust => Some(app.package()?),
        Kind::Elf | Kind::C => None,
    };
    let mut main = main_file(&selected, configuration, app, application.as_deref(), name);
    if let Some(script) = &link.script {
        // Cargo does not know the linker's input: a changed script changes this line.
        let text = read(&catalog.root.join(&platform.directory).join(script))?;
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        let _ = write!(
            main,
            "\n// Linked as {}/{script} says (its hash: {:016x}).\n",
            platform.directory,
            hasher.finish()
        );
    }
    Ok(Composition {
        name: name.to_owned(),
        manifest: manifest(
            catalog,
            &selected,
            configuration,
            app,
            application.as_deref(),
            name,
            &main,
        ),
        cargo_config: cargo_config(catalog, &selected, configuration, platform, &link),
        main,
        config: configuration.to_config(name),
        link,
        arch: configuration.value("ARCH").to_owned(),
        platform: configuration.value("PLATFORM").to_owned(),
    })
}

fn main_file(
    selected: &[&Library],
    configuration: &Configuration,
    app: &App,
    application: Option<&str>,
    name: &str,
) -> String {
    let mut collected: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for binding in selected.iter().filter_map(|l| l.binding.as_ref()) {
        for (list, element) in &binding.collect {
            collected.entry(list).or_default().push(element);
        }
    }
    let expand = |text: &str| {
        text.split('@').enumerate().fold(String::new(), |mut out, (i, part)| {
            if i % 2 == 0 {
                out.push_str(part);
            } else {
                out.push_str(&collected.get(part).map(|list| list.join(", ")).unwrap_or_default());
            }
            out
        })
    };

    let mut text = String::new();
    let mut line = |part: &str| {
        text.push_str(part);
        text.push('\n');
    };
    line(&format!("//! {name}: the composition root of `{}`.", app.name));
    line("//!");
    line(
        "//! Written by `unilith build` from the configuration in `.config`; what stands here is what the",
    );
    line("//! operating system of this image consists of, in boot order. Changes are overwritten.");
    line("#![no_std]");
    line("#![no_main]");
    line("");
    for library in selected {
        let Some(binding) = &library.binding else { continue };
        let when = binding.root.when.iter().filter(|(symbol, _)| configuration.is_set(symbol));
        let items: Vec<&String> =
            binding.root.items.iter().chain(when.map(|(_, items)| items)).collect();
        if !items.is_empty() {
            line(&format!("// {}: {}.", library.directory, library.description));
            items.iter().for_each(|item| line(expand(item).trim_end()));
            line("");
        }
    }
    line("/// Called by the platform, on the boot stack.");
    line("#[unsafe(no_mangle)]");
    line("fn __unilith_main() -> ! {");
    let timing = configuration.is_set("BOOT_TIMING");
    if timing {
        line("    unilith_boot::mark(\"platform\");");
    }
    for library in selected {
        if let Some(boot) = library.binding.as_ref().and_then(|b| b.root.boot.as_ref()) {
            line(&format!("    // {}", library.directory));
            // A library that ends the boot by starting its program is marked before.
            let ends = boot.contains("unilith_exit::exit");
            if timing && ends {
                line("    unilith_boot::mark(\"main\");");
            }
            line(&format!("    {}", expand(boot).trim_end()));
            if timing && !ends {
                line(&format!("    unilith_boot::mark(\"{}\");", library.directory));
            }
        }
    }
    if let Some(package) = application {
        if timing {
            line("    unilith_boot::mark(\"main\");");
        }
        let module = package.replace('-', "_");
        line(&format!("    let status = unilith_boot::Outcome::status({module}::main());"));
        if timing {
            line("    unilith_boot::mark(\"exit\");");
        }
        line("    unilith_exit::exit(status)");
    }
    line("}");
    text
}

fn manifest(
    catalog: &Catalog,
    selected: &[&Library],
    configuration: &Configuration,
    app: &App,
    application: Option<&str>,
    name: &str,
    main: &str,
) -> String {
    let mut packages: BTreeSet<&str> = selected.iter().map(|l| l.package.as_str()).collect();
    // What the composition root names without its being a choice: API crates.
    packages.extend(
        catalog
            .libraries
            .values()
            .filter(|l| mentions(main, &l.crate_name()))
            .map(|l| l.package.as_str()),
    );
    let mut dependencies = String::new();
    for library in packages.iter().filter_map(|package| catalog.libraries.get(*package)) {
        let features: Vec<String> = library
            .binding
            .iter()
            .flat_map(|b| &b.features)
            .filter(|(symbol, _)| configuration.is_set(symbol))
            .map(|(_, feature)| format!("{feature:?}"))
            .collect();
        let path = catalog.root.join(&library.directory);
        // What an image contains is what Kconfig says, not what a crate takes by default.
        let _ = write!(
            dependencies,
            "{} = {{ path = {:?}, default-features = false",
            library.package, path
        );
        if !features.is_empty() {
            let _ = write!(dependencies, ", features = [{}]", features.join(", "));
        }
        dependencies.push_str(" }\n");
    }
    if let Some(package) = application {
        let _ = writeln!(dependencies, "{package} = {{ path = {:?} }}", app.directory);
    }
    let level = if configuration.is_set("OPTIMIZE_SPEED") { "3" } else { "\"s\"" };
    let debug = configuration.is_set("DEBUG");
    format!(
        "# Written by `unilith build`.\n[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n[workspace]\n\n[dependencies]\n{dependencies}\n[profile.release]\nopt-level = {level}\nlto = \"fat\"\ncodegen-units = 1\npanic = \"abort\"\ndebug = \"line-tables-only\"\ndebug-assertions = {debug}\noverflow-checks = {debug}\n"
    )
}

/// Whether `text` has the identifier `word`.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + word.len()..].starts_with(part))
}

fn cargo_config(
    catalog: &Catalog,
    selected: &[&Library],
    configuration: &Configuration,
    platform: &Library,
    link: &Link,
) -> String {
    let mut flags: Vec<String> = [
        "linker=rust-lld",
        "linker-flavor=ld.lld",
        "link-self-contained=no",
        "default-linker-libraries=no",
        "relocation-model=static",
        "force-frame-pointers=yes",
        "symbol-mangling-version=v0",
        "link-arg=-nostdlib",
        "link-arg=-static",
        "link-arg=--no-pie",
        "link-arg=--gc-sections",
        "link-arg=--build-id=none",
    ]
    .iter()
    .flat_map(|flag| ["-C".to_owned(), (*flag).to_owned()])
    .collect();
    if let Some(script) = &link.script {
        let path = catalog.root.join(&platform.directory).join(script);
        flags.extend(["-C".to_owned(), format!("link-arg=-T{}", path.display())]);
    }
    flags.extend(link.rustflags.iter().cloned());
    let flags: Vec<String> = flags.iter().map(|flag| format!("{flag:?}")).collect();
    let mut text = format!(
        "# Written by `unilith build`: `cargo build --release` here makes the same image.\n[build]\ntarget = \"x86_64-unknown-linux-gnu\"\ntarget-dir = \"../target\"\nrustflags = [{}]\n\n[env]\n",
        flags.join(", ")
    );
    let constants: BTreeSet<&String> =
        selected.iter().filter_map(|l| l.binding.as_ref()).flat_map(|b| &b.constants).collect();
    for symbol in constants {
        let value = configuration.value(symbol);
        if !value.is_empty() {
            let _ = writeln!(text, "CONFIG_{symbol} = {{ value = {value:?}, force = true }}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn identifiers_are_whole_words() {
        assert!(mentions("a::b(c)", "b"));
        assert!(!mentions("ab::c", "b"));
        assert!(!mentions("unilith_fs_api", "unilith_fs"));
    }
}
