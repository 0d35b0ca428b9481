//! The macro language: variables, functions of the user and of the language, the environment.
//!
//! A reference is `$(NAME)` or `$(FUNCTION,ARGUMENT,...)`. Nothing here runs away: references nest
//! only so deep, one token takes only so many steps and grows only so long.

use crate::hash::Map;
use crate::shell::Shell;
use std::collections::BTreeMap;

/// References inside of references.
const DEPTH_MAX: usize = 100;
/// References that one token may lead to.
const STEPS_MAX: usize = 100_000;
/// Bytes that they may expand to.
const LENGTH_MAX: usize = 1 << 20;
/// Arguments of a function.
const ARGUMENTS_MAX: usize = 16;

/// How a variable was assigned, and so when its value is expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// `=`: where it is used.
    Recursive,
    /// `:=`: where it is assigned.
    Simple,
    /// `+=`: as it was assigned first.
    Append,
}

#[derive(Clone, Debug)]
struct Variable {
    value: String,
    flavor: Flavor,
    /// It is being expanded.
    busy: usize,
}

/// Something that a macro says to the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// For standard output.
    Info(String),
    /// For standard error.
    Warning(String),
}

/// Where the reference stands.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    pub file: &'a str,
    pub line: u32,
}

/// Variables, and what their values may look at.
pub struct Macros<'a> {
    variables: Map<String, Variable>,
    environment: &'a BTreeMap<String, String>,
    pub shell: Shell<'a>,
    pub messages: Vec<Message>,
    steps: usize,
}

impl<'a> Macros<'a> {
    pub fn new(environment: &'a BTreeMap<String, String>, shell: Shell<'a>) -> Self {
        Self { variables: Map::default(), environment, shell, messages: vec![], steps: 0 }
    }

    /// A variable of the environment; empty if there is none.
    pub fn environment(&self, name: &str) -> &str {
        self.environment.get(name).map_or("", String::as_str)
    }

    /// `NAME = VALUE` and its relatives.
    pub fn assign(
        &mut self,
        name: &str,
        value: &str,
        flavor: Flavor,
        place: Place,
    ) -> Result<(), String> {
        let known = self.variables.get(name).map(|v| v.flavor);
        let append = flavor == Flavor::Append && known.is_some();
        let flavor = match flavor {
            Flavor::Append => known.unwrap_or(Flavor::Recursive),
            other => other,
        };
        let value = match flavor {
            Flavor::Simple => self.expand(value, place)?,
            _ => value.to_owned(),
        };
        let variable = self.variables.entry(name.to_owned()).or_insert(Variable {
            value: String::new(),
            flavor,
            busy: 0,
        });
        variable.flavor = flavor;
        if append {
            if variable.value.len() + value.len() > LENGTH_MAX {
                return Err(format!("the value of `{name}` becomes too long"));
            }
            variable.value.push(' ');
            variable.value.push_str(&value);
        } else {
            variable.value = value;
        }
        Ok(())
    }

    /// A text with all references in it expanded.
    pub fn expand(&mut self, text: &str, place: Place) -> Result<String, String> {
        self.steps = 0;
        self.text(text, &[], place, 0)
    }

