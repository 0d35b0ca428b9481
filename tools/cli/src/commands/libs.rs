//! `unilith libs`

use crate::args::{Libs, Options};
use crate::error::{Error, Result};
use crate::output::{print, print_json, say};
use crate::project;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use unilith_image::app::App;
use unilith_image::build::{self, Last};
use unilith_image::catalog::{Catalog, Library};
use unilith_image::compose::Configuration;
use unilith_image::graph::written;
use unilith_image::sizes::Sizes;
use unilith_image::symbols;

/// What a library is to an image.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Selected,
    /// Nobody selects it: what is in the image is written against it.
    WithOthers,
    Not,
}

impl State {
    /// For people: one column.
    fn mark(self) -> char {
        match self {
            Self::Selected => '*',
            Self::WithOthers => '-',
            Self::Not => ' ',
        }
    }

    /// For scripts.
    fn name(self) -> &'static str {
        match self {
            Self::Selected => "selected",
            Self::WithOthers => "with others",
            Self::Not => "not",
        }
    }
}

/// An image, as far as it is known without building it.
struct Image {
    configuration: Configuration,
    /// The directories of the selected libraries and of what these are written against.
    reached: BTreeSet<String>,
    /// Bytes by directory; `Err` says why there are none.
    sizes: std::result::Result<BTreeMap<String, u64>, &'static str>,
}

impl Image {
    fn load(root: &Path, catalog: &Catalog, app: &App, options: &Options) -> Result<Self> {
        let configuration = project::configure(root, app, options)?;
        let selected = catalog.selected(|symbol| configuration.is_set(symbol));
        let reached = written::graph(catalog, &app.name, &selected).nodes;
        let sizes = match build::last(catalog, &configuration, app, &project::variant(options))? {
            Last::Nothing => Err("it was not built"),
            Last::Other => Err("it was built in another configuration"),
            Last::Built { debug_image, bytes } => {
                let symbols = symbols::symbols(catalog, &debug_image)?;
                Ok(Sizes::new(&symbols, bytes).libraries().into_iter().collect())
            }
        };
        Ok(Self { configuration, reached, sizes })
    }

    fn state(&self, library: &Library) -> State {
        let bytes = self.bytes(library).unwrap_or(0);
        match &library.binding {
            Some(binding) if self.configuration.is_set(&binding.symbol) => State::Selected,
            // An application may be written against a library itself.
            _ if self.reached.contains(&library.directory) || bytes > 0 => State::WithOthers,
            _ => State::Not,
        }
    }

    /// The library's bytes in the image; `None` if they are not known.
    fn bytes(&self, library: &Library) -> Option<u64> {
        let sizes = self.sizes.as_ref().ok()?;
        Some(sizes.get(&library.directory).copied().unwrap_or(0))
    }
}

pub fn libs(args: &Libs) -> Result {
    let root = project::root()?;
    let catalog = Catalog::load(&root)?;
    let libraries = chosen(&catalog, args.family.as_deref())?;
    let image = match &args.app {
        Some(path) => {
            let app = project::subject(path)?.app;
            Some(Image::load(&root, &catalog, &app, &args.options)?)
        }
        None => None,
    };
    let abouts = abouts(&root, &libraries)?;
    let about = |library: &Library| abouts.get(&library.directory).map_or("", String::as_str);
    if args.json {
        let list: Vec<_> = libraries
            .iter()
            .map(|library| {
                let symbol = library.binding.as_ref().map(|b| b.symbol.as_str());
                json!({
                    "library": library.directory,
                    "family": library.family(),
                    "package": library.package,
                    "symbol": symbol,
                    "description": about(library),
                    "selected": image.as_ref().zip(symbol).map(|(i, s)| i.configuration.is_set(s)),
                    "state": image.as_ref().map(|image| image.state(library).name()),
                    "bytes": image.as_ref().and_then(|image| image.bytes(library)),
                })
            })
            .collect();
        return print_json(&json!(list));
    }
    let status = print(table(&libraries, image.as_ref(), &about))?;
    if let Some(Image { sizes: Err(why), .. }) = &image {
        say(format_args!("unilith: no sizes, as {why}; run: {}", build_command(args)));
    }
    Ok(status)
}

