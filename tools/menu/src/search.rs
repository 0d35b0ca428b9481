//! Finding entries by the names and prompts of their symbols.

use unilith_kconfig::{MenuEntry, MenuId, Tree};

/// An entry as the search sees it.
#[derive(Clone, Debug)]
struct Candidate {
    entry: MenuId,
    name: String,
    prompt: String,
}

/// All that can be found; made when somebody searches first.
#[derive(Clone, Debug)]
pub struct Index(Vec<Candidate>);

impl Index {
    /// Every symbol's first entry with a prompt, else its first; menus; named choices.
    pub fn new(tree: &Tree) -> Self {
        let mut all = vec![];
        let mut stack: Vec<MenuEntry> = vec![tree.menu()];
        while let Some(entry) = stack.pop() {
            let at = stack.len();
            stack.extend(entry.children());
            stack[at..].reverse();
            if entry.id() == MenuId::ROOT {
                continue;
            }
            let prompt = entry.prompt().unwrap_or_default().to_lowercase();
            let name = match entry.symbol() {
                Some(symbol) => {
                    let mut entries = tree.entries(symbol);
                    let best = entries.find(|entry| entry.prompt().is_some());
                    let best = best.or_else(|| tree.entries(symbol).next());
                    if best.is_some_and(|best| best.id() != entry.id()) {
                        continue;
                    }
                    tree.get(symbol).name.to_lowercase()
                }
                None if prompt.is_empty() => continue,
                None => String::new(),
            };
            all.push(Candidate { entry: entry.id(), name, prompt });
        }
        Self(all)
    }

    /// The entries whose names and prompts contain all words of `query`, in any case: those that
    /// are named so, those whose names begin so, then the others, each in the tree's order.
    pub fn find(&self, query: &str) -> Vec<MenuId> {
        let query = query.to_lowercase();
        let words: Vec<&str> = query
            .split_whitespace()
            .map(|word| word.strip_prefix("config_").unwrap_or(word))
            .filter(|word| !word.is_empty())
            .collect();
        let Some(first) = words.first() else { return vec![] };
        let matches = |candidate: &&Candidate| {
            words
                .iter()
                .all(|word| candidate.name.contains(word) || candidate.prompt.contains(word))
        };
        let rank = |candidate: &Candidate| match candidate.name.strip_prefix(first) {
            Some("") => 0,
            Some(_) => 1,
            None if candidate.name.contains(first) => 2,
            None => 3,
        };
        let mut found: Vec<(u8, MenuId)> =
            self.0.iter().filter(matches).map(|c| (rank(c), c.entry)).collect();
        found.sort_by_key(|(rank, _)| *rank);
        found.into_iter().map(|(_, entry)| entry).collect()
    }
}
