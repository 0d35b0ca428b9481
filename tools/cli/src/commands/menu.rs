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
use unilith_image::compose::{self, Configuration};
use unilith_kconfig::{State, Tristate, bare};
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
    App::load(directory)?;
    demand_terminal()?;
    let root = project::root()?;
    // The same as what is built, also where that depends on the program.
    let app = project::subject(directory)?.app;
    let configuration = project::configure(&root, &app, &unset())?;
    let mut libraries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for library in Catalog::load(&root)?.libraries.into_values() {
        if let Some(binding) = library.binding {
            libraries.entry(binding.symbol).or_default().push(library.directory);
        }
    }
    let base = profile(&root, &app)?;
    let subject = Subject {
        title: format!("Unilith: {}", app.name),
        file: directory.join(project::APP_FILE).display().to_string(),
        saved: true,
        base: Some(base.clone()),
        libraries,
        ..Subject::default()
    };
    let state = configuration.tree.state(&configuration.wanted);
    open(state, subject, &mut AppFile { root, directory: directory.to_owned(), base })
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
    /// What the profile says.
    base: Values,
}

/// Values by symbol.
type Values = BTreeMap<String, String>;

/// What the profile of an application says.
fn profile(root: &Path, app: &App) -> Result<Values> {
    let config = compose::profile(root, app)?;
    Ok(config.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

impl AppFile {
    /// What the file says now, with some of it taken out and some set besides.
    fn resolve(&self, out: &[String], set: &[String]) -> Result<(App, Configuration)> {
        let mut app = project::subject(&self.directory)?.app;
        app.config.retain(|name, _| !out.iter().any(|out| out == bare(name)));
        let options = Options { set: set.to_vec(), ..unset() };
        let configuration = project::configure(&self.root, &app, &options)?;
        Ok((app, configuration))
    }

    fn write(&self, state: &mut State) -> Result<String> {
        let (app, before) = self.resolve(&[], &[])?;
        let old = before.tree.state(&before.wanted);
        let file = self.directory.join(project::APP_FILE);
        let out = taken_back(state, &app, &old, &self.base);
        let mut problem = None;
        // What nobody said is tried last: taken out, a symbol may have got another value.
        for (out, loud) in [(&out[..], false), (&[], true)] {
            // Without that there may be nothing that holds.
            let Ok((_, left)) = self.resolve(out, &[]) else { continue };
            for assignments in candidates(state, &left, loud) {
                let after = match self.resolve(out, &assignments) {
                    Ok((_, after)) => after,
                    Err(error) => {
                        problem = problem.or(Some(error.to_string()));
                        continue;
                    }
                };
                if let Some(different) = difference(state, &after) {
                    problem = problem.or(Some(different));
                    continue;
                }
                if assignments.is_empty() && out.is_empty() {
                    return Ok(format!("no change to {}", file.display()));
                }
                config::change::write(&app, &after, out, &assignments)?;
                return Ok(format!("configuration written to {}", file.display()));
            }
        }
        Err(Error::failed(problem.unwrap_or_else(|| "it does not hold".to_owned())))
    }

    fn read(&self, state: &mut State, file: &str) -> Result<String> {
        let fresh = if Path::new(file) == self.directory.join(project::APP_FILE) {
            let (_, configuration) = self.resolve(&[], &[])?;
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

/// What the file says and the user took back.
fn taken_back(state: &State, app: &App, old: &State, base: &Values) -> Vec<String> {
    let tree = state.tree();
    let back = |name: &&str| {
        let Some((id, known)) = tree.find(name).zip(old.tree().find(name)) else { return false };
        // In a choice, to be n is to be left out.
        let counts = |value: &&str| tree.choice_of(id).is_none() || *value != "n";
        let now = state.user_value(id).filter(counts);
        now != old.user_value(known).filter(counts) && now == base.get(*name).map(String::as_str)
    };
    app.config.keys().map(|name| bare(name)).filter(back).map(str::to_owned).collect()
}

/// Assignments that may make of `before` what the menu has: those of the user that have another
/// value now; all of the user's that are not said yet, if that is not enough; with `loud`, also
/// what the user did not say.
fn candidates(state: &mut State, before: &Configuration, loud: bool) -> [Vec<String>; 2] {
    let tree = state.tree();
    let mut old = before.tree.state(&before.wanted);
    let (mut all, mut different) = (vec![], vec![]);
    for symbol in tree.symbols() {
        let Some(id) = tree.find(&symbol.name) else { continue };
        let value = state.value(id).to_owned();
        let said = state.user_value(id) == Some(&value);
        let counts = said || loud && state.is_changeable(id);
        if !counts {
            continue;
        }
        if tree.choice_of(id).is_some() && state.tristate(id) != Tristate::Yes {
            continue;
        }
        let Some(known) = before.tree.find(&symbol.name) else { continue };
        let assignment = format!("{}={value}", symbol.name);
        let other = old.value(known) != value;
        if other {
            different.push(assignment.clone());
        }
        if other || said && old.user_value(known) != Some(&value) {
            all.push(assignment);
        }
    }
    [different, all]
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
