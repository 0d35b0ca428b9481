//! `$(shell,COMMAND)`, and a cache of the answers.
//!
//! Most of the time that Linux's tree takes is spent on asking a compiler what it can do. With a
//! cache a question is asked once: an answer counts for the same command in the same environment.

use crate::hash::Map;
use crate::model::Options;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

/// Bytes of a command's output that count; what comes behind them is not read.
const OUTPUT_MAX: usize = 4095;
/// The first line of a cache file.
const HEADING: &str = "kconfig shell cache 1";
/// Answers that a cache file keeps.
const ANSWERS_MAX: usize = 1 << 16;
/// Variables of the environment that say nothing about what a command finds.
const UNRELATED: [&str; 7] =
    ["_", "SHLVL", "OLDPWD", "KCONFIG_CONFIG", "KCONFIG_ALLCONFIG", "KCONFIG_SEED", "MAKELEVEL"];

/// Runs commands in an environment.
pub struct Shell<'a> {
    options: &'a Options,
    cache: Option<Cache>,
}

impl<'a> Shell<'a> {
    /// Reads the cache file, if there is to be one.
    ///
    /// # Errors
    /// A cache file that is something else.
    pub fn new(options: &'a Options) -> Result<Self, String> {
        let cache = options.shell_cache.as_ref();
        let cache = cache.map(|path| Cache::read(path, options)).transpose()?;
        Ok(Self { options, cache })
    }

    /// What a command prints, in one line.
    pub fn run(&mut self, command: &str) -> Result<String, String> {
        if let Some(answer) = self.cache.as_ref().and_then(|cache| cache.get(command)) {
            return Ok(answer.to_owned());
        }
        let answer = run(command, self.options)?;
        if let Some(cache) = &mut self.cache {
            cache.put(command, &answer);
        }
        Ok(answer)
    }

    /// Writes what is new into the cache file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self) -> Result<(), String> {
        self.cache.as_ref().map_or(Ok(()), Cache::write)
    }
}

fn run(command: &str, options: &Options) -> Result<String, String> {
    let failed = |e: std::io::Error| format!("the shell cannot be run: {e}");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).env_clear().envs(&options.environment).stdout(Stdio::piped());
    if let Some(directory) = &options.directory {
        shell.current_dir(directory);
    }
    let mut child = shell.spawn().map_err(failed)?;
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        stdout.take(OUTPUT_MAX as u64).read_to_end(&mut output).map_err(failed)?;
    }
    child.wait().map_err(failed)?;
    let text = String::from_utf8_lossy(&output);
    Ok(text.trim_end_matches('\n').replace('\n', " "))
}

/// Answers by environment and command.
struct Cache {
    path: std::path::PathBuf,
    /// A digest of the environment.
    here: String,
    answers: Map<(String, String), String>,
    changed: bool,
}

impl Cache {
    fn read(path: &Path, options: &Options) -> Result<Self, String> {
        let mut cache = Self {
            path: path.to_owned(),
            here: digest(options),
            answers: Map::default(),
            changed: false,
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(cache),
            Err(e) => return Err(format!("{}: {e}", path.display())),
        };
        let mut lines = text.lines();
        if lines.next().is_some_and(|line| line != HEADING) {
            return Err(format!("{} is no shell cache; name another file", path.display()));
        }
        for line in lines {
            let mut fields = line.splitn(3, '\t');
            if let (Some(environment), Some(command), Some(answer)) =
                (fields.next(), fields.next(), fields.next())
            {
                let key = (environment.to_owned(), unescape(command));
                cache.answers.insert(key, unescape(answer));
            }
        }
        Ok(cache)
    }

    fn get(&self, command: &str) -> Option<&str> {
        self.answers.get(&(self.here.clone(), command.to_owned())).map(String::as_str)
    }

    fn put(&mut self, command: &str, answer: &str) {
        if self.answers.len() >= ANSWERS_MAX {
            let here = &self.here;
            self.answers.retain(|(environment, _), _| environment == here);
        }
        self.answers.insert((self.here.clone(), command.to_owned()), answer.to_owned());
        self.changed = true;
    }

    fn write(&self) -> Result<(), String> {
        if !self.changed {
            return Ok(());
        }
        let mut lines: Vec<String> = self
            .answers
            .iter()
            .map(|((e, command), answer)| format!("{e}\t{}\t{}\n", escape(command), escape(answer)))
            .collect();
        lines.sort();
        let text = format!("{HEADING}\n{}", lines.concat());
        crate::files::replace(&self.path, &text)
    }
}

/// 128 bits that stand for an environment and a directory (FNV-1a).
fn digest(options: &Options) -> String {
    let mut hash = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    let mut add = |bytes: &[u8]| {
        for b in bytes.iter().chain(&[0]) {
            hash = (hash ^ u128::from(*b)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    };
    if let Some(directory) = &options.directory {
        add(directory.as_os_str().as_encoded_bytes());
    }
    for (name, value) in &options.environment {
        if !UNRELATED.contains(&name.as_str()) {
            add(name.as_bytes());
            add(value.as_bytes());
        }
    }
    let mut text = String::new();
    let _ = write!(text, "{hash:032x}");
    text
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r")
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => out.push('\r'),
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}
