//! Applications: a directory with `unilith.toml`, or a Linux program by itself.

use crate::{Error, read};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file that makes a directory an application.
pub const FILE: &str = "unilith.toml";

/// Its keys.
pub const KEYS: [&str; 16] = [
    "name", "kind", "program", "package", "sources", "flags", "args", "env", "rootfs", "include",
    "publish", "volumes", "net", "memory", "profile", "config",
];

/// `unilith.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// Names the image.
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// The configuration that it starts from: a file in `profiles/`. See [`App::profile`].
    pub profile: Option<String>,
    /// Arguments, used where the command line gives none.
    #[serde(default)]
    pub args: Vec<String>,
    /// Environment variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The root file system: a directory, a cpio or a tar archive, relative to the application.
    pub rootfs: Option<PathBuf>,
    /// `kind = "elf"`: the program, relative to the application, or a name that is looked up.
    pub program: Option<PathBuf>,
    /// The system's package that has the program.
    pub package: Option<String>,
    /// `kind = "c"`: what is compiled, relative to the application. See [`App::sources`].
    pub sources: Option<Vec<PathBuf>>,
    /// `kind = "c"`: arguments of the C compiler. See [`App::flags`].
    pub flags: Option<Vec<String>>,
    /// Files and directories for the root file system: `PATH` or `PATH:GUESTPATH`.
    #[serde(default)]
    pub include: Vec<String>,
    /// Ports of the host that lead to the guest: `[IP:]HOST:GUEST[/udp]`.
    #[serde(default)]
    pub publish: Vec<String>,
    /// Directories of the host that the guest mounts: `DIR:GUESTPATH[:ro]`.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// The network: `user`, `tap=IFNAME` or `none`.
    pub net: Option<String>,
    /// Memory of the machine, in MiB.
    pub memory: Option<u64>,
    /// Configuration symbols.
    #[serde(default)]
    pub config: BTreeMap<String, toml::Value>,
    /// Where the application is; empty for a program by itself.
    #[serde(skip)]
    pub directory: PathBuf,
}

/// What an application is made of.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A library crate with a function `main`.
    Rust,
    /// A Linux program, unmodified: it travels in the root image.
    Elf,
    /// C sources, compiled on this machine into a Linux program.
    C,
}

impl Kind {
    /// Whether it is a Linux program, which needs what runs one.
    pub fn is_program(self) -> bool {
        matches!(self, Self::Elf | Self::C)
    }
}

impl App {
    /// Reads the application in `directory`.
    ///
    /// # Errors
    /// There is none, or its file says something unknown.
    pub fn load(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(FILE);
        if !path.is_file() {
            return Err(Error::file(
                directory,
                format!(
                    "no application here: there is no {FILE}. Give the directory of an application (such as apps/hello) or a Linux program"
                ),
            ));
        }
        let text = read(&path)?;
        let table: toml::Table = toml::from_str(&text).map_err(|e| Error::file(&path, e))?;
        if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
            let hint = match unilith_kconfig::nearest(key, KEYS) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("keys are {}", KEYS.join(", ")),
            };
            return Err(Error::file(&path, format!("there is no key {key}; {hint}")));
        }
        let mut app: Self = toml::from_str(&text).map_err(|e| Error::file(&path, e))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if app.name.is_empty() || !app.name.chars().all(plain) {
            return Err(Error::file(&path, "name: letters, digits, - and _ only"));
        }
        app.directory = directory.canonicalize().map_err(|e| Error::file(directory, e))?;
        Ok(app)
    }

    /// The application that runs any Linux program; `server` if it needs more than files.
    pub fn elf(server: bool) -> Self {
        Self {
            name: if server { "server" } else { "elf" }.to_owned(),
            kind: Kind::Elf,
            profile: server.then(|| "server".to_owned()),
            args: vec![],
            env: BTreeMap::new(),
            rootfs: None,
            program: None,
            package: None,
            sources: None,
            flags: None,
            include: vec![],
            publish: vec![],
            volumes: vec![],
            net: None,
            memory: None,
            config: BTreeMap::new(),
            directory: PathBuf::new(),
        }
    }

    /// The configuration that it starts from: its own choice, else what its kind needs.
    pub fn profile(&self) -> &str {
        self.profile.as_deref().unwrap_or(match self.kind {
            Kind::Rust => "default",
            Kind::Elf | Kind::C => "elf",
        })
    }

    /// What is compiled, for `kind = "c"`: `main.c` if it does not say.
    pub fn sources(&self) -> Vec<PathBuf> {
        self.sources.clone().unwrap_or_else(|| vec!["main.c".into()])
    }

    /// The arguments of the C compiler, for `kind = "c"`: those for a static program, which needs
    /// no libraries in its root file system, if it does not say.
    pub fn flags(&self) -> Vec<String> {
        let default = || ["-O2", "-static-pie"].map(str::to_owned).to_vec();
        self.flags.clone().unwrap_or_else(default)
    }

    /// Whether it asks for what only a server needs: a network or volumes.
    pub fn serves(&self) -> bool {
        let net = self.net.as_ref().is_some_and(|net| net != "none");
        net || !self.publish.is_empty() || !self.volumes.is_empty()
    }

    /// The application's crate: package name, for `kind = "rust"`.
    ///
    /// # Errors
    /// Its `Cargo.toml` cannot be read.
    pub fn package(&self) -> Result<String, Error> {
        #[derive(Deserialize)]
        struct Manifest {
            package: Package,
        }
        #[derive(Deserialize)]
        struct Package {
            name: String,
        }
        let path = self.directory.join("Cargo.toml");
        if !path.is_file() {
            return Err(Error::file(
                &path,
                "no such file; kind = \"rust\" needs a library crate with a function `main`, such as apps/hello",
            ));
        }
        let manifest: Manifest =
            toml::from_str(&read(&path)?).map_err(|e| Error::file(&path, e))?;
        Ok(manifest.package.name)
    }

    /// The assignments of `[config]`, as `SYMBOL=VALUE`.
    ///
    /// # Errors
    /// A value that is neither true or false, a number, nor text.
    pub fn assignments(&self) -> Result<Vec<String>, Error> {
        let path = self.directory.join(FILE);
        let text = |(name, value): (&String, &toml::Value)| match value {
            toml::Value::Boolean(true) => Ok(format!("{name}=y")),
            toml::Value::Boolean(false) => Ok(format!("{name}=n")),
            toml::Value::Integer(number) => Ok(format!("{name}={number}")),
            toml::Value::String(text) => Ok(format!("{name}={text}")),
            _ => Err(Error::file(
                &path,
                format!("config.{name}: give true, false, a number or a text"),
            )),
        };
        self.config.iter().map(text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_documented() {
        let document = include_str!("../../../docs/applications.md");
        for key in KEYS {
            assert!(document.contains(&format!("\n| `{key}` | ")), "{key}");
        }
    }
}
