//! The micro-libraries that there are: read from their own `Cargo.toml`, never from a central
//! table.

use crate::{Error, read};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where micro-libraries live below the project's root, and how many directories deep. `ext` has
/// the external ones, in the same form; it need not be there.
pub(crate) const PLACES: [(&str, usize); 5] =
    [("arch", 1), ("plat", 1), ("drivers", 2), ("lib", 2), ("ext", 2)];

/// A micro-library, or an API crate (which has no [`Binding`]).
#[derive(Clone, Debug)]
pub struct Library {
    /// Its directory below the project's root: its name for people.
    pub directory: String,
    /// Its cargo package.
    pub package: String,
    /// One line about it.
    pub description: String,
    /// How it is bound into an image.
    pub binding: Option<Binding>,
    /// The packages of the project that it is written against.
    pub dependencies: BTreeSet<String>,
}

impl Library {
    /// Its name in Rust code.
    pub fn crate_name(&self) -> String {
        self.package.replace('-', "_")
    }

    /// The directory that it is in, which names its family: `lib/net`, `drivers/virtio`, `arch`.
    pub fn family(&self) -> &str {
        self.directory.rsplit_once('/').map_or("", |(family, _)| family)
    }

    /// Its name within its family.
    pub fn name(&self) -> &str {
        self.directory.rsplit_once('/').map_or(&self.directory, |(_, name)| name)
    }
}

/// `[package.metadata.unilith]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// The Kconfig symbol that selects the library.
    pub symbol: String,
    /// Kconfig symbol to cargo feature.
    #[serde(default)]
    pub features: BTreeMap<String, String>,
    /// Kconfig symbols whose values the compiler is told.
    #[serde(default)]
    pub constants: Vec<String>,
    /// Elements of lists that other libraries gather.
    #[serde(default)]
    pub collect: BTreeMap<String, String>,
    /// Beginnings of its symbols that are not Rust paths.
    #[serde(default)]
    pub names: Vec<String>,
    /// What the composition root says for it.
    #[serde(default)]
    pub root: Root,
    /// How an image for this platform is linked; platforms only.
    pub link: Option<Link>,
}

/// What the composition root says for a library.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// Position in the boot sequence.
    #[serde(default)]
    pub order: u8,
    /// At module level.
    pub items: Option<String>,
    /// In the boot function.
    pub boot: Option<String>,
    /// At module level where a Kconfig symbol is on.
    #[serde(default)]
    pub when: BTreeMap<String, String>,
}

/// How an image is linked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The linker script, in the library's directory.
    pub script: Option<String>,
    /// Flags for the compiler.
    #[serde(default)]
    pub rustflags: Vec<String>,
    /// The image is loaded by pages: file offsets keep their place within a page.
    #[serde(default)]
    pub paged: bool,
}

#[derive(Deserialize)]
struct Manifest {
    package: Package,
    #[serde(default)]
    dependencies: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    unilith: Option<Binding>,
}

/// All libraries, by package.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// The project's root.
    pub root: PathBuf,
    /// The libraries.
    pub libraries: BTreeMap<String, Library>,
}

impl Catalog {
    /// Reads every library's manifest below `root`.
    ///
    /// # Errors
    /// A manifest cannot be read or says something unknown.
    pub fn load(root: &Path) -> Result<Self, Error> {
        let mut libraries = BTreeMap::new();
        for (place, depth) in PLACES {
            for directory in directories(&root.join(place), depth) {
                let path = directory.join("Cargo.toml");
                if !path.is_file() {
                    continue;
                }
                let library = load(root, &directory, &path)?;
                libraries.insert(library.package.clone(), library);
            }
        }
        Ok(Self { root: root.to_owned(), libraries })
    }

    /// The libraries that `is_set` selects, in boot order.
    pub fn selected(&self, is_set: impl Fn(&str) -> bool) -> Vec<&Library> {
        let bound =
            |library: &&Library| library.binding.as_ref().is_some_and(|b| is_set(&b.symbol));
        let mut selected: Vec<&Library> = self.libraries.values().filter(bound).collect();
        selected.sort_by_key(|library| {
            (library.binding.as_ref().map_or(0, |b| b.root.order), &library.directory)
        });
        selected
    }
}

fn directories(place: &Path, depth: usize) -> Vec<PathBuf> {
    if depth == 0 {
        return vec![place.to_owned()];
    }
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let mut inside: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    inside.sort();
    inside.into_iter().flat_map(|path| directories(&path, depth - 1)).collect()
}

fn load(root: &Path, directory: &Path, path: &Path) -> Result<Library, Error> {
    let manifest: Manifest =
        toml::from_str(&read(path)?).map_err(|error| Error::file(path, error))?;
    let local = |(name, value): (String, toml::Value)| {
        let optional = value.get("optional").and_then(toml::Value::as_bool).unwrap_or(false);
        (value.get("path").is_some() && !optional).then_some(name)
    };
    Ok(Library {
        directory: directory.strip_prefix(root).unwrap_or(directory).to_string_lossy().into_owned(),
        package: manifest.package.name,
        description: manifest.package.description,
        binding: manifest.package.metadata.unilith,
        dependencies: manifest.dependencies.into_iter().filter_map(local).collect(),
    })
}
