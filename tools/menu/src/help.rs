//! All about an entry.

use std::fmt::Write as _;
use unilith_kconfig::{EntryKind, MenuEntry, MenuId, State};

/// The menus around an entry, outermost first.
pub fn path(entry: MenuEntry) -> String {
    let mut titles: Vec<&str> = std::iter::successors(entry.parent(), MenuEntry::parent)
        .filter(|parent| parent.id() != MenuId::ROOT)
        .filter_map(|parent| parent.prompt())
        .collect();
    titles.reverse();
    titles.insert(0, "Main menu");
    titles.join(" > ")
}

/// The title and the text that help shows.
pub fn help(state: &mut State, id: MenuId) -> (String, String) {
    let tree = state.tree();
    let entry = tree.entry(id);
    let symbol = entry.symbol().map(|symbol| tree.get(symbol));
    let title = entry.prompt().or(symbol.map(|s| &*s.name)).unwrap_or_default().to_owned();
    let own = entry.help().or(symbol.map(|symbol| tree.help(symbol)));
    let own = own.map(str::trim_end).filter(|text| !text.is_empty());
    let mut out = String::new();
    if let (EntryKind::Symbol(_) | EntryKind::MenuSymbol(_), Some(symbol)) = (entry.kind(), symbol)
    {
        let _ = writeln!(out, "CONFIG_{}:\n", symbol.name);
    }
    let _ = writeln!(out, "{}\n", own.unwrap_or("There is no help for this."));
    let explained = match (entry.kind(), symbol) {
        (EntryKind::Symbol(_) | EntryKind::MenuSymbol(_), Some(symbol)) => {
            state.explain_fully(&symbol.name)
        }
        _ => None,
    };
    match explained {
        Some(text) => out.push_str(&text),
        None => {
            if let Some(condition) = entry.depends_on() {
                let _ = writeln!(out, "Depends on: {condition}");
            }
            let _ = writeln!(out, "Defined at {}", entry.location());
        }
    }
    if let EntryKind::Choice(choice) = entry.kind() {
        for &member in tree.members(choice) {
            let name = &tree.get(member).name;
            let _ = writeln!(out, "Member: {name} [={}]", state.value(member));
        }
    }
    let _ = writeln!(out, "Location: {}", path(entry));
    (title, out)
}
