//! Changes of an application's own configuration: `[config]` of its unilith.toml. The rest of the
//! file stays as it is.

use crate::args::Options;
use crate::error::{Error, Result};
use crate::project;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, TableLike, value};
use unilith_image::app::App;
use unilith_image::compose::Configuration;
use unilith_kconfig::{Kind, bare};

/// A file of an application, read to be changed.
struct File {
    path: PathBuf,
    document: DocumentMut,
}

impl File {
    fn read(app: &App) -> Result<Self> {
        let path = app.directory.join(project::APP_FILE);
        let text = std::fs::read_to_string(&path)
            .map_err(|e| Error::failed(format!("{}: {e}", path.display())))?;
        let document =
            text.parse().map_err(|e| Error::usage(format!("{}: {e}", path.display())))?;
        Ok(Self { path, document })
    }

    fn config(&mut self) -> Result<&mut dyn TableLike> {
        let path = &self.path;
        let config = self.document.entry("config").or_insert(Item::Table(Table::new()));
        config
            .as_table_like_mut()
            .ok_or_else(|| Error::usage(format!("{}: config is not a table", path.display())))
    }

    fn write(&self) -> Result {
        std::fs::write(&self.path, self.document.to_string())
            .map_err(|e| Error::failed(format!("{}: {e}", self.path.display())))?;
        Ok(0)
    }
}

/// Writes symbols.
pub fn set(path: &Path, assignments: &[String]) -> Result {
    let app = App::load(path)?;
    // Fails if one of them is wrong or cannot hold.
    let options = Options { plat: None, set: assignments.to_vec() };
    let configuration = project::configure(&project::root()?, &app, &options)?;
    write(&app, &configuration, &[], assignments)
}

/// Takes a symbol out, however it is written.
fn forget(table: &mut dyn TableLike, name: &str) {
    table.remove(name);
    table.remove(&format!("CONFIG_{name}"));
}

/// Takes symbols out, then writes assignments, which hold in `configuration`.
pub fn write(
    app: &App,
    configuration: &Configuration,
    out: &[String],
    assignments: &[String],
) -> Result {
    let mut file = File::read(app)?;
    let table = file.config()?;
    for name in out {
        forget(table, name);
    }
    for assignment in assignments {
        let Some((name, text)) = assignment.split_once('=') else { continue };
        let name = bare(name);
        let new = match configuration.tree.symbol(name).map(|s| s.kind) {
            Some(Kind::Bool | Kind::Tristate) => value(configuration.is_set(name)),
            Some(Kind::Int) => text.parse::<i64>().map_or_else(|_| value(text), value),
            _ => value(text),
        };
        // Of a choice the file says one member: of two, the alphabet would choose.
        let tree = &configuration.tree;
        if configuration.is_set(name)
            && let Some(choice) = tree.find(name).and_then(|id| tree.choice_of(id))
        {
            for &member in tree.members(choice) {
                let other = &*tree.get(member).name;
                if other != name {
                    forget(table, other);
                }
            }
        }
        // It may have been written the other way; of two, the alphabet would choose.
        table.remove(&format!("CONFIG_{name}"));
        // A comment behind a value belongs to the symbol.
        match table.get_mut(name).and_then(Item::as_value_mut) {
            Some(old) => {
                let decor = old.decor().clone();
                if let Ok(mut new) = new.into_value() {
                    *new.decor_mut() = decor;
                    *old = new;
                }
            }
            None => drop(table.insert(name, new)),
        }
    }
    file.write()
}

/// Takes symbols out: the profile or their defaults count again.
pub fn unset(path: &Path, symbols: &[String]) -> Result {
    let mut app = App::load(path)?;
    let mut file = File::read(&app)?;
    let place = file.path.display().to_string();
    let table = file.config()?;
    for symbol in symbols {
        let name = bare(symbol);
        if table.remove(name).is_none() {
            let known: Vec<&str> = table.iter().map(|(name, _)| name).collect();
            let known = match known.as_slice() {
                [] => "it sets nothing".to_owned(),
                names => format!("it sets {}", names.join(", ")),
            };
            return Err(Error::usage(format!("{place}: [config] does not set {name}; {known}")));
        }
        app.config.remove(name);
    }
    // Fails if what is left cannot hold without it.
    project::configure(&project::root()?, &app, &Options { plat: None, set: vec![] })?;
    file.write()
}
