//! `unilith kconfig`: the language's own commands, on any tree.

use crate::args::{Kconfig, KconfigCommand as Command};
use crate::error::{Error, Result};
use crate::output::{print, say};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use unilith_kconfig::{Fill, Message, Options, Probability, Random, State, Tree, nearest};
use unilith_menu::{Storage, Subject};

/// What a command sees of the world.
struct Session<'a> {
    args: &'a Kconfig,
    environment: BTreeMap<String, String>,
    srctree: PathBuf,
}

pub fn kconfig(args: &Kconfig) -> Result {
    let session = Session::new(args)?;
    if args.command == Command::Menu {
        super::menu::demand_terminal()?;
    }
    let options = Options {
        srctree: Some(session.srctree.clone()),
        environment: session.environment.clone(),
        directory: None,
        shell_cache: args.shell_cache.clone(),
    };
    let tree = Tree::load_with(&args.kconfig, &options).map_err(Error::usage)?;
    if !args.quiet {
        for message in tree.messages() {
            match message {
                Message::Info(text) | Message::Warning(text) => say(text),
            }
        }
    }
    let mut state = State::new(&tree);
    session.read(&mut state)?;
    if args.command == Command::Menu {
        return session.menu(state);
    }
    let (text, default) = session.result(&tree, &mut state)?;
    if !args.quiet {
        state.warnings().iter().for_each(say);
    }
    let strict = session.variable("KCONFIG_WERROR").is_some();
    if strict && let Some(warning) = state.warnings().first() {
        return Err(Error::failed(format!("KCONFIG_WERROR is set, and: {}", warning.trim_start())));
    }
    match args.out.as_deref().or(default.as_deref()) {
        Some(path) if path != Path::new("-") => session.write(path, &text),
        _ => print(text),
    }
}

impl<'a> Session<'a> {
    fn new(args: &'a Kconfig) -> Result<Self> {
        let text = |s: std::ffi::OsString| s.to_string_lossy().into_owned();
        let mut environment: BTreeMap<String, String> =
            std::env::vars_os().map(|(name, value)| (text(name), text(value))).collect();
        for define in &args.define {
            let Some((name, value)) = define.split_once('=').filter(|(name, _)| !name.is_empty())
            else {
                return Err(Error::usage(format!("-D {define}: give VAR=VALUE")));
            };
            environment.insert(name.to_owned(), value.to_owned());
        }
        if let Some(srctree) = &args.srctree {
            environment.insert("srctree".to_owned(), srctree.display().to_string());
        }
        let srctree = match environment.get("srctree").filter(|srctree| !srctree.is_empty()) {
            Some(srctree) => PathBuf::from(srctree),
            None => args.kconfig.parent().unwrap_or(Path::new("")).to_owned(),
        };
        Ok(Self { args, environment, srctree })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    fn config_name(&self) -> PathBuf {
        self.variable("KCONFIG_CONFIG").filter(|name| !name.is_empty()).unwrap_or(".config").into()
    }

    /// A configuration file's text, here or in the source tree; `None` if there is none.
    fn find(&self, path: &Path) -> Result<Option<String>> {
        for path in [path.to_owned(), self.srctree.join(path)] {
            match std::fs::read(&path) {
                Ok(bytes) => return Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::failed(format!("{}: {e}", path.display()))),
            }
        }
        Ok(None)
    }

    /// The text of a file that has to be there.
    fn demand(&self, path: &Path) -> Result<String> {
        self.find(path)?
            .ok_or_else(|| Error::usage(format!("{}: there is no such file", path.display())))
    }

    /// Reads the configuration that the command starts from.
    fn read(&self, state: &mut State) -> Result<()> {
        let seed = match self.args.command {
            Command::AllNoConfig => "allno.config",
            Command::AllYesConfig => "allyes.config",
            Command::AllModConfig => "allmod.config",
            Command::AllDefConfig => "alldef.config",
            Command::RandConfig => "allrandom.config",
            _ => return self.read_config(state),
        };
        let given = self.args.config.as_deref();
        match (given, self.variable("KCONFIG_ALLCONFIG")) {
            (None, None) => {}
            (None, Some("" | "1")) => {
                for name in [seed, "all.config"] {
                    if let Some(text) = self.find(Path::new(name))? {
                        state.seed(&text, name);
                        return Ok(());
                    }
                }
                return Err(Error::usage(format!(
                    "KCONFIG_ALLCONFIG is set, and there is neither {seed} nor all.config"
                )));
            }
            (given, variable) => {
                let path = given.unwrap_or(Path::new(variable.unwrap_or_default()));
                state.seed(&self.demand(path)?, &path.display().to_string());
            }
        }
        Ok(())
    }

    fn read_config(&self, state: &mut State) -> Result<()> {
        if let Some(path) = &self.args.config {
            state.read(&self.demand(path)?, &path.display().to_string());
            return Ok(());
        }
        let own = self.config_name();
        let list = self.variable("KCONFIG_DEFCONFIG_LIST").unwrap_or_default();
        let others = list.split_whitespace().map(PathBuf::from);
        for path in std::iter::once(own).chain(others) {
            if let Some(text) = self.find(&path)? {
                state.read(&text, &path.display().to_string());
                return Ok(());
            }
        }
        Ok(())
    }

