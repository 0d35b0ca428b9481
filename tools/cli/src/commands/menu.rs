//! `unilith menu`: an application's configuration in a menu.

use crate::args::{Menu, Options};
use crate::commands::config;
use crate::error::{Error, Result};
use crate::output::say;
use crate::project;
use std::collections::BTreeMap;
use std::io::{IsTerminal, stdin, stdout};
use std::path::{Path, PathBuf};
use unilith_image::app::App;
use unilith_image::catalog::Catalog;
use unilith_image::compose::Configuration;
use unilith_kconfig::{State, Tristate};
use unilith_menu::{Ended, Storage, Subject};

pub fn menu(args: &Menu) -> Result {
    let here = Path::new(".");
    let directory = match &args.app {
        Some(app) => app.as_path(),
        None if here.join(project::APP_FILE).is_file() => here,
        None => {
            return Err(Error::usage(
                "no application here; give the directory of one, as in: unilith menu apps/hello",
            ));
        }
    };
    let app = App::load(directory)?;
    demand_terminal()?;
    let root = project::root()?;
    let configuration = project::configure(&root, &app, &unset())?;
    let mut libraries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for library in Catalog::load(&root)?.libraries.into_values() {
        if let Some(binding) = library.binding {
            libraries.entry(binding.symbol).or_default().push(library.directory);
        }
    }
    let subject = Subject {
        title: format!("Unilith: {}", app.name),
        file: directory.join(project::APP_FILE).display().to_string(),
        saved: true,
        libraries,
        ..Subject::default()
    };
    let state = configuration.tree.state(&configuration.wanted);
    open(state, subject, &mut AppFile { root, directory: directory.to_owned() })
}

/// Nothing beyond what the application says.
fn unset() -> Options {
    Options { plat: None, set: vec![] }
}

/// Fails where a menu cannot be drawn.
pub fn demand_terminal() -> Result<()> {
    if stdin().is_terminal() && stdout().is_terminal() {
        return Ok(());
    }
    Err(Error::usage(
        "a menu needs a terminal, for both input and output; elsewhere use `unilith config set` or `unilith kconfig olddefconfig`",
    ))
}

/// Runs a menu, and tells what has become of the changes.
pub fn open(state: State, subject: Subject, storage: &mut dyn Storage) -> Result {
    let mut menu = unilith_menu::Menu::new(state, subject);
    let ended = unilith_menu::run(&mut menu, storage)
        .map_err(|e| Error::failed(format!("the terminal: {e}")))?;
    if let Some(done) = menu.last_saved() {
        say(format_args!("unilith: {done}"));
    }
    if menu.is_changed() {
        say("unilith: changes are not saved");
    }
    Ok(match ended {
        Ended::Left => 0,
        Ended::Signal(number) => u8::try_from(128 + number).unwrap_or(1),
    })
}

/// An application's unilith.toml, in which the menu saves what `config set` would.
struct AppFile {
    root: PathBuf,
    directory: PathBuf,
}

impl AppFile {
    /// What the file says now.
    fn resolve(&self, set: &[String]) -> Result<(App, Configuration)> {
        let app = App::load(&self.directory)?;
        let options = Options { set: set.to_vec(), ..unset() };
        let configuration = project::configure(&self.root, &app, &options)?;
        Ok((app, configuration))
    }

    fn write(&self, state: &mut State) -> Result<String> {
        let (_, before) = self.resolve(&[])?;
        let mut old = before.tree.state(&before.wanted);
        let tree = state.tree();
        // What the user says, that holds, and that the file does not say. `different` of it has
        // another value now; the rest only has to be said if that is not enough.
        let (mut all, mut different) = (vec![], vec![]);
        for symbol in tree.symbols() {
            let Some(id) = tree.find(&symbol.name) else { continue };
            let value = state.value(id).to_owned();
            if state.user_value(id) != Some(&value) {
                continue;
            }
            if tree.choice_of(id).is_some() && state.tristate(id) != Tristate::Yes {
                continue;
            }
            let Some(known) = before.tree.find(&symbol.name) else { continue };
            let assignment = format!("{}={value}", symbol.name);
            if old.value(known) != value {
                different.push(assignment.clone());
            }
            if old.user_value(known) != Some(&value) || old.value(known) != value {
                all.push(assignment);
            }
        }
        let mut problem = None;
        for assignments in [different, all] {
            let (app, after) = self.resolve(&assignments)?;
            problem = difference(state, &after);
            if problem.is_none() {
                let file = self.directory.join(project::APP_FILE);
                if assignments.is_empty() {
                    return Ok(format!("no change to {}", file.display()));
                }
                config::change::write(&app, &after, &[], &assignments)?;
                return Ok(format!("configuration written to {}", file.display()));
            }
        }
        Err(Error::failed(problem.unwrap_or_default()))
    }

    fn read(&self, state: &mut State, file: &str) -> Result<String> {
        let fresh = if Path::new(file) == self.directory.join(project::APP_FILE) {
            let (_, configuration) = self.resolve(&[])?;
            state.tree().state(&configuration.wanted)
        } else {
            let text = std::fs::read(file).map_err(|e| Error::failed(format!("{file}: {e}")))?;
            let mut fresh = State::new(state.tree());
            fresh.read(&String::from_utf8_lossy(&text), file);
            fresh
        };
        *state = fresh;
        Ok(format!("configuration read from {file}"))
    }
}

/// The first symbol that would not have the value that it has in the menu.
fn difference(state: &mut State, after: &Configuration) -> Option<String> {
    let tree = state.tree();
    tree.symbols().find_map(|symbol| {
        let wanted = state.value(tree.find(&symbol.name)?).to_owned();
        let got = after.value(&symbol.name);
        (wanted != got).then(|| {
            format!(
                "{}={wanted} cannot be kept in {}: read again, it would be {got:?}",
                symbol.name,
                project::APP_FILE
            )
        })
    })
}

impl Storage for AppFile {
    fn save(&mut self, state: &mut State, _: &str) -> std::result::Result<String, String> {
        self.write(state).map_err(|e| e.to_string())
    }

    fn load(&mut self, state: &mut State, file: &str) -> std::result::Result<String, String> {
        self.read(state, file).map_err(|e| e.to_string())
    }
}