/// The libraries of `family`, or all: by family, then by name.
fn chosen<'c>(catalog: &'c Catalog, family: Option<&str>) -> Result<Vec<&'c Library>> {
    let mut libraries: Vec<&Library> = catalog.libraries.values().collect();
    libraries.sort_by_key(|library| (library.family(), library.name()));
    let Some(wanted) = family else { return Ok(libraries) };
    let short = |family: &str| family.rsplit('/').next() == Some(wanted);
    let mut found = libraries.clone();
    found.retain(|library| library.family() == wanted.trim_end_matches('/'));
    if found.is_empty() {
        found = libraries.iter().copied().filter(|library| short(library.family())).collect();
    }
    if found.is_empty() {
        let families: BTreeSet<&str> = libraries.iter().map(|library| library.family()).collect();
        let families: Vec<&str> = families.into_iter().collect();
        return Err(Error::usage(format!(
            "there is no family {wanted}; families are {}",
            families.join(", ")
        )));
    }
    Ok(found)
}

/// A line about each library, by directory: its description, or what the menu says.
fn abouts(root: &Path, libraries: &[&Library]) -> Result<BTreeMap<String, String>> {
    let mut tree = None;
    let mut abouts = BTreeMap::new();
    for library in libraries {
        let mut about = library.description.clone();
        if let Some(binding) = library.binding.as_ref().filter(|_| about.is_empty()) {
            let tree = match &mut tree {
                Some(tree) => tree,
                None => tree.insert(project::tree(root)?),
            };
            let prompt = tree.symbol(&binding.symbol).and_then(|symbol| tree.prompt(symbol));
            about = prompt.unwrap_or_default().to_owned();
        }
        abouts.insert(library.directory.clone(), about);
    }
    Ok(abouts)
}

/// A heading for each family, and a line for each library.
fn table<'a>(
    libraries: &[&Library],
    image: Option<&Image>,
    about: &dyn Fn(&Library) -> &'a str,
) -> String {
    let symbol = |library: &Library| library.binding.as_ref().map_or("-", |b| &b.symbol).to_owned();
    let longest = |of: &dyn Fn(&Library) -> usize| libraries.iter().map(|l| of(l)).max();
    let name_width = longest(&|library| library.name().len()).unwrap_or(0);
    let symbol_width = longest(&|library| symbol(library).len()).unwrap_or(0);
    let mut text = String::new();
    let mut family = None;
    for library in libraries {
        if family != Some(library.family()) {
            let gap = if family.is_some() { "\n" } else { "" };
            let _ = writeln!(text, "{gap}{}", library.family());
            family = Some(library.family());
        }
        let mark = image.map_or(' ', |image| image.state(library).mark());
        let _ = write!(
            text,
            "{mark} {:<name_width$}  {:<symbol_width$}  ",
            library.name(),
            symbol(library)
        );
        if let Some(image) = image.filter(|image| image.sizes.is_ok()) {
            let bytes = image.bytes(library).filter(|_| image.state(library) != State::Not);
            let bytes = bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
            let _ = write!(text, "{bytes:>7}  ");
        }
        let _ = writeln!(text, "{}", about(library));
    }
    text
}

/// What builds the image that `args` asks about.
fn build_command(args: &Libs) -> String {
    let mut words = vec!["unilith build".to_owned()];
    words.extend(args.app.as_ref().map(|app| app.display().to_string()));
    words.extend(args.options.plat.map(|plat| format!("-p {}", plat.name())));
    words.extend(args.options.set.iter().map(|assignment| format!("--set {assignment}")));
    words.join(" ")
}
