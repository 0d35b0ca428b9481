//! The graph as a picture: in graphviz's language, and laid out.

use super::{Graph, Uses, layout};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What lays a picture out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In layers, callers above, by graphviz: this `dot`.
    Layers(PathBuf),
    /// On a ring, by nothing but this crate.
    Ring,
}

/// Fill and line of a family.
pub(super) type Colours = (&'static str, &'static str);

const PALETTE: [Colours; 14] = [
    ("#cfe2f3", "#2f6fab"),
    ("#d9ead3", "#4c8c2b"),
    ("#fce5cd", "#c9741a"),
    ("#ead1dc", "#a03a6b"),
    ("#fff2cc", "#a88600"),
    ("#d9d2e9", "#6a4fa0"),
    ("#f4cccc", "#b83a3a"),
    ("#d0e8e4", "#1f8577"),
    ("#e6e0d4", "#7a6a48"),
    ("#dfe7fd", "#4a5fc1"),
    ("#e2f0cb", "#6f9a1d"),
    ("#fbd7e8", "#c2407f"),
    ("#e0f7fa", "#0e8fa5"),
    ("#f0d9c8", "#99572a"),
];
const GREY: Colours = ("#e8e8e8", "#777777");

/// The language's own crates.
const LANGUAGE: [&str; 5] = ["core", "alloc", "std", "compiler_builtins", "__rustc"];

impl Graph {
    /// What a node has its colour from.
    pub(super) fn family<'a>(&self, node: &'a str) -> &'a str {
        if self.unit == "directories" {
            return node;
        }
        match node.split_once('/') {
            Some(("lib", rest)) => {
                let family = rest.split('/').next().unwrap_or_default();
                &node[..4 + family.len()]
            }
            Some((family, _)) => family,
            None if LANGUAGE.contains(&node) => "Rust",
            None if node.starts_with('(') => "composition root",
            None if self.subject.starts_with(node) => "application",
            None => "crates",
        }
    }

    /// The families and their colours.
    pub(super) fn families(&self) -> BTreeMap<&str, Colours> {
        let mut names: Vec<&str> = self.nodes.iter().map(|node| self.family(node)).collect();
        names.sort_unstable();
        names.dedup();
        let mut colours = PALETTE.iter().cycle();
        let mut colour = |name| match name {
            "Rust" => GREY,
            _ => *colours.next().unwrap_or(&GREY),
        };
        names.into_iter().map(|name| (name, colour(name))).collect()
    }

    /// What has the colours of every node.
    pub(super) fn colours(&self) -> impl Fn(&str) -> Colours {
        let families = self.families();
        move |node| families.get(self.family(node)).copied().unwrap_or(GREY)
    }

    /// In graphviz's language.
    pub fn dot(&self) -> String {
        let mut text = String::from("digraph image {\n");
        let _ = writeln!(
            text,
            "  rankdir=TB; ranksep=0.9; nodesep=0.25; labelloc=t; fontname=\"sans-serif\";\n  \
             label={};\n  node [shape=box, style=\"filled,rounded\", fontname=\"sans-serif\", \
             fontsize=12, height=0.35, margin=\"0.12,0.04\"];\n  edge [fontname=\"sans-serif\", \
             fontsize=9, arrowsize=0.6];",
            self.label()
        );
        let colours = self.colours();
        for node in &self.nodes {
            let (fill, line) = colours(node);
            let _ = writeln!(text, "  {} [fillcolor=\"{fill}\", color=\"{line}\"];", quoted(node));
        }
        for ((from, to), uses) in &self.edges {
            let (_, line) = colours(from);
            let _ = write!(text, "  {} -> {} [color=\"{line}\"", quoted(from), quoted(to));
            if uses.sites > 0 {
                let _ = write!(
                    text,
                    ", label=\"{}\", fontcolor=\"{line}\", penwidth={:.1}",
                    uses.sites,
                    width(uses)
                );
            } else if uses.references > 0 {
                text.push_str(", style=dashed, penwidth=0.6");
            }
            let _ = writeln!(text, ", tooltip={}];", quoted(&tooltip(from, to, uses)));
        }
        text.push_str("}\n");
        text
    }

    /// Title, numbers and legend.
    fn label(&self) -> String {
        let mut text = format!(
            "<<table border=\"0\" cellspacing=\"3\"><tr><td><font point-size=\"20\"><b>{}</b></font></td></tr>\
             <tr><td>{}</td></tr><tr><td><font color=\"#555555\">{}</font></td></tr>",
            escaped(&self.subject),
            escaped(&self.summary_line()),
            escaped(&self.key()),
        );
        if self.unit != "directories" {
            text.push_str("<tr><td><table border=\"0\" cellspacing=\"6\"><tr>");
            for (name, (fill, line)) in self.families() {
                let _ = write!(
                    text,
                    "<td border=\"1\" color=\"{line}\" bgcolor=\"{fill}\" style=\"rounded\">{}</td>",
                    escaped(name)
                );
            }
            text.push_str("</tr></table></td></tr>");
        }
        text.push_str("</table>>");
        text
    }

    /// What the lines mean.
    pub(super) fn key(&self) -> String {
        let lines = if self.summary().uses.sites == 0 {
            "a line: from a library to one that it is written against"
        } else {
            "a line: from the caller, with the places that call; dashed: takes an address only"
        };
        format!("{}; {lines}", self.method)
    }

    /// As a drawing.
    ///
    /// # Errors
    /// Graphviz fails.
    pub fn svg(&self, layout: &Layout) -> Result<String, String> {
        match layout {
            Layout::Layers(dot) => graphviz(dot, &self.dot()),
            Layout::Ring => Ok(layout::svg(self)),
        }
    }
}

/// Width of a line, in points.
pub(super) fn width(uses: &Uses) -> f64 {
    0.5 + (1.0 + uses.sites as f64).log2() * 0.4
}

/// An edge in words.
pub(super) fn tooltip(from: &str, to: &str, uses: &Uses) -> String {
    if *uses == Uses::default() {
        return format!("{from} -> {to}");
    }
    let Uses { sites, calls, inlined, references } = uses;
    format!(
        "{from} -> {to}: {sites} call sites ({calls} calls, {inlined} inlined copies, {references} addresses taken)"
    )
}

/// A string of graphviz's language.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Text inside of markup.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn graphviz(dot: &Path, text: &str) -> Result<String, String> {
    let failed = |why: &dyn std::fmt::Display| format!("{}: {why}", dot.display());
    let mut command = Command::new(dot);
    command.arg("-Tsvg").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|e| failed(&e))?;
    // It reads everything before it writes.
    let written = child.stdin.take().map_or(Ok(()), |mut pipe| pipe.write_all(text.as_bytes()));
    let output = child.wait_with_output().map_err(|e| failed(&e))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr).trim()));
    }
    written.map_err(|e| failed(&e))?;
    let svg = String::from_utf8_lossy(&output.stdout);
    // Without the XML declaration, so that a page can hold it.
    Ok(svg.find("<svg").map_or_else(|| svg.to_string(), |start| svg[start..].to_owned()))
}
