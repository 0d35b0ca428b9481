//! The lines that say what followed from the last change.

use crate::dialog::Dialog;
use crate::menu::Menu;
use crate::text;
use unilith_kconfig::SymbolId;

/// What a line of the panel is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    In,
    Out,
}

impl Menu<'_> {
    /// At most `height` lines of the panel, of `width` columns.
    pub(crate) fn panel_lines(&self, width: usize, height: usize) -> Vec<(Tone, String)> {
        lines(self.panel_parts(), width, height)
    }

    /// All that followed from the last change, for those to whom the panel shows too little.
    pub(crate) fn show_consequences(&mut self) {
        self.settle();
        let title = self.consequences.as_ref().map_or("Consequences", |all| &all.cause);
        let parts: Vec<String> = self.panel_parts().into_iter().map(|(_, text)| text).collect();
        let dialog = Dialog::text(title, parts.join("\n\n"));
        self.dialogs.push(dialog);
    }

    fn panel_parts(&self) -> Vec<(Tone, String)> {
        let Some(all) = &self.consequences else {
            let what = if self.subject.libraries.is_empty() { "symbols" } else { "libraries" };
            let text = format!("Here stands which {what} a change pulls in, and which it drops.");
            return vec![(Tone::Plain, text)];
        };
        let mut parts = vec![];
        let groups = [
            (Tone::In, "Pulled in", &all.pulled_in, false),
            (Tone::Out, "Dropped", &all.dropped, false),
            (Tone::Plain, "Other values", &all.changed, true),
        ];
        for (tone, what, symbols, values) in groups {
            if !symbols.is_empty() {
                let names = self.names(symbols, values);
                parts.push((tone, format!("{what} ({}): {}", names.len(), names.join(", "))));
            }
        }
        if parts.is_empty() {
            parts.push((Tone::Plain, "Nothing else is different.".to_owned()));
        }
        parts
    }

    /// What symbols are called here, libraries first.
    fn names(&self, symbols: &[SymbolId], values: bool) -> Vec<String> {
        let tree = self.state.tree();
        let (mut libraries, mut others) = (vec![], vec![]);
        for &id in symbols {
            let name = &tree.get(id).name;
            match self.subject.libraries.get(&**name) {
                Some(known) => libraries.extend(known.iter().cloned()),
                None if values => others.push(format!("{name}={}", self.value_of(id))),
                None => others.push(name.to_string()),
            }
        }
        libraries.append(&mut others);
        libraries
    }
}

/// Breaks parts into lines. Every part has at least one; the first ones get what there is more
/// of, and what is cut off ends with an ellipsis.
fn lines(parts: Vec<(Tone, String)>, width: usize, height: usize) -> Vec<(Tone, String)> {
    let mut out = vec![];
    let count = parts.len();
    for (number, (tone, text)) in parts.into_iter().enumerate() {
        let behind = count - number - 1;
        let room = height.saturating_sub(out.len() + behind).max(1);
        let mut wrapped = text::wrap(&text, width);
        if wrapped.len() > room {
            wrapped.truncate(room);
            if let Some(last) = wrapped.last_mut() {
                while text::width(last) + 2 > width && last.pop().is_some() {}
                last.push_str(" \u{2026}");
            }
        }
        out.extend(wrapped.into_iter().map(|line| (tone, line)));
    }
    out.truncate(height);
    out
}
