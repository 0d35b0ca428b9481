//! A line of text that a user edits.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The longest line that somebody can type; there are no symbols with longer values.
const LONGEST: usize = 4096;

/// A line of text, and where in it the next character goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    before: String,
    after: String,
}

impl Input {
    /// Starts with a text, at its end.
    pub fn new(text: &str) -> Self {
        Self { before: text.to_owned(), after: String::new() }
    }

    /// The whole text.
    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// The part before the cursor and the part behind it.
    pub fn parts(&self) -> (&str, &str) {
        (&self.before, &self.after)
    }

    /// Takes a key; false if it is not for editing.
    pub fn key(&mut self, key: KeyEvent) -> bool {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if control => self.before.clear(),
            KeyCode::Char('k') if control => self.after.clear(),
            KeyCode::Char('a') if control => self.home(),
            KeyCode::Char('e') if control => self.end(),
            KeyCode::Char(_) if control => return false,
            KeyCode::Char(c) if self.before.len() + self.after.len() < LONGEST => {
                self.before.push(c);
            }
            KeyCode::Char(_) => {}
            KeyCode::Backspace => drop(self.before.pop()),
            KeyCode::Delete if !self.after.is_empty() => drop(self.after.remove(0)),
            KeyCode::Delete => {}
            KeyCode::Left => {
                if let Some(c) = self.before.pop() {
                    self.after.insert(0, c);
                }
            }
            KeyCode::Right => {
                if !self.after.is_empty() {
                    self.before.push(self.after.remove(0));
                }
            }
            KeyCode::Home => self.home(),
            KeyCode::End => self.end(),
            _ => return false,
        }
        true
    }

    fn home(&mut self) {
        self.after = self.text();
        self.before.clear();
    }

    fn end(&mut self) {
        self.before = self.text();
        self.after.clear();
    }
}