    /// What the command gives, and the file that it goes to.
    fn result(&self, tree: &Tree, state: &mut State) -> Result<(String, Option<PathBuf>)> {
        match self.args.command {
            Command::AllNoConfig => state.fill(Fill::No),
            Command::AllYesConfig => state.fill(Fill::Yes),
            Command::AllModConfig => state.fill(Fill::Mod),
            Command::AllDefConfig => state.fill(Fill::Default),
            // A menu's result goes to its file while it is open.
            Command::OldDefConfig | Command::Menu => {}
            Command::RandConfig => {
                let seed = self.seed()?;
                if !self.args.quiet {
                    say(format_args!("KCONFIG_SEED=0x{seed:X}"));
                }
                let probability = match self.variable("KCONFIG_PROBABILITY") {
                    Some(text) if !text.is_empty() => Probability::parse(text)
                        .map_err(|e| Error::usage(format!("KCONFIG_PROBABILITY: {e}")))?,
                    _ => Probability::default(),
                };
                state.fill_randomly(&mut Random::new(seed), probability);
            }
            Command::SaveDefConfig => {
                return Ok((state.write_defconfig(), Some("defconfig".into())));
            }
            Command::ListNewConfig => return Ok((state.list_new(), None)),
            Command::Explain => return Ok((self.explain(tree, state)?, None)),
        }
        Ok((state.write_config(), Some(self.config_name())))
    }

    fn seed(&self) -> Result<u32> {
        if let Some(seed) = self.args.seed {
            return Ok(seed);
        }
        if let Some(text) = self.variable("KCONFIG_SEED").filter(|text| !text.is_empty()) {
            let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
            let seed = digits.map_or_else(|| text.parse(), |hex| i64::from_str_radix(hex, 16));
            // As C does, beyond 32 bits as well as below 0.
            return seed
                .map(|seed: i64| seed as u32)
                .map_err(|_| Error::usage(format!("KCONFIG_SEED={text}: give a number")));
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(now.map_or(1, |now| now.subsec_nanos() ^ now.as_secs() as u32))
    }

    fn explain(&self, tree: &Tree, state: &mut State) -> Result<String> {
        let symbol = self.args.symbol.as_deref().unwrap_or_default();
        let name = unilith_kconfig::bare(symbol);
        state.explain_fully(name).ok_or_else(|| {
            let near = nearest(&name.to_uppercase(), tree.symbols().map(|s| &*s.name));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            Error::usage(format!("there is no symbol {name}{hint}"))
        })
    }

    /// Opens the menu, for the file that olddefconfig would write.
    fn menu(&self, state: State) -> Result {
        let file = self.args.out.clone().unwrap_or_else(|| self.config_name());
        if file == Path::new("-") {
            return Err(Error::usage(
                "--out -: the menu draws on standard output; give a file to write",
            ));
        }
        let read = self.args.config.clone().unwrap_or_else(|| self.config_name());
        let subject = Subject {
            title: format!("{} - {}", file.display(), state.tree().title()),
            saved: read == file && self.find(&file)?.is_some(),
            file: file.display().to_string(),
            ask: true,
            novelties: true,
            ..Subject::default()
        };
        super::menu::open(state, subject, &mut Files(self))
    }

    /// Writes a file, and tells it.
    fn write(&self, path: &Path, text: &str) -> Result {
        let done = self.replace(path, text)?;
        if !self.args.quiet {
            say(format_args!("unilith: {done}"));
        }
        Ok(0)
    }

    /// Writes a file; says what it did. A configuration that was there before is kept beside it,
    /// as FILE.old.
    fn replace(&self, path: &Path, text: &str) -> Result<String> {
        let failed = |e: std::io::Error| Error::failed(format!("{}: {e}", path.display()));
        let old = std::fs::read(path).ok();
        if old.as_deref() == Some(text.as_bytes()) {
            return Ok(format!("no change to {}", path.display()));
        }
        if old.is_some() && self.args.command != Command::SaveDefConfig {
            let mut name = path.as_os_str().to_owned();
            name.push(".old");
            std::fs::rename(path, name).map_err(failed)?;
        }
        unilith_kconfig::replace(path, text).map_err(Error::failed)?;
        Ok(format!("configuration written to {}", path.display()))
    }
}

/// Configuration files, for the menu.
struct Files<'a>(&'a Session<'a>);

impl Storage for Files<'_> {
    fn save(&mut self, state: &mut State, file: &str) -> std::result::Result<String, String> {
        self.0.replace(Path::new(file), &state.write_config()).map_err(|e| e.to_string())
    }

    fn load(&mut self, state: &mut State, file: &str) -> std::result::Result<String, String> {
        let text = self.0.demand(Path::new(file)).map_err(|e| e.to_string())?;
        let mut fresh = State::new(state.tree());
        fresh.read(&text, file);
        *state = fresh;
        Ok(format!("configuration read from {file}"))
    }
}