    /// The reference at the start of `text`, behind its `$`; gives what follows it. A `$` without
    /// a parenthesis stands for itself.
    pub fn reference<'t>(
        &mut self,
        text: &'t str,
        place: Place,
    ) -> Result<(String, &'t str), String> {
        self.steps = 0;
        self.dollar(text, &[], place, 0)
    }

    fn text(
        &mut self,
        text: &str,
        arguments: &[String],
        place: Place,
        depth: usize,
    ) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let (value, behind) = self.dollar(&rest[at + 1..], arguments, place, depth)?;
            out.push_str(&value);
            rest = behind;
            if out.len() > LENGTH_MAX {
                return Err("the expansion becomes too long".to_owned());
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn dollar<'t>(
        &mut self,
        text: &'t str,
        arguments: &[String],
        place: Place,
        depth: usize,
    ) -> Result<(String, &'t str), String> {
        let Some(inner) = text.strip_prefix('(') else { return Ok(("$".to_owned(), text)) };
        let mut nest = 0_usize;
        for (at, b) in inner.bytes().enumerate() {
            match b {
                b'(' => nest += 1,
                b')' if nest == 0 => {
                    let value = self.clause(&inner[..at], arguments, place, depth + 1)?;
                    return Ok((value, &inner[at + 1..]));
                }
                b')' => nest -= 1,
                _ => {}
            }
        }
        Err(format!("the reference to `{}` does not end: expected `)`", shortened(inner)))
    }

    /// What stands between the parentheses of a reference.
    fn clause(
        &mut self,
        text: &str,
        arguments: &[String],
        place: Place,
        depth: usize,
    ) -> Result<String, String> {
        self.steps += 1;
        if depth > DEPTH_MAX {
            return Err("references are nested too deeply; is there a loop?".to_owned());
        }
        if self.steps > STEPS_MAX {
            return Err("the expansion takes too many steps".to_owned());
        }
        if let Ok(n) = text.parse::<usize>()
            && let Some(argument) = n.checked_sub(1).and_then(|n| arguments.get(n))
        {
            return Ok(argument.clone());
        }
        let parts = split(text);
        if parts.len() > ARGUMENTS_MAX {
            return Err(format!("more than {ARGUMENTS_MAX} arguments of a function"));
        }
        let mut parts = parts.into_iter();
        let name = self.text(parts.next().unwrap_or_default(), arguments, place, depth)?;
        let mut own = Vec::with_capacity(parts.len());
        for part in parts {
            own.push(self.text(part, arguments, place, depth)?);
        }
        if let Some(variable) = self.variables.get_mut(&name) {
            if own.is_empty() && variable.busy > 0 {
                return Err(format!("the variable `{name}` refers to itself"));
            }
            if variable.flavor == Flavor::Simple {
                return Ok(variable.value.clone());
            }
            variable.busy += 1;
            let value = variable.value.clone();
            let result = self.text(&value, &own, place, depth);
            if let Some(variable) = self.variables.get_mut(&name) {
                variable.busy -= 1;
            }
            return result;
        }
        if let Some(value) = self.function(&name, &own, place)? {
            return Ok(value);
        }
        let environment = if own.is_empty() { self.environment.get(&name) } else { None };
        Ok(environment.cloned().unwrap_or_default())
    }

    /// The functions of the language.
    fn function(
        &mut self,
        name: &str,
        arguments: &[String],
        place: Place,
    ) -> Result<Option<String>, String> {
        let count = match name {
            "filename" | "lineno" => 0,
            "info" | "shell" => 1,
            "error-if" | "warning-if" => 2,
            _ => return Ok(None),
        };
        if arguments.len() != count {
            let given = arguments.len();
            return Err(format!("`{name}` takes {count} arguments and is given {given}"));
        }
        let value = match (name, arguments) {
            ("filename", _) => place.file.to_owned(),
            ("lineno", _) => place.line.to_string(),
            ("info", [text]) => {
                self.messages.push(Message::Info(text.clone()));
                String::new()
            }
            ("shell", [command]) => self.shell.run(command)?,
            ("error-if", [condition, text]) if condition == "y" => return Err(text.clone()),
            ("warning-if", [condition, text]) if condition == "y" => {
                let text = format!("{}:{}: {text}", place.file, place.line);
                self.messages.push(Message::Warning(text));
                String::new()
            }
            _ => String::new(),
        };
        Ok(Some(value))
    }
}

/// The parts between commas that are in no parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut nest) = (vec![], 0, 0_i64);
    for (at, b) in text.bytes().enumerate() {
        match b {
            b'(' => nest += 1,
            b')' => nest -= 1,
            b',' if nest == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn shortened(text: &str) -> &str {
    let end = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    text[..end].trim_end()
}
